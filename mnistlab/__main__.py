"""The command ``mnistlab``, also as ``python -m mnistlab``."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line, or say what it needs."""
    try:
        from mnistlab.cli import app
    except ModuleNotFoundError as error:
        sys.exit(f"the command line needs {error.name}: pip install 'mnistlab[cli]'")
    app()


if __name__ == "__main__":
    main()
