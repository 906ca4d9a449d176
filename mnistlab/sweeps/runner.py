"""Many runs: made as a grid or at random, spread over cores or over a cluster, each done once and kept."""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from difflib import get_close_matches
from functools import cache, partial
from itertools import product
from pathlib import Path
from queue import Empty, SimpleQueue
from secrets import token_hex
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

import pandas as pd
from threadpoolctl import threadpool_info, threadpool_limits
from tqdm import tqdm

from mnistlab.checks import check_positive, check_seed
from mnistlab.sweeps.distributions import Distribution, draw
from mnistlab.sweeps.provenance import completed, provenance
from mnistlab.sweeps.records import DamagedRecord, decode, encode, read_record, write_record
from mnistlab.sweeps.run import train_run

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["Configuration", "SweepError", "SweepFailed", "grid", "random_search", "sweep", "with_seeds"]

WAIT_FOR_SCHEDULER, WAIT_FOR_WORKERS = 5, 60
"""Seconds in which the scheduler of a cluster must answer; and for which it may have no worker, at any time."""


class Configuration(Protocol):
    """A frozen dataclass with a key, as :class:`~mnistlab.sweeps.run.Run` is one."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def key(self) -> str:
        """A name for files, which configurations share only if they mean the same."""


Some = TypeVar("Some", bound=Configuration)
Task = Callable[[Any], pd.DataFrame]


def grid(base: Some, **lists: Iterable[object]) -> list[Some]:
    """Return ``base`` with every combination of the listed values; the last field varies fastest.

    scikit-learn's ``ParameterGrid`` would sort the fields by their names.

    >>> from mnistlab.sweeps.run import Run
    >>> [run.name for run in grid(Run(), hidden=[100, 200], seed=[0, 1])]  # doctest: +NORMALIZE_WHITESPACE
    ['784-100-10 sgd 0.1 seed 0', '784-100-10 sgd 0.1 seed 1',
     '784-200-10 sgd 0.1 seed 0', '784-200-10 sgd 0.1 seed 1']

    Raises
    ------
    TypeError, ValueError
        If ``base`` has no such field, a list is empty or none, or a combination is refused by the configuration.
    """
    _check_fields(base, lists)
    values = [_values(name, some) for name, some in lists.items()]
    return [replace(base, **dict(zip(lists, chosen, strict=True))) for chosen in product(*values)]


def random_search(base: Some, n: int, seed: int, **distributions: Distribution | Sequence[object]) -> list[Some]:
    """Return ``n`` configurations with fields drawn at random (Bergstra & Bengio, 2012).

    Parameters
    ----------
    base
        Gives the other fields.
    n
        How many; with the same seed, fewer are the first of more.
    seed
        Of the draws. Each field has its own stream, which does not change when another field is added.
    **distributions
        For each field a distribution of :mod:`scipy.stats` or :mod:`mnistlab.sweeps.distributions`, or a list to
        choose from.

    Raises
    ------
    TypeError, ValueError
        If ``base`` has no such field, or a draw is refused by the configuration.
    """
    _check_fields(base, distributions)
    check_positive("n", n)
    check_seed(seed)
    columns = {name: draw(name, some, n, seed) for name, some in distributions.items()}
    return [replace(base, **{name: drawn[i] for name, drawn in columns.items()}) for i in range(n)]


def with_seeds(runs: Iterable[Some], seeds: Iterable[int]) -> list[Some]:
    """Return each of the runs once with each seed."""
    return [replace(run, seed=seed) for run, seed in product(runs, list(seeds))]


class SweepError(RuntimeError):
    """A sweep could not be finished; finished runs are kept, and the same sweep resumes from there."""


class SweepFailed(SweepError):
    """Some runs raised an error; all others are finished and kept.

    Attributes
    ----------
    failed
        The traceback of each run that failed, by its key.
    """

    def __init__(self, failed: dict[str, str], total: int, folder: Path):
        lines = [f"{key}: {text.strip().splitlines()[-1]}" for key, text in failed.items()]
        shown = lines[:10] + ([f"and {len(lines) - 10} more"] if len(lines) > 10 else [])
        super().__init__(
            f"{len(failed)} of {total} runs failed; the others are kept in {folder}\n  " + "\n  ".join(shown)
        )
        self.failed = failed
        self.add_note(f"The first of them:\n{next(iter(failed.values()))}")


def sweep(
    runs: Iterable[Configuration],
    folder: str | Path,
    *,
    task: Task = train_run,
    backend: str = "joblib",
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Do every run that has not been done yet, and return what came of all of them.

    What a run gives is written to ``folder`` as soon as it is there, in a file named by the run's key. A sweep that is
    interrupted or killed therefore resumes where it stopped; a run whose file is damaged is done again.

    Parameters
    ----------
    runs
        Configurations. Those with the same key are done once.
    folder
        Where results are kept; made if it does not exist. It belongs to one task.
    task
        From a configuration to a data frame of numbers, texts and truth values; :func:`train_run` by default. It must
        be importable where it runs.
    backend
        "joblib": processes on this machine. "dask": the workers of a Dask cluster, where mnistlab must be installed;
        a run whose worker dies is done again by another.
    workers
        How many processes joblib has; as many as there are cores by default. The cores are divided between them, so
        that NumPy's threads do not fight. On a Dask cluster each of a worker's threads is one core's worth.
    scheduler
        Address of the Dask scheduler, such as ``"tcp://127.0.0.1:8786"``. Needs the extra ``cluster``.
    progress
        Whether a line on standard error shows how many runs are done; by default only where that is a terminal.

    Returns
    -------
    pandas.DataFrame
        The tasks' frames one after another, in the order of ``runs``, with ``key`` first where the task does not give
        it, and with the columns of :func:`~mnistlab.sweeps.provenance.provenance` as they were when the run was
        done.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.
    SweepFailed
        After all other runs are finished, if some raised an error.
    SweepError
        If a process was killed from outside, or the cluster has had no workers for a minute.
    OSError
        If the folder cannot be written to, or the scheduler cannot be reached.
    """
    wanted = {_key(run): run for run in runs}
    folder, name = Path(folder), _name(task)
    start = _backend(backend, workers, scheduler)
    frames, missing = {}, {}
    for key, run in wanted.items():
        try:
            frames[key] = read_record(folder / f"{key}.json", name, key)
        except FileNotFoundError:
            missing[key] = run
        except DamagedRecord as error:
            print(f"{folder / key}.json is {error}: this run is done again", file=sys.stderr)
            missing[key] = run
    failed: dict[str, Any] = {}
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        with _line(len(wanted), len(frames), progress) as line:
            for done in start(task, missing):
                if done.frame is None:
                    failed[done.key] = done.error
                else:
                    write_record(folder / f"{done.key}.json", name, done.key, done.frame)
                    frames[done.key] = decode(done.frame)
                line.set_postfix_str(f"{len(failed)} failed" if failed else "", refresh=False)
                line.update()
    if failed:
        raise SweepFailed({key: failed[key] for key in wanted if key in failed}, len(wanted), folder)
    return completed(pd.concat([frames[key] for key in wanted], ignore_index=True)) if wanted else pd.DataFrame()


class _Done(NamedTuple):
    """What a worker sends back: an encoded frame, or a traceback as text, which any process can unpickle."""

    key: str
    frame: str | None
    error: str | None


def _attempt(task: Task, key: str, run: Configuration) -> _Done:
    try:
        frame = task(run)
        if isinstance(frame, pd.DataFrame):
            if "key" not in frame:
                frame.insert(0, "key", key)
            frame = frame.assign(**provenance())
        return _Done(key, encode(frame), None)
    except (Exception, SystemExit):
        return _Done(key, None, traceback.format_exc())


# Where runs are done


def _backend(
    name: str, workers: int | None, scheduler: str | None
) -> Callable[[Task, dict[str, Configuration]], Iterator[_Done]]:
    if name == "joblib":
        if scheduler is not None:
            raise ValueError("a scheduler belongs to backend='dask'")
        count = _cores() if workers is None else check_positive("workers", workers)
        return lambda task, runs: _with_joblib(task, runs, count)
    if name == "dask":
        if scheduler is None:
            raise ValueError("backend='dask' needs the address of a scheduler, such as 'tcp://127.0.0.1:8786'")
        if workers is not None:
            raise ValueError("a Dask cluster has the workers that it has: leave out workers")
        return lambda task, runs: _with_dask(task, runs, scheduler)
    raise ValueError(f"backend must be 'joblib' or 'dask', not {name!r}")


def _cores() -> int:
    from joblib import cpu_count

    return cpu_count()  # those that this process may use


def _threads_now() -> int:
    """Return how many threads NumPy's products have here: somebody may have set fewer than there are cores."""
    return max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)


def _with_joblib(task: Task, runs: dict[str, Configuration], workers: int) -> Iterator[_Done]:
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    workers = min(workers, len(runs))
    threads = min(_threads_now(), max(1, _cores() // workers))
    if workers == 1:
        for key, run in runs.items():
            with threadpool_limits(threads):
                done = _attempt(task, key, run)
            yield done
        return
    with parallel_config("loky", inner_max_num_threads=threads):
        jobs = (delayed(_attempt_in_process)(task, key, run, threads, os.getpid()) for key, run in runs.items())
        try:
            yield from Parallel(n_jobs=workers, return_as="generator_unordered")(jobs)
        except TerminatedWorkerError as error:
            raise SweepError(
                "a process of the sweep was killed, for which too little memory is the usual reason: try fewer "
                "workers. Finished runs are kept, and the same sweep resumes from there"
            ) from error


def _attempt_in_process(task: Task, key: str, run: Configuration, threads: int, parent: int) -> _Done:
    _end_with(parent)
    threadpool_limits(threads)  # for good: the environment tells libraries that are not loaded yet
    return _attempt(task, key, run)


@cache
def _end_with(parent: int) -> None:
    """End this process soon after its parent; else it would go on with what was sent to it, for nobody."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _with_dask(task: Task, runs: dict[str, Configuration], scheduler: str) -> Iterator[_Done]:
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise SweepError(f"a sweep on a Dask cluster needs {error.name}: pip install 'mnistlab[cluster]'") from error
    _check_scheduler(scheduler)
    token = token_hex(4)  # a key of an earlier sweep would be answered from the cluster's memory
    with Client(scheduler, set_as_default=False) as client:
        threads = client.nthreads()
        _say(f"workers at {scheduler}: {len(threads)}, with {sum(threads.values())} threads together")
        futures = [
            client.submit(_attempt_on_cluster, task, key, run, key=f"{key}-{token}", pure=False)
            for key, run in runs.items()
        ]
        ended: SimpleQueue[Future] = SimpleQueue()
        for future in futures:
            future.add_done_callback(ended.put)
        try:
            for _ in futures:
                future = _next(ended, client, scheduler)
                try:
                    done = future.result()
                except Exception:  # not the task's own, which is caught: its worker died again and again, for example
                    done = _Done(str(future.key).removesuffix(f"-{token}"), None, traceback.format_exc())
                future.release()
                yield done
        finally:
            client.cancel(futures)


def _check_scheduler(scheduler: str) -> None:
    """Try to reach the scheduler: Dask's own client would try for half a minute, and then leave a traceback."""
    address = urlsplit(scheduler if "://" in scheduler else f"tcp://{scheduler}")
    try:
        if not address.hostname or not address.port:
            raise ValueError
    except ValueError:
        raise ValueError(f"a scheduler has an address like tcp://127.0.0.1:8786, not {scheduler!r}") from None
    try:
        socket.create_connection((address.hostname, address.port), timeout=WAIT_FOR_SCHEDULER).close()
    except OSError as error:
        raise OSError(f"no scheduler answers at {scheduler} ({error}): start one with 'dask scheduler'") from error


def _next(ended: SimpleQueue[Future], client: Client, scheduler: str) -> Future:
    """Return the next run that has ended; give up when there has been no worker for too long.

    Workers that come and die again, since they cannot import what they are sent, do not prolong the time.
    """
    alone = 0
    while True:
        try:
            return ended.get(timeout=1)
        except Empty:
            workers = client.nthreads()  # an OSError if the scheduler is gone
        if workers:
            continue
        if not alone:
            _say(f"{scheduler} has no workers: waiting {WAIT_FOR_WORKERS} s for one, which 'dask worker' starts")
        alone += 1
        if alone > WAIT_FOR_WORKERS:
            raise SweepError(
                f"the scheduler {scheduler} has had no workers for {WAIT_FOR_WORKERS} seconds: start some with "
                "'dask worker' where mnistlab is installed. Finished runs are kept, and the same sweep resumes from "
                "there"
            )


def _say(text: str) -> None:
    tqdm.write(text, file=sys.stderr)  # above the line of progress


def _attempt_on_cluster(task: Task, key: str, run: Configuration) -> _Done:
    threadpool_limits(1)
    return _attempt(task, key, run)


# Checks


def _key(run: Configuration) -> str:
    key = getattr(run, "key", None)
    if not isinstance(key, str) or not re.fullmatch(r"\w[\w.+-]{0,199}", key):
        raise ValueError(f"a run needs a key that can name a file, and {run!r} has {key!r}")
    return key


def _name(task: Task) -> str:
    """Return a name that two tasks share only if they are the same function with the same arguments bound to it."""
    if isinstance(task, partial):
        bound = [*map(repr, task.args), *(f"{name}={value!r}" for name, value in task.keywords.items())]
        return f"{_name(task.func)}({', '.join(bound)})"
    kind = task if hasattr(task, "__qualname__") else type(task)
    module = kind.__module__
    if module == "__main__":  # as others would import it
        main: Any = sys.modules["__main__"]
        if getattr(main, "__spec__", None):
            module = main.__spec__.name
        elif hasattr(main, "__file__"):
            module = Path(main.__file__).stem
    return f"{module}.{kind.__qualname__}"


def _check_fields(base: Configuration, given: Mapping[str, object]) -> None:
    if not is_dataclass(base) or isinstance(base, type):
        raise TypeError(f"base must be a configuration such as Run(), not {base!r}")
    names = [field.name for field in fields(base)]
    for name in given:
        if name not in names:
            raise ValueError(unknown_name(name, names, f"field of {type(base).__name__}"))


def unknown_name(name: object, names: Sequence[str], what: str) -> str:
    """Return the text of an error that names what was meant, or else all that there is."""
    close = get_close_matches(str(name), names, 1)
    return f"{name} is no {what}: " + (f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}")


def _values(name: str, some: object) -> list[object]:
    if isinstance(some, str | bytes) or not isinstance(some, Iterable):
        raise TypeError(f"{name} needs a list of values, not {some!r}")
    values = list(some)
    if not values:
        raise ValueError(f"{name} needs at least one value")
    return values


# Progress


def _line(total: int, done: int, show: bool | None) -> tqdm:
    """Return a line that counts runs; those done before say nothing about the time that is left."""
    return tqdm(
        total=total,
        initial=done,
        disable=None if show is None else not show,
        bar_format="{n_fmt} of {total_fmt} runs{postfix}, {remaining} left, {elapsed} so far",
        mininterval=0,
        smoothing=0,
        leave=False,
    )
