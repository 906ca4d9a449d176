"""How long an import takes beyond NumPy's own, and how much memory a training needs beyond its data."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import numpy as np

from mnistbook.ch19_where_the_time_goes.bench.measure import WorkerPool, row
from mnistbook.ch19_where_the_time_goes.bench.peers import environment

__all__ = ["BEYOND", "groups"]

BEYOND = "seconds to import beyond NumPy"

IMPORTS = {
    "numpy": "import numpy",
    "mnistlab": "import mnistlab",
    "jax": "import jax.numpy",
    "torch": "import torch",
    "keras": "from mnistlab.interop.keras_models import import_keras; import_keras()",
    "sklearn": "from sklearn.neural_network import MLPClassifier",
}

IMPORT_PROGRAM = """
import sys, time
begin = time.perf_counter(), time.process_time()
{code}
print(time.perf_counter() - begin[0], time.process_time() - begin[1])
"""

MEMORY_PROGRAM = """
import sys, tracemalloc
import numpy as np
import mnistlab as ml
rng, count = np.random.default_rng(0), int(sys.argv[1])
x, y = rng.random((count, 784), dtype=np.float32), rng.integers(10, size=count)
network = ml.Network(ml.multilayer_perceptron([784, 300, 10]), seed=0)
tracemalloc.start()
ml.fit(network, x, y, epochs=2, batch_size=128, progress=False)
print(tracemalloc.get_traced_memory()[1] / x.nbytes)
"""


def groups(short: bool) -> Iterator[tuple[str, object]]:
    """Yield a name and a function from a :class:`WorkerPool` to rows."""
    repetitions = 3 if short else 5
    yield "startup imports", lambda pool: _imports(pool, repetitions)
    yield "startup memory", lambda pool: _memory((6_000, 60_000))


def _imports(pool: WorkerPool, repetitions: int) -> list[dict]:
    pool.close()
    seconds: dict[str, list[list[float]]] = {}
    for number in range(repetitions + 1):  # the first round compiles, and reads the files from the disk
        for name, code in IMPORTS.items():
            answer = _run(IMPORT_PROGRAM.format(code=code))
            if answer and number:
                seconds.setdefault(name, []).append(answer)
    result = []
    for name, taken in seconds.items():
        beyond = np.array(taken) - np.array(seconds["numpy"])
        for quantity, values in (("seconds to import", np.array(taken)), (BEYOND, beyond)):
            one = row(quantity, values[:, 0], section="startup", peer=name, threads=1)
            result.append(one | {"processor_seconds": float(np.median(values[:, 1]))})
    return result


def _memory(counts: tuple[int, ...]) -> list[dict]:
    result = []
    for count in counts:
        (share,) = _run(MEMORY_PROGRAM, str(count))  # counted, not timed: once is enough
        about = {"section": "startup", "peer": "mnistlab", "network": "784-300-10", "batch": 128, "threads": 1}
        result.append(row("peak of fit's own memory / bytes of the images", [share], images=count, **about))
    return result


def _run(program: str, *arguments: str) -> list[float]:
    """Return the numbers that a program prints in a process of its own, or none if what it imports is missing."""
    command = [sys.executable, "-c", program, *arguments]
    variables = environment(1)
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # a second start is meant, which finds the modules compiled
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if "ModuleNotFoundError" in done.stderr:
        return []
    if done.returncode:
        raise RuntimeError(f"the program ended with status {done.returncode}:\n{done.stderr}")
    return [float(number) for number in done.stdout.split()]
