"""The studies that are too long for every build: ``python -m mnistlab.experiments.studies``, or ``make experiments``.

Each module of this package is one study. It defines ``NAME``; ``DESCRIPTION``, one line that says how long it takes;
and ``run(folder, workers=None)``, which calls :func:`~mnistlab.experiments.sweep.sweep` with that folder for what is
done, and :func:`~mnistlab.experiments.results.write` at the end.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Protocol

from mnistlab.experiments.provenance import checkout

__all__ = ["Study", "find_studies", "run_studies", "runs_folder"]


class Study(Protocol):
    """What a module of this package defines."""

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
    for info in pkgutil.iter_modules(__path__):
        if info.name.startswith("_"):
            continue
        module = import_module(f"{__name__}.{info.name}")
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
