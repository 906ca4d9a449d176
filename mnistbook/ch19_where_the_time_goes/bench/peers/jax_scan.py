"""JAX: one compiled call an epoch, a ``lax.scan`` over its mini-batches, as its guides recommend for small steps.

Products of float32 are of full precision, which has to be asked for where a machine could do with less.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from mnistbook.ch19_where_the_time_goes.bench.work import Work, first_weights

jax: Any = None


def start(variant: str, threads: int | None) -> None:
    """Import JAX; on one thread XLA is told so. More threads it takes from the cores that the process may use."""
    global jax
    os.environ["JAX_PLATFORMS"] = "cpu"
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    jax = import_module("jax")
    jax.config.update("jax_default_matmul_precision", "highest")


def train(work: Work, x: np.ndarray, y: np.ndarray, after_epoch: Callable) -> None:
    """Train until ``after_epoch`` returns False."""
    if work.dropout or work.weight_decay:
        raise ValueError("this peer has neither dropout nor weight decay")
    numpy = jax.numpy
    x, y = numpy.asarray(x), numpy.asarray(y)
    parameters = _draw(work)
    zeros = jax.tree.map(numpy.zeros_like, parameters)
    state = (parameters, zeros, jax.tree.map(numpy.copy, zeros), numpy.zeros((), numpy.int32))
    epoch = jax.jit(partial(_epoch, work), donate_argnums=0)
    key, going = jax.random.key(work.seed), True
    while going:
        key, of_epoch = jax.random.split(key)
        state = jax.block_until_ready(epoch(state, of_epoch, x, y))
        velocities = list(state[1]) if work.optimizer == "sgd" else []
        going = after_epoch(_function(state[0]), lambda velocities=velocities: [*map(_vector, velocities)])


def classifier(work: Work) -> Callable[[np.ndarray], np.ndarray]:
    """Return the compiled forward pass."""
    return _function(_draw(work))


def _epoch(work: Work, state: tuple, key: Any, x: Any, y: Any) -> tuple:
    """Return the state after an epoch in a new order; the last mini-batch holds what is left."""
    order = jax.random.permutation(key, len(x))
    whole = len(x) // work.batch * work.batch

    def step(state: tuple, chosen: Any) -> tuple:
        return _step(work, state, x[chosen], y[chosen]), None

    state, _ = jax.lax.scan(step, state, order[:whole].reshape(-1, work.batch))
    return step(state, order[whole:])[0] if whole < len(x) else state


def _step(work: Work, state: tuple, x: Any, y: Any) -> tuple:
    parameters, first, second, count = state
    gradients = jax.grad(_loss)(parameters, x, y)
    rate, each = work.learning_rate, jax.tree.map
    if work.optimizer == "sgd":
        first = each(lambda v, g: 0.9 * v - rate * g, first, gradients)
        return each(lambda w, v: w + v, parameters, first), first, second, count
    count = count + 1
    first = each(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
    second = each(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
    mean, square = 1 - 0.9**count, 1 - 0.999**count

    def moved(w: Any, m: Any, v: Any) -> Any:
        return w - rate * (m / mean) / (jax.numpy.sqrt(v / square) + 1e-8)

    return each(moved, parameters, first, second), first, second, count


def _loss(parameters: list, x: Any, y: Any) -> Any:
    logarithms = jax.nn.log_softmax(_outputs(parameters, x))
    return -jax.numpy.take_along_axis(logarithms, y[:, None], axis=1).mean()


def _outputs(parameters: list, x: Any) -> Any:
    for w, b in parameters[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = parameters[-1]
    return x @ w + b


def _function(parameters: list) -> Callable[[np.ndarray], np.ndarray]:
    forward = jax.jit(lambda parameters, x: _outputs(parameters, x).argmax(axis=1))
    return lambda x: np.asarray(forward(parameters, x))


def _vector(layer: tuple) -> np.ndarray:
    return np.concatenate([np.ravel(np.asarray(values)) for values in layer])


def _draw(work: Work) -> list:
    return [(jax.numpy.asarray(w), jax.numpy.zeros(w.shape[1], np.float32)) for w in first_weights(work)]
