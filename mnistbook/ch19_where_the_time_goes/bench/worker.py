"""A peer in a process of its own: its threads, its kernels and its flushing of subnormals are nobody else's.

The parent gives each worker its turn, so that only one of them computes at a time. Where the system can (POSIX), those
that wait are stopped altogether: the threads of a matrix product go on spinning for a tenth of a second after it, and
with two threads on two cores that made the next peer's epochs twice as long.
"""

from __future__ import annotations

import atexit
import ctypes
import multiprocessing
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection

import numpy as np

from mnistbook.ch19_where_the_time_goes.bench import peers
from mnistbook.ch19_where_the_time_goes.bench.peers import Classify, Velocities
from mnistbook.ch19_where_the_time_goes.bench.work import HELD_OUT, Work, images, labels, samples
from mnistbook.ch19_where_the_time_goes.subnormals import share_subnormal

__all__ = ["PeerError", "Times", "Worker"]

LONGEST = 1_800.0
"""Seconds after which a silent worker counts as lost."""

Times = tuple[float, float]
"""Seconds by the clock on the wall, and of processor time in all of the process's threads."""


class PeerError(RuntimeError):
    """A peer failed; the message holds its traceback."""


class Worker:
    """A running peer.

    Parameters
    ----------
    name
        One of :data:`peers.PEERS` or :data:`peers.ASKED`.
    threads
        How many threads it may use, and on how many cores, where the system can assign them; None leaves both to it.
    keep_environment
        Leaves settings in that choose a library's kernels by hand.

    Attributes
    ----------
    start_seconds
        From the start of the process until the framework was ready.
    """

    def __init__(self, name: str, threads: int | None, keep_environment: bool = False):
        context = multiprocessing.get_context("spawn")
        self.name = name
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, name, threads), daemon=True)
        before, wanted = dict(os.environ), peers.environment(threads, keep_environment)
        begin = time.perf_counter()
        try:
            os.environ.clear()
            os.environ.update(wanted)
            self.process.start()
            # Before multiprocessing's own end, which would wait for ever for a process that is stopped.
            atexit.register(self.close)
        finally:
            os.environ.clear()
            os.environ.update(before)
        theirs.close()
        self.receive()
        self.start_seconds = time.perf_counter() - begin
        self.rest()

    def rest(self) -> None:
        """Stop the process until it is woken."""
        if hasattr(signal, "SIGSTOP") and self.process.is_alive():
            os.kill(self.process.pid, signal.SIGSTOP)

    def wake(self) -> None:
        """Let the process go on."""
        if hasattr(signal, "SIGCONT") and self.process.is_alive():
            os.kill(self.process.pid, signal.SIGCONT)

    def receive(self) -> object:
        """Return what the worker says next.

        Raises
        ------
        PeerError
            If it failed, ended, or says nothing for half an hour.
        """
        try:
            if not self.connection.poll(LONGEST):
                raise PeerError(f"{self.name} has said nothing for {LONGEST:.0f} s")
            kind, content = self.connection.recv()
        except (EOFError, ConnectionError):
            raise PeerError(f"{self.name} ended without a word, with status {self.process.exitcode}") from None
        if kind == "error":
            raise PeerError(f"{self.name} failed:\n{content}")
        return content

    def ask(self, *message: object) -> object:
        """Send a message and return the answer, in which time it is the worker's turn; errors as :meth:`receive`."""
        self.wake()
        with suppress(ConnectionError):  # a worker that has ended is noticed below
            self.connection.send(message)
        answer = self.receive()
        self.rest()
        return answer

    def end_training(self) -> None:
        """Let a training end that waits for its next epoch."""
        self.ask(False)

    def close(self) -> None:
        """End the process."""
        atexit.unregister(self.close)
        self.connection.close()
        try:
            self.wake()
            self.process.join(5)
        finally:
            self.process.kill()
            self.process.join()


def _serve(connection: Connection, name: str, threads: int | None) -> None:
    """Answer until the parent closes the connection; what frameworks print is dropped."""
    if sys.platform == "linux":  # a stopped process would not notice that its parent was killed, and stay for ever
        set_signal_of_parents_end = 1
        ctypes.CDLL(None).prctl(set_signal_of_parents_end, signal.SIGKILL)
    if threads and hasattr(os, "sched_setaffinity"):  # else a library may keep helpers busy on other cores
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    try:
        peer = peers.load(name)
        peer.start(peers.variant(name), threads)
        connection.send(("ready", None))
        while True:
            command, *arguments = connection.recv()
            connection.send(("done", COMMANDS[command](connection, peer, *arguments)))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        sys.exit(0)
    except Exception:
        connection.send(("error", traceback.format_exc()))


def _train(connection: Connection, peer: peers.Peer, work: Work, measure: str | None = None) -> None:
    """Train; after each epoch send :data:`Times`, with what one of :data:`MEASURES` finds, and wait for what comes."""
    x, y = samples(work)
    begin: list[float] = []

    def start() -> None:
        begin[:] = time.perf_counter(), time.process_time()

    def after_epoch(classify: Classify, velocities: Velocities) -> bool:
        times = (time.perf_counter() - begin[0], time.process_time() - begin[1])
        found = times if measure is None else (times, MEASURES[measure](classify, velocities))
        connection.send(("epoch", found))
        (going,) = connection.recv()
        start()
        return going

    start()
    peer.train(work, x, y, after_epoch)


def _keep_training(connection: Connection, peer: peers.Peer, work: Work) -> None:
    """Train on and on, without waiting for a turn; send a word after the first epoch, which has compiled."""
    x, y = samples(work)
    told: list[bool] = []

    def after_epoch(classify: Classify, velocities: Velocities) -> bool:
        if not told:
            told.append(True)
            connection.send(("epoch", None))
        return True

    peer.train(work, x, y, after_epoch)


def _accuracy(classify: Classify, velocities: Velocities) -> float:
    """Return the share of right answers on the last 10,000 training images, which a :class:`Work` may leave out."""
    return float(np.mean(classify(images()[-HELD_OUT:]) == labels()[-HELD_OUT:]))


def _subnormal(classify: Classify, velocities: Velocities) -> float:
    """Return the share of the velocities' entries that are subnormal; NaN where there are no velocities."""
    found = [np.ravel(values) for values in velocities()]
    return share_subnormal(np.concatenate(found)) if found else float("nan")


MEASURES = {"accuracy": _accuracy, "subnormal": _subnormal}
"""What can be found out after each epoch."""


def _classify(connection: Connection, peer: peers.Peer, work: Work, batch: int, calls: int) -> list[Times]:
    """Classify ``batch`` test images, ``calls`` times, after calls that only warm up; return the times of each."""
    classify = peer.classifier(work)
    x = images("test")
    places = [(i * batch) % (len(x) - batch + 1) for i in range(calls)]
    batches = [np.ascontiguousarray(x[place : place + batch]) for place in places]
    for one in batches[: max(3, calls // 10)]:
        classify(one)
    times = []
    for one in batches:
        wall, processor = time.perf_counter(), time.process_time()
        classify(one)
        times.append((time.perf_counter() - wall, time.process_time() - processor))
    return times


COMMANDS = {"train": _train, "keep training": _keep_training, "classify": _classify}
