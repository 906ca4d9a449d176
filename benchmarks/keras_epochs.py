"""Seconds per epoch of 784-300-10 in mnistlab and in Keras, with and without XLA, on one thread and on two.

keras_epochs.py               print a table for each number of threads
keras_epochs.py --json FILE   write all times to a file as well
keras_epochs.py --store       write them to mnistbook/results/keras_speed.csv, which the report shows; what is stored
                              there for other numbers of threads stays

Each number of threads has a process of its own, since TensorFlow decides when it starts. In it, all candidates take
turns after one epoch each that is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

BATCH_SIZES = (32, 64, 128, 256)
COMPETITORS = 3
"""How many of the candidates are timed on more than one thread; the others explain what one thread shows."""


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000, help="how many are trained on (20000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows here too")
    parser.add_argument("--repetitions", type=int, default=5, help="turns of each candidate (5)")
    parser.add_argument("--store", action="store_true", help="write mnistbook/results/keras_speed.csv")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads (1 2)")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        options.json.write_text(measure(options).to_json(orient="records"), encoding="utf-8")
        return 0

    import pandas as pd

    from mnistbook import results
    from mnistlab.sweeps.provenance import provenance

    frames = []
    with tempfile.TemporaryDirectory() as folder:
        for threads in options.threads:
            file = Path(folder) / "rows.json"
            command = [sys.executable, __file__, "--measure", "--threads", str(threads), "--json", str(file)]
            command += ["--images", str(options.images), "--repetitions", str(options.repetitions)]
            subprocess.run(command, check=True, env=environment(threads))
            frames.append(pd.read_json(file))
    frame = pd.concat(frames, ignore_index=True)
    print(tables(frame, options.repetitions))
    if options.json:
        content = {"rows": frame.to_dict("records"), **provenance()}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if options.store:
        results.write("keras_speed", with_stored(frame.assign(**provenance())))
    return 0


def with_stored(frame):
    """Return the rows with those that are stored for other numbers of threads."""
    import pandas as pd

    from mnistbook import results

    try:
        stored = results.read("keras_speed")
    except FileNotFoundError:
        return frame
    kept = stored[~stored["threads"].isin(frame["threads"])]
    return pd.concat([kept, frame], ignore_index=True).sort_values("threads", kind="stable")


def environment(threads: int) -> dict[str, str]:
    """Return the variables of a process that has so many threads, and TensorFlow's fast order of additions."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    names += ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return os.environ | dict.fromkeys(names, str(threads)) | {"TF_ENABLE_ONEDNN_OPTS": "1"}


def measure(options: argparse.Namespace):
    """Return the times of one number of threads, in a process that was started for it."""
    from threadpoolctl import threadpool_limits

    import mnistlab as ml
    from mnistbook.ch16_dense_in_keras.speed import CANDIDATES, time_epochs
    from mnistlab.interop import import_keras

    keras = import_keras()
    import tensorflow as tf

    mnist = ml.load_mnist()
    x, t = ml.to_vectors(mnist.x_train[: options.images]), ml.one_hot(mnist.y_train[: options.images])
    (threads,) = options.threads
    candidates = dict(list(CANDIDATES.items())[: None if threads == 1 else COMPETITORS])
    tf.get_logger().setLevel("ERROR")  # it warns that each model is compiled anew, which is meant
    with threadpool_limits(threads):
        frame = time_epochs(x, t, BATCH_SIZES, candidates, options.repetitions)
    frame.insert(0, "threads", threads)
    return frame.assign(framework=f"Keras {keras.__version__}, tensorflow {tf.__version__}")


def tables(frame, repetitions: int) -> str:
    """Return medians and quartiles as text, a table for each number of threads."""
    from mnistbook.ch16_dense_in_keras.speed import quartiles
    from mnistlab.sweeps.provenance import provenance

    machine = provenance()
    lines = []
    for threads, rows in frame.groupby("threads"):
        medians = quartiles(rows)
        processor = quartiles(rows, "cpu_seconds")["median"]
        lines.append(f"{threads} thread{'s' if threads > 1 else ''}: seconds per epoch of 60,000 images")
        lines.append(f"{'batch':>5}  {'':24}{'median':>8}{'quartiles':>18}{'of the processor':>18}")
        for row, cpu in zip(medians.itertuples(), processor, strict=True):
            quarters = f"{row.low:.2f} … {row.high:.2f}"
            lines.append(f"{row.batch_size:>5}  {row.candidate:24}{row.median:8.2f}{quarters:>18}{cpu:18.2f}")
        lines.append("")
    lines.append(f"{repetitions} turns each, after one that is not counted; {machine['processor']}")
    names = ("mnistlab", "commit", "python", "numpy", "blas")
    return "\n".join([*lines, ", ".join(f"{name} {machine[name]}" for name in names) + f", {frame['framework'][0]}"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
