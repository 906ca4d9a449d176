"""PyTorch, with the loop that its tutorials teach, on tensors that are in memory already.

Variants: as it comes; with ``set_flush_denormal(True)`` and the fused optimizer; and with the network and its loss
compiled by ``torch.compile`` besides. Products of float32 are of full precision, PyTorch's default.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np

from mnistbook.ch19_where_the_time_goes.bench.work import Work

torch: Any = None
fused = compiled = False


def start(variant: str, threads: int | None) -> None:
    """Import PyTorch; set threads, flushing and which optimizer."""
    global torch, fused, compiled
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # else it starts processes, which wait beside the others' turns
    torch = import_module("torch")
    if threads:
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
    torch.set_flush_denormal(variant != "default")
    fused, compiled = variant != "default", variant == "compiled"


def train(work: Work, x: np.ndarray, y: np.ndarray, after_epoch: Callable) -> None:
    """Train until ``after_epoch`` returns False."""
    model, x, y = _model(work), torch.from_numpy(x).to(work.device), torch.from_numpy(y).to(work.device)
    options = {"lr": work.learning_rate, "weight_decay": work.weight_decay, "fused": fused or None}
    if work.optimizer == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), momentum=0.9, **options)
    else:
        optimizer = torch.optim.AdamW(model.parameters(), **options)
    cross_entropy = torch.nn.CrossEntropyLoss()

    def mean_loss(x: Any, y: Any) -> Any:
        return cross_entropy(model(x), y)

    if compiled:
        torch._dynamo.reset()
        mean_loss = torch.compile(mean_loss, dynamic=False)  # a program for each size of batch
    going = True
    while going:
        model.train()
        order = torch.randperm(len(x), device=work.device)
        for begin in range(0, len(x), work.batch):
            chosen = order[begin : begin + work.batch]
            optimizer.zero_grad()
            mean_loss(x[chosen], y[chosen]).backward()
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
