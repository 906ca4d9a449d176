"""The library: ``fit`` with everything it does for a user, checks of the loss and its gradient included."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import mnistlab as ml
from mnistbook.ch19_where_the_time_goes.bench.work import Work
from mnistlab.devices import to_host

NEVER = 10**6


options: dict[str, object] = {}


def start(variant: str, threads: int | None) -> None:
    """Remember how many threads ``fit`` shall use; with None, its default or what the variant says."""
    options.clear()
    if threads or variant:
        options["threads"] = threads or ("auto" if variant == "auto" else int(variant))


def train(work: Work, x: np.ndarray, y: np.ndarray, after_epoch: Callable) -> None:
    """Train until ``after_epoch`` returns False."""
    network = _network(work)
    momentum = {"momentum": 0.9} if work.optimizer == "sgd" else {}
    kind = {"sgd": ml.SGD, "adam": ml.Adam}[work.optimizer]
    optimizer = kind(work.learning_rate, weight_decay=work.weight_decay, **momentum)
    loss = ml.SoftmaxCrossEntropy()

    def end_of_epoch(row: dict[str, float]) -> bool:
        return not after_epoch(network.predict, lambda: [*map(to_host, optimizer.state.values())])

    how = {"epochs": NEVER, "batch_size": work.batch, "seed": work.seed, "progress": False, **options}
    ml.fit(network, x, y, loss=loss, optimizer=optimizer, on_epoch_end=end_of_epoch, **how)


def classifier(work: Work) -> Callable[[np.ndarray], np.ndarray]:
    """Return the network's own function."""
    return _network(work).predict


def _network(work: Work) -> ml.Network:
    layers = ml.multilayer_perceptron(work.sizes, dropout=work.dropout)
    return ml.Network(layers, seed=work.seed, device=work.device)
