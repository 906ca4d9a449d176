"""A Sphinx extension: what this report needs otherwise than Jupyter Book does it."""

from pathlib import PurePosixPath
from urllib.parse import urlsplit

import repository
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("config-inited", lead_buttons_to_this_repository)
    app.connect("doctree-read", put_chapters_last, priority=900)
    app.connect("html-page-context", launch_resolved_notebooks, priority=900)
    app.connect("html-page-context", leave_out_thebe, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def lead_buttons_to_this_repository(app: Sphinx, config: Config) -> None:
    """Let the buttons of a fork's pages lead to the fork: to launch, to edit, to report a mistake."""
    if not config.html_theme_options.get("repository_url"):
        return
    try:
        config.html_theme_options["repository_url"] = repository.address()
    except ValueError as error:
        raise ConfigError(str(error)) from None


def launch_resolved_notebooks(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Let Colab and Binder open a chapter as they can show it: from the branch that holds the resolved notebooks."""
    name = urlsplit(app.config.html_theme_options.get("repository_url", "")).path.strip("/")
    services = app.config.html_theme_options.get("launch_buttons", {})
    file, branch = f"{PurePosixPath(pagename).name}.ipynb", repository.NOTEBOOKS_BRANCH
    for group in context.get("header_buttons", ()):
        if group.get("label") != "launch-buttons":
            continue
        for button in group["buttons"]:
            if button["text"] == "Colab":
                button["url"] = f"{services['colab_url']}/github/{name}/blob/{branch}/{file}"
            elif button["text"] == "Binder":
                button["url"] = f"{services['binderhub_url']}/v2/gh/{name}/{branch}?urlpath=lab/tree/{file}"


def put_chapters_last(app: Sphinx, doctree: nodes.document) -> None:
    """In print, let the chapters follow the whole front page.

    They would stand where the page lists them, as parts of that section.
    """
    if app.builder.name != "latex" or app.env.docname != app.config.root_doc:
        return
    (page,) = (node for node in doctree.children if isinstance(node, nodes.section))
    for toctree in list(doctree.findall(addnodes.toctree)):
        wrapper = toctree.parent
        wrapper.parent.remove(wrapper)
        page.append(wrapper)


def leave_out_thebe(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Drop the scripts of Thebe, which Jupyter Book adds to every page, twice, unasked.

    Thebe runs code on a server elsewhere; its second copy makes every page complain in the browser's console.
    """
    context["script_files"] = [
        script
        for script in context["script_files"]
        if "thebe" not in str(getattr(script, "filename", "")) + str(getattr(script, "attributes", {}).get("body"))
    ]
