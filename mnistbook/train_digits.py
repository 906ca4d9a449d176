"""Make the network that ships with the package: ``python -m mnistbook.train_digits``.

Its settings were chosen on 6,000 training images held out, which it does not learn from, and on drawings made from
them. The test images are read once, for the file's metadata. ``make app-network`` runs it; it takes one core for about
a minute, and gives the same file each time on the same kind of processor with the same NumPy.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits

from mnistbook.ch18_draw_your_own.drawings import compare, drawings
from mnistlab.app.weights import DIGITS
from mnistlab.data import split, to_vectors
from mnistlab.images import Augmentation
from mnistlab.interop.files import save_network
from mnistlab.layers import Dense, ReLU
from mnistlab.losses import SoftmaxCrossEntropy
from mnistlab.mnist import MNIST, load_mnist
from mnistlab.network import Network
from mnistlab.optimizers import SGD
from mnistlab.schedules import Cosine
from mnistlab.training import evaluate, fit

__all__ = ["main"]

SEED, EPOCHS, BATCH_SIZE = 0, 25, 128
LOSS, AUGMENTATION = SoftmaxCrossEntropy(label_smoothing=0.1), Augmentation.mild()
RATE, MOMENTUM, WEIGHT_DECAY = Cosine(0.1), 0.9, 1e-4


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure, and write the file."""
    parser = argparse.ArgumentParser(prog="python -m mnistbook.train_digits", description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=DIGITS, help="where to write (default: into the package)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="fewer for a trial (default: %(default)s)")
    options = parser.parse_args(arguments)
    mnist = load_mnist()
    x, y, x_held_out, y_held_out = split(mnist.x_train, mnist.y_train, 0.1, seed=SEED)
    network = Network([Dense(784, 300), ReLU(), Dense(300, 10)], seed=SEED)
    # How many threads share a product decides how its sums are rounded, and a training carries that on and on.
    with threadpool_limits(1):
        fit(
            network,
            to_vectors(x),
            y,
            loss=LOSS,
            optimizer=SGD(RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY),
            epochs=options.epochs,
            batch_size=BATCH_SIZE,
            seed=SEED,
            augment=AUGMENTATION,
            on_epoch_end=lambda row: print(f"epoch {row['epoch']:>3}  loss {row['loss']:.4f}", flush=True),
        )
    facts = measured(network, mnist, x_held_out, y_held_out)
    save_network(network, options.output, {**settings(options.epochs), **facts})
    print(f"saved in {options.output}: {facts}")


def settings(epochs: int) -> dict[str, str]:
    """Return how the network is trained, in words, for the file's metadata."""
    return {
        "made_by": "make app-network",
        "seed": str(SEED),
        "epochs": str(epochs),
        "batch_size": str(BATCH_SIZE),
        "loss": repr(LOSS),
        "optimizer": repr(SGD(RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)),
        "augmentation": repr(AUGMENTATION),
        "training_images": "54000",
    }


def measured(network: Network, mnist: MNIST, x_held_out, y_held_out) -> dict[str, str]:
    """Return the share read rightly, as text: of images held out, of test images, and of drawings made from these."""
    shares = {
        "validation_accuracy": evaluate(network, to_vectors(x_held_out), y_held_out).accuracy,
        "test_accuracy": evaluate(network, to_vectors(mnist.x_test), mnist.y_test).accuracy,
        "drawings_accuracy": compare(network, drawings(mnist.x_test, mnist.y_test)).loc["all", "from_drawing"],
    }
    return {name: f"{share:.4f}" for name, share in shares.items()}


if __name__ == "__main__":
    main()
