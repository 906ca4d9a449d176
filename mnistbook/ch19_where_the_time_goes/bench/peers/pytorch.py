"""PyTorch, with the loop that its tutorials teach, on tensors that are in memory already.

Variants: as it comes; with ``set_flush_denormal(True)``; and with the fused optimizer besides.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from itertools import pairwise

import numpy as np

from mnistbook.ch19_where_the_time_goes.bench.work import Work

torch = None
fused = False


def start(variant: str, threads: int) -> None:
    """Import PyTorch; set threads, flushing and which optimizer."""
    global torch, fused
    torch = import_module("torch")
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    torch.set_flush_denormal(variant != "default")
    fused = variant == "fused"


def train(work: Work, x: np.ndarray, y: np.ndarray, after_epoch: Callable) -> None:
    """Train until ``after_epoch`` returns False."""
    model, x, y = _model(work), torch.from_numpy(x).to(work.device), torch.from_numpy(y).to(work.device)
    options = {"lr": work.learning_rate, "weight_decay": work.weight_decay, "fused": fused or None}
    if work.optimizer == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), momentum=0.9, **options)
    else:
        optimizer = torch.optim.AdamW(model.parameters(), **options)
    cross_entropy = torch.nn.CrossEntropyLoss()
    going = True
    while going:
        model.train()
        order = torch.randperm(len(x), device=work.device)
        for begin in range(0, len(x), work.batch):
            chosen = order[begin : begin + work.batch]
            optimizer.zero_grad()
            loss = cross_entropy(model(x[chosen]), y[chosen])
            loss.backward()
            optimizer.step()
        if work.device == "cuda":
            torch.cuda.synchronize()  # the last steps are only queued
        going = after_epoch(_function(model, work), lambda: _velocities(optimizer))


def classifier(work: Work) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that classifies without recording anything for gradients."""
    return _function(_model(work), work)


def _function(model: object, work: Work) -> Callable[[np.ndarray], np.ndarray]:
    model.eval()

    def classify(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(torch.from_numpy(x).to(work.device)).argmax(dim=1).cpu().numpy()

    return classify


def _velocities(optimizer: object) -> list[np.ndarray]:
    states = optimizer.state.values()
    return [state["momentum_buffer"].cpu().numpy() for state in states if state.get("momentum_buffer") is not None]


def _model(work: Work) -> object:
    torch.manual_seed(work.seed)
    nn = torch.nn
    layers: list[object] = []
    for inputs, outputs in pairwise(work.sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()] + [nn.Dropout(work.dropout)] * bool(work.dropout)
    while not isinstance(layers[-1], nn.Linear):
        layers.pop()
    return nn.Sequential(*layers).to(work.device)
