"""Measure mnistlab beside its peers, print the table, and store it in ``mnistbook/results/bench.csv``: ``make bench``.

bench           everything, about 25 minutes on two quiet cores; a run that was cut resumes
bench --short   few repetitions of little, some minutes; printed, not stored
bench SECTION   one or more of: hardware training beside subnormal inference startup accuracy
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import closing
from importlib import import_module
from pathlib import Path

from mnistbook import results
from mnistbook.ch19_where_the_time_goes.bench import readme, report
from mnistbook.ch19_where_the_time_goes.bench.measure import WorkerPool
from mnistbook.ch19_where_the_time_goes.bench.peers import OVERRIDES, missing
from mnistbook.ch19_where_the_time_goes.bench.store import Store
from mnistbook.studies import runs_folder
from mnistlab.sweeps.provenance import provenance

SECTIONS = ("hardware", "training", "beside", "subnormal", "inference", "startup", "accuracy")


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m mnistbook.ch19_where_the_time_goes.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="all if none is named")
    parser.add_argument("--short", action="store_true", help="few repetitions of little; nothing is stored")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier run has measured")
    parser.add_argument("--keep-environment", action="store_true", help=f"leave {', '.join(OVERRIDES)} as they are")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="where bench.csv goes (results/)")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.sections if name not in SECTIONS]:
        parser.error(f"there is no section {', '.join(unknown)}: choose among {', '.join(SECTIONS)}")
    if absent := missing():
        print(f"not installed, so left out: {', '.join(absent)}. pip install 'mnistlab[bench]' brings them", flush=True)

    settings = {"short": options.short, "environment": "kept" if options.keep_environment else "default"}
    path = None if options.short else runs_folder("bench") / "groups.jsonl"
    if path and options.fresh:
        path.unlink(missing_ok=True)
    store, begin = Store(path, settings, options.keep_environment), time.perf_counter()
    with closing(WorkerPool(options.keep_environment)) as pool:
        for name in options.sections or SECTIONS:
            for group, run in import_module(f"mnistbook.ch19_where_the_time_goes.bench.{name}").groups(options.short):
                if group not in store.groups:
                    store.add(group, run(pool))
                    print(f"{time.perf_counter() - begin:6.0f} s  {group}", flush=True)

    frame = store.frame()
    print(report.text(frame))
    print(report.judged(frame))
    about = provenance() | store.versions
    print("\n" + ", ".join(f"{name} {value}" for name, value in about.items()))
    if not options.short:
        for file in results.write("bench", frame, folder=options.into):
            print(f"wrote {file}")
        if options.into is None:
            readme.update(results.read("bench"))
            print(f"wrote {readme.README}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
