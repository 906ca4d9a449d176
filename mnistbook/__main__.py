"""``python -m mnistlab.experiments.studies [NAME …] [--list] [--workers N]``."""

from __future__ import annotations

import argparse
import sys
import traceback
import warnings

from mnistlab.experiments.provenance import provenance
from mnistlab.experiments.studies import find_studies, run_studies


def main() -> int:
    """Run the studies; return 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m mnistlab.experiments.studies", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="studies to run; all if none is named")
    parser.add_argument("--list", action="store_true", help="say which studies there are")
    parser.add_argument("--workers", type=int, help="processes; as many as cores if left out")
    arguments = parser.parse_args()
    if arguments.list:
        for name, study in find_studies().items():
            print(f"{name:20} {study.DESCRIPTION}")
        return 0
    warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=sys.stderr)
    print("\n".join(f"{name:10} {value}" for name, value in provenance().items()), flush=True)
    try:
        failed = run_studies(arguments.names, arguments.workers)
    except (ValueError, TypeError) as error:
        parser.error(str(error))
    for name, error in failed.items():
        print(f"== {name} failed", file=sys.stderr)
        traceback.print_exception(error)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted: the same command goes on where this one stopped")
