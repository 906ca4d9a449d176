"""Values that the text takes from the run: MyST-NB reads them, and a notebook writes them without it."""

from __future__ import annotations

from IPython.core.formatters import format_display_data
from IPython.display import display as show

HIDDEN = "application/papermill.record/"
"""Before the kind of an output, it keeps viewers from showing it."""


def glue(name: str, value: object, display: bool = True) -> None:
    """Keep a value for the text, as `` {glue:text}`name` ``.

    The record is the one that ``myst_nb.glue`` writes and MyST-NB reads, which a reader in Colab does not have.

    Parameters
    ----------
    name
        A name of its own in the notebook.
    value
        Anything that a notebook can show.
    display
        Show it also where it is glued.
    """
    data, metadata = format_display_data(value)
    prefix = "" if display else HIDDEN
    record = {"name": name, "mime_prefix": prefix}
    show({prefix + kind: form for kind, form in data.items()}, metadata={**metadata, "scrapbook": record}, raw=True)
