"""How long it takes to prove the library: every lemma, gradient and update, at fixed sizes and for every size.

proofs.py               print a table: what was proved, how many identities, seconds
proofs.py --json FILE   write the same to a file as well
Seconds are those of one processor. Fails if a proof does not hold, or if those at fixed sizes take longer than 90 s
together, or those for every size longer than 60 s.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# Before NumPy is imported: one core is meant.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

from mnistlab.layers import Dense, Dropout, Layer, ReLU, Sigmoid, Softmax, Tanh
from mnistlab.losses import CrossEntropy, Loss, SoftmaxCrossEntropy, SquaredError
from mnistlab.symbolic import lemmas, prove_for_every_size, updates
from mnistlab.symbolic.cases import CASES
from mnistlab.symbolic.prove import Proof, prove_jacobian

MOST_SECONDS = {"fixed sizes": 90.0, "every size": 60.0}
EVERY = "every"
"""The kind of the proofs for every size."""
PARTS: tuple[Callable[[], Layer | Loss], ...] = (
    lambda: Dense(2, 3),
    lambda: Dense(2, 3, bias=False),
    ReLU,
    Sigmoid,
    Tanh,
    Softmax,
    lambda: Dropout(0.5),
    SoftmaxCrossEntropy,
    lambda: SoftmaxCrossEntropy(0.25),
    CrossEntropy,
    SquaredError,
)


def tasks() -> Iterator[tuple[str, str, Callable[[], object]]]:
    """Yield kind, name and function of everything that there is to prove."""
    for make in (*lemmas.ALL, *updates.LEMMAS):
        yield "lemma", make.__name__.replace("_", " "), make
    for case in CASES:
        yield "gradient", case.name, case.prove
    yield "gradient", "Jacobian of softmax", lambda: prove_jacobian(Softmax())
    for update in updates.COMBINATIONS:
        yield "update", update.of, lambda update=update: updates.prove_update(update)
    for make in PARTS:
        yield EVERY, repr(make()), lambda make=make: prove_for_every_size(make())
    for update in updates.COMBINATIONS:
        yield EVERY, update.of, lambda update=update: prove_for_every_size(update)


def measure() -> list[dict[str, object]]:
    """Prove everything once; return a row for each proof.

    Raises
    ------
    AssertionError
        If a proof does not hold.
    """
    rows = []
    for kind, name, prove in tasks():
        start = time.process_time()
        result = prove().check()
        seconds = time.process_time() - start
        entries = len(result.entries) if isinstance(result, Proof) else 1
        rows.append({"kind": kind, "proof": name, "entries": entries, "seconds": seconds})
    return rows


def table(rows: list[dict[str, object]]) -> str:
    """Return the rows as text, with the total below."""
    width = max(len(row["proof"]) for row in rows)
    lines = [f"{'kind':<8}  {'proof':<{width}}  entries  seconds"]
    lines += [f"{row['kind']:<8}  {row['proof']:<{width}}  {row['entries']:>7}  {row['seconds']:>7.2f}" for row in rows]
    for part, each in _parts(rows).items():
        entries, seconds = sum(row["entries"] for row in each), sum(row["seconds"] for row in each)
        count = f"{len(each)} proofs, {part}"
        lines.append(f"{'total':<8}  {count:<{width}}  {entries:>7}  {seconds:>7.2f}")
    return "\n".join(lines)


def _parts(rows: list[dict[str, object]]) -> dict[str, list[dict[str, object]]]:
    every = [row for row in rows if row["kind"] == EVERY]
    return {"fixed sizes": [row for row in rows if row["kind"] != EVERY], "every size": every}


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows and the total here")
    options = parser.parse_args(arguments)
    rows = measure()
    seconds = {part: sum(row["seconds"] for row in each) for part, each in _parts(rows).items()}
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps({"seconds": seconds, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    slow = {part: most for part, most in MOST_SECONDS.items() if seconds[part] > most}
    for part, most in slow.items():
        print(f"proofs.py: {part}: {seconds[part]:.0f} s are more than {most:.0f} s", file=sys.stderr)
    if slow:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
