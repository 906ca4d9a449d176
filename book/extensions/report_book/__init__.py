"""A Sphinx extension: the pages of this report that are made from what is there, so that they cannot go stale.

Lists of chapters, exercises, symbols and public names are read from the contents, the notebooks and the library at each
build. Each module here makes one kind of page, or one kind of link.
"""

from importlib import import_module

from sphinx.application import Sphinx

MODULES = (
    "api",
    "api_links",
    "bibliography",
    "citation",
    "exercises",
    "landing",
    "notation",
    "numerals",
    "page_numbers",
    "printed",
    "roads",
    "terms",
    "unbroken",
)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    for name in MODULES:
        import_module(f"{__name__}.{name}").setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
