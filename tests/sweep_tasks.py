"""Tasks that the tests of sweeps send to other processes, which must be able to import them."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_info

from mnistlab.sweeps.runner import sweep


@dataclass(frozen=True)
class Job:
    """Appends a line to ``log`` when it starts; then sleeps, fails, or gives a row."""

    number: int
    log: str
    seconds: float = 0.0
    fails: bool = False
    seed: int = 0

    @property
    def key(self) -> str:
        return f"job{self.number}"


def work(job: Job) -> pd.DataFrame:
    with open(job.log, "a") as log:  # a short line is appended whole, whatever other processes do
        log.write(f"{job.key} {os.getpid()}\n")
    time.sleep(job.seconds)
    if job.fails:
        raise ArithmeticError(f"job {job.number} cannot be done")
    row = {"number": job.number, "square": job.number**2, "third": job.number / 3, "text": str(job.number)}
    return pd.DataFrame([row | {"process": os.getpid(), "none": float("nan")}])


def threads(job: Job) -> pd.DataFrame:
    time.sleep(job.seconds)
    pools = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return pd.DataFrame({"process": [os.getpid()], "threads": [max(pools)]})


def exits(job: Job) -> pd.DataFrame:
    os._exit(1)


def jobs(log: Path, count: int, seconds: float = 0.0) -> list[Job]:
    return [Job(number, str(log), seconds) for number in range(count)]


if __name__ == "__main__":  # a sweep in a process of its own, which a test may kill
    folder, log, count, seconds, backend, where = sys.argv[1:]
    options = {"scheduler": where} if backend == "dask" else {"workers": int(where)}
    sweep(jobs(Path(log), int(count), float(seconds)), folder, task=work, backend=backend, **options)
