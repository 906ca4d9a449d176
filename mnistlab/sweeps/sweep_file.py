"""The YAML file of ``mnistlab sweep``: a base configuration, and a grid, random draws or a search around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from mnistlab.checks import check_positive
from mnistlab.sweeps.distributions import Distribution, integers, log_integers, log_uniform, uniform
from mnistlab.sweeps.optuna_search import Search
from mnistlab.sweeps.run import Run
from mnistlab.sweeps.runner import grid, random_search, unknown_name, with_seeds

__all__ = ["SweepFileError", "read_sweep_file"]

DISTRIBUTIONS: dict[str, Callable[[Any, Any], Distribution]] = {
    "uniform": uniform,
    "log_uniform": log_uniform,
    "integers": integers,
    "log_integers": log_integers,
}

OPTIONS = ("trials", "sampler", "pruner", "seed")
"""Of a search; what else stands there are fields of a run."""


class SweepFileError(ValueError):
    """A sweep's file says something that cannot be; the message names the file and the key."""


def read_sweep_file(path: str | Path) -> list[Run] | Search:
    """Return the runs, or the search, that a YAML file describes.

    Its keys: ``base``, fields of :class:`~mnistlab.sweeps.run.Run`; ``grid``, for each field a list; or
    ``random``, with ``samples``, ``seed`` and for each field a list or a distribution, one of ``uniform``,
    ``log_uniform``, ``integers``, ``log_integers`` with its ends; ``seeds``, a list. All may be left out. Or, beside
    ``base``, ``search``: with ``trials``, ``sampler``, ``pruner``, ``seed`` as
    :class:`~mnistlab.sweeps.optuna_search.Search` has them, and fields as ``random`` has them.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    SweepFileError
        If it is no YAML, or a key or a value is wrong.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise SweepFileError(f"{path}{where}: {problem}") from error
    except UnicodeDecodeError as error:
        raise SweepFileError(f"{path}: this is no text in UTF-8") from error
    try:
        return _runs(content)
    except ValueError as error:
        raise SweepFileError(f"{path}: {error}") from error


def _runs(content: object) -> list[Run] | Search:
    names = [field.name for field in fields(Run)]
    content = _mapping("the file", content, ("base", "grid", "random", "search", "seeds"), "key of a sweep")
    base = _mapping("base", content.get("base"), names, "field of a run")
    with _at("base"):
        run = Run(**base)
    if "search" in content:
        if others := content.keys() - {"base", "search"}:
            raise ValueError(f"a search stands alone beside base, without {' and '.join(sorted(others))}")
        return _search(run, _mapping("search", content["search"], (*OPTIONS, *names), "field of a run"))
    if "random" in content:
        if "grid" in content:
            raise ValueError("a sweep has a grid or random, not both")
        runs = _random(run, _mapping("random", content["random"], ("samples", *names), "field of a run"))
    else:
        lists = _mapping("grid", content.get("grid"), names, "field of a run")
        if "seeds" in content and "seed" in lists:
            raise ValueError("seeds: the grid has a list for seed already")
        with _at("grid"):
            runs = grid(run, **lists)
    if "seeds" not in content:
        return runs
    if not isinstance(content["seeds"], list) or not content["seeds"]:
        raise ValueError(f"seeds: a list of integers is needed, not {content['seeds']!r}")
    with _at("seeds"):
        return with_seeds(runs, content["seeds"])


def _random(base: Run, content: dict[str, Any]) -> list[Run]:
    if "samples" not in content:
        raise ValueError("random: samples is missing: how many configurations shall be drawn?")
    samples, seed = content.pop("samples"), content.pop("seed", 0)
    with _at("random: samples"):
        check_positive("samples", samples)
    distributions = {name: _distribution(f"random: {name}", some) for name, some in content.items()}
    with _at("random"):
        return random_search(base, samples, seed, **distributions)


def _search(base: Run, content: dict[str, Any]) -> Search:
    if "trials" not in content:
        raise ValueError("search: trials is missing: how many configurations shall be tried?")
    options = {name: content.pop(name) for name in OPTIONS if name in content}
    for name, some in content.items():
        _distribution(f"search: {name}", some)  # an error names its place in the file
    with _at("search"):
        return Search(base, content, **options)


def _distribution(key: str, some: object) -> Distribution | list[object]:
    with _at(key):
        if isinstance(some, list):
            return some
        if not isinstance(some, dict) or len(some) != 1:
            raise ValueError(f"a list or a distribution like {{log_uniform: [0.001, 1]}} is needed, not {some!r}")
        ((kind, ends),) = some.items()
        if kind not in DISTRIBUTIONS:
            raise ValueError(unknown_name(kind, tuple(DISTRIBUTIONS), "distribution"))
        if not isinstance(ends, list) or len(ends) != 2:
            raise ValueError(f"{kind} needs its two ends, like [1, 10], not {ends!r}")
        return DISTRIBUTIONS[kind](*ends)


def _mapping(key: str, content: object, names: Sequence[str], what: str) -> dict[str, Any]:
    """Return what stands below a key, if it is a mapping from names that exist."""
    if content is None:  # nothing below the key
        return {}
    if not isinstance(content, dict):
        raise ValueError(f"{key}: names and values are needed, like 'hidden: 300', not {content!r}")
    for name in content:
        if name not in names:
            raise ValueError(f"{key}: {unknown_name(name, names, what)}")
    return dict(content)


@contextmanager
def _at(key: str) -> Iterator[None]:
    """Put the key before the message of an error."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise ValueError(f"{key}: {error}") from error


class _Loader(yaml.SafeLoader):
    """YAML in which 1e-3 is a number, as people write it, and a key that stands twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a name", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands here twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


# YAML 1.1, which PyYAML reads, wants a point and a sign: 1.0e-3. The list of first characters is what PyYAML looks at.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)
