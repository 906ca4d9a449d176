"""How many entries of each peer's velocity are subnormal after the first epochs."""

from __future__ import annotations

from collections.abc import Iterator

from mnistbook.ch19_where_the_time_goes.bench.measure import WorkerPool, row
from mnistbook.ch19_where_the_time_goes.bench.peers import PEERS, PLAIN, installed
from mnistbook.ch19_where_the_time_goes.bench.training import about
from mnistbook.ch19_where_the_time_goes.bench.work import Work

__all__ = ["EPOCHS", "groups"]

EPOCHS = 3
NAMES = [name for name in PEERS if name not in PLAIN and "compiled" not in name]  # whose numbers are their like's


def groups(short: bool) -> Iterator[tuple[str, object]]:
    """Yield a name and a function from a :class:`WorkerPool` to rows."""
    if not short:
        yield "subnormal velocities", _measure


def _measure(pool: WorkerPool) -> list[dict]:
    work, result = Work(batch=32), []
    for name in filter(installed, NAMES):
        worker = pool.get(name, 1)
        _, share = worker.ask("train", work, "subnormal")
        for epoch in range(1, EPOCHS + 1):
            where = {"section": "subnormal", "peer": name, "variable": "epochs", "value": epoch, "threads": 1}
            result.append(row("share of the velocity", [share], **where, images=work.count, **about(work)))
            if epoch < EPOCHS:
                _, share = worker.ask(True)
        worker.end_training()
    return result
