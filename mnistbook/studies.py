"""The studies that are too long for every build: ``python -m mnistbook.studies``, or ``make experiments``.

A chapter's module ``study`` is one. It defines ``NAME``; ``DESCRIPTION``, one line that says how long it takes;
and ``run(folder, workers=None)``, which calls :func:`~mnistlab.sweeps.runner.sweep` with that folder for what is
done, and :func:`~mnistbook.results.write` at the end.
"""

from __future__ import annotations

import argparse
import pkgutil
import sys
import traceback
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import mnistbook
from mnistlab.sweeps.provenance import checkout, provenance

__all__ = ["Study", "find_studies", "run_studies", "runs_folder"]


class Study(Protocol):
    """What a chapter's module ``study`` defines."""

    NAME: str
    DESCRIPTION: str

    def run(self, folder: Path, workers: int | None = None) -> None:
        """Do what is missing, and store the results."""


def find_studies() -> dict[str, Study]:
    """Return the studies by name, in alphabetical order.

    Raises
    ------
    TypeError
        If a module does not define what a study needs, or two share a name.
    """
    studies: dict[str, Study] = {}
    for chapter in pkgutil.iter_modules(mnistbook.__path__, "mnistbook."):
        if not chapter.ispkg or find_spec(f"{chapter.name}.study") is None:
            continue
        module = import_module(f"{chapter.name}.study")
        missing = [name for name in ("NAME", "DESCRIPTION", "run") if not hasattr(module, name)]
        if missing:
            raise TypeError(f"{module.__name__} is no study: it does not define {', '.join(missing)}")
        if module.NAME in studies:
            raise TypeError(f"two studies have the name {module.NAME}")
        studies[module.NAME] = module
    return dict(sorted(studies.items()))


def runs_folder(name: str) -> Path:
    """Return where the runs of a study are kept between one call and the next: below ``_build``, ignored by git.

    Raises
    ------
    FileNotFoundError
        If the library is not imported from a checkout, where the results could not be stored either.
    """
    folder = checkout()
    if folder is None:
        raise FileNotFoundError("studies run in a checkout of the repository, and mnistlab is installed without one")
    return folder / "_build" / "experiments" / name


def run_studies(names: list[str], workers: int | None = None) -> dict[str, Exception]:
    """Run the named studies, or all if there are no names; return the errors of those that failed.

    Raises
    ------
    ValueError
        If there is no study of that name; nothing has been run then.
    """
    studies = find_studies()
    if unknown := [name for name in names if name not in studies]:
        raise ValueError(f"there is no study {', '.join(unknown)}: choose among {', '.join(studies)}")
    failed: dict[str, Exception] = {}
    for name in dict.fromkeys(names or studies):
        print(f"== {name}: {studies[name].DESCRIPTION}", flush=True)
        try:
            studies[name].run(runs_folder(name), workers=workers)
        except Exception as error:  # one study must not cost the others their night
            failed[name] = error
    return failed


def main() -> int:
    """Run the studies; return 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m mnistbook.studies", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="studies to run; all if none is named")
    parser.add_argument("--list", action="store_true", help="say which studies there are")
    parser.add_argument("--workers", type=int, help="processes; as many as cores if left out")
    arguments = parser.parse_args()
    if arguments.list:
        for name, study in find_studies().items():
            print(f"{name:20} {study.DESCRIPTION}")
        return 0
    warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=sys.stderr)
    print("\n".join(f"{name:10} {value}" for name, value in provenance().items()), flush=True)
    try:
        failed = run_studies(arguments.names, arguments.workers)
    except (ValueError, TypeError) as error:
        parser.error(str(error))
    for name, error in failed.items():
        print(f"== {name} failed", file=sys.stderr)
        traceback.print_exception(error)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted: the same command resumes where this one stopped")
