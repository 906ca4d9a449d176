"""How long it takes to prove the library: every lemma, every gradient and every update, on one core.

proofs.py               print a table: what was proved, how many identities, seconds
proofs.py --json FILE   write the same to a file as well
Fails if a proof does not hold, or all together take longer than a minute.
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

from mnistlab.layers import Softmax
from mnistlab.symbolic import lemmas, updates
from mnistlab.symbolic.cases import CASES
from mnistlab.symbolic.prove import Proof, prove_jacobian

MOST_SECONDS = 60.0


def tasks() -> Iterator[tuple[str, str, Callable[[], object]]]:
    """Yield kind, name and function of everything that there is to prove."""
    for make in (*lemmas.ALL, *updates.LEMMAS):
        yield "lemma", make.__name__.replace("_", " "), make
    for case in CASES:
        yield "gradient", case.name, case.prove
    yield "gradient", "Jacobian of softmax", lambda: prove_jacobian(Softmax())
    for update in updates.UPDATES:
        yield "update", update.of, lambda update=update: updates.prove_update(update)


def measure() -> list[dict[str, object]]:
    """Prove everything once; return a row for each proof.

    Raises
    ------
    AssertionError
        If a proof does not hold.
    """
    rows = []
    for kind, name, prove in tasks():
        start = time.perf_counter()
        result = prove().check()
        seconds = time.perf_counter() - start
        entries = len(result.entries) if isinstance(result, Proof) else 1
        rows.append({"kind": kind, "proof": name, "entries": entries, "seconds": seconds})
    return rows


def table(rows: list[dict[str, object]]) -> str:
    """Return the rows as text, with the total below."""
    width = max(len(row["proof"]) for row in rows)
    lines = [f"{'kind':<8}  {'proof':<{width}}  entries  seconds"]
    lines += [f"{row['kind']:<8}  {row['proof']:<{width}}  {row['entries']:>7}  {row['seconds']:>7.2f}" for row in rows]
    entries, seconds = sum(row["entries"] for row in rows), sum(row["seconds"] for row in rows)
    count = f"{len(rows)} proofs"
    total = f"{'total':<8}  {count:<{width}}  {entries:>7}  {seconds:>7.2f}"
    return "\n".join([*lines, total])


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows and the total here")
    options = parser.parse_args(arguments)
    rows = measure()
    seconds = sum(row["seconds"] for row in rows)
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps({"seconds": seconds, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    if seconds > MOST_SECONDS:
        print(f"proofs.py: {seconds:.0f} s are more than {MOST_SECONDS:.0f} s", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
