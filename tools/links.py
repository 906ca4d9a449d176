"""Follow every link that leads out of the report, and say which lead nowhere. Needs the network; runs no notebook."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from common import ROOT, environment, say

SETTINGS = {
    "linkcheck_retries": 3,
    "linkcheck_timeout": 30,
    # Publishers turn programs away from pages that a browser shows: what a DOI leads to is theirs to keep.
    "linkcheck_ignore": [r"https?://(dx\.)?doi\.org/"],
    # Many pages make their anchors by a script, which a check of links does not run.
    "linkcheck_anchors": False,
}


class LinksError(Exception):
    """The links could not be checked; the message says why."""


def main() -> int:
    """Check the links; return 1 if one leads nowhere, or they could not be checked."""
    try:
        links = followed(ROOT)
    except LinksError as error:
        say(f"the links could not be checked:\n{error}")
        return 1
    broken = [link for link in links if link["status"] in ("broken", "timeout")]
    for link in broken:
        say(f"{link['filename']}:{link['lineno']}: {link['uri']}: {link['info']}")
    outside = {link["uri"] for link in links if link["uri"].startswith("http")}
    say(f"{len(outside)} links lead out of the report; {len({link['uri'] for link in broken})} of them lead nowhere")
    return 1 if broken else 0


def followed(root: Path) -> list[dict]:
    """Return what Sphinx says of each link in the report whose configuration is in ``root``."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "config.yml")
        settings.write_text(yaml.safe_dump(configuration(root), sort_keys=False), encoding="utf-8")
        command = [Path(sys.executable).with_name("jupyter-book"), "build", root, "--builder", "linkcheck"]
        command += ["--config", settings, "--path-output", folder]
        # A broken link is an error to Sphinx, and no reason to stop: its exit status does not count.
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "check": False}
        done = subprocess.run(command, cwd=root, env=environment(), **options)
        results = Path(folder, "_build", "html", "output.json")
        if not results.exists():
            raise LinksError(done.stdout[-3000:])
        return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]


def configuration(root: Path) -> dict:
    """Return what _config.yml says, with the settings of the check, and with the outputs of notebooks as stored."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    config["execute"] = {"execute_notebooks": "off"}
    sphinx = config.setdefault("sphinx", {})
    sphinx["config"] = sphinx.get("config", {}) | SETTINGS
    extensions = sphinx.get("local_extensions", {})
    extensions |= {name: str(root / path) for name, path in extensions.items()}  # else relative to the new file
    return config


if __name__ == "__main__":
    sys.exit(main())
