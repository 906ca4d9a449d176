"""The passes through which code is led before it is believed: all that training and its users do with it.

An array here is one of symbols, or of symbolic shape. ``like(name, array)`` makes free symbols in the shape of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mnistlab.symbolic.array import reading
from mnistlab.symbolic.values import NotUnderstood

__all__ = ["Pass", "layer_passes", "loss_passes", "unchanged"]

Like = Callable[[str, Any], Any]
Batch = Callable[[str, int], Any]
"""Makes a batch of free symbols, with so many more samples than the one that is looked at."""


@dataclass
class Pass:
    """What a pass took, returned and wrote."""

    x: Any
    y: Any
    dy: Any
    dx: Any
    gradients: list[Any]

    def reading(self) -> Any:
        """Return all of it, to be compared with another pass."""
        return [reading(each) for each in (self.y, self.dx, *self.gradients)]


@contextmanager
def unchanged(**arrays: Any) -> Iterator[None]:
    """Raise NotUnderstood if one of the arrays is not what it was."""
    before = {name: reading(array) for name, array in arrays.items()}
    yield
    for name, array in arrays.items():
        if reading(array) != before[name]:
            raise NotUnderstood(f"a pass changes its {name} in place")


def layer_passes(
    layer: Any, twin: Any, batch: Batch, like: Like, parameters: list[Any], gradients: list[Any], rng: Callable
) -> tuple[Pass, Pass]:
    """Return a pass as the first layer makes it in training, which is not asked for dx, and one with dx.

    Before them come passes over other batches, of another and of the same number of samples and with other parameters;
    the array of one of them is used again. Gradients hold other symbols before each, so that none may be added to. A
    second layer of the same kind is used between forward and backward. Afterwards ``backward`` runs once more.

    Parameters
    ----------
    layer, twin
        The layer, and a copy of it.
    batch, like
        Make symbols.
    parameters, gradients
        Arrays that the layer reads and writes.
    rng
        Returns the generator of a pass, or None; of another one where it is called with True.

    Raises
    ------
    NotUnderstood
        If something is changed that belongs to others, or the passes depend on those before.
    """

    def backward(dy: Any, *need_dx: bool) -> tuple[Any, list[Any]]:
        for each in gradients:
            each[...] = like("junk", each)
        dx = layer.backward(dy, *need_dx)
        return dx, [each.copy() for each in gradients]

    def run(x: Any, need_dx: bool, old: bool) -> Pass:
        held = {"inputs": x} | {f"parameters ({place})": each for place, each in enumerate(parameters)}
        with unchanged(**held):
            y = layer.forward(x, rng(old))
            twin.forward(batch("x^{twin}", 0), rng(True))
            dy = like("g", y)
            with unchanged(gradients=dy, outputs=y):
                dx, written = backward(dy, need_dx)
        return Pass(x, y, dy, dx, written)

    kept = [each.copy() for each in parameters]
    for each in parameters:
        each[...] = like("old", each)
    run(batch("x^{older}", 1), False, True)
    first = run(batch("x^{old}", 0), True, True)
    returned = reading(first.y), reading(first.dx)
    x = batch("x^{other}", 0)
    run(x, True, True)
    if returned != (reading(first.y), reading(first.dx)):
        raise NotUnderstood("what one pass returned is changed by the next")
    for each, values in zip(parameters, kept, strict=True):
        each[...] = values
    before = _plain_numbers(layer)
    x[...] = batch("x", 0)
    alone = run(x, False, False)
    result = run(batch("x", 0), True, False)
    if reading(alone.y) != reading(result.y):
        raise NotUnderstood("a second pass forward, over the same batch, is another one")
    if result.dx is None:
        raise ValueError("backward returns nothing where dx is asked for")
    dx, written = backward(result.dy)
    if reading(dx) != reading(result.dx) or list(map(reading, written)) != list(map(reading, result.gradients)):
        raise NotUnderstood("a second pass backward, over the same batch, is another one")
    if _plain_numbers(layer) != before:
        raise NotUnderstood("a pass depends on those before: a number that the layer keeps has changed")
    return alone, result


def loss_passes(loss: Any, twin: Any, outputs: Batch, targets: Batch) -> tuple[Any, Any]:
    """Return the value of a loss and its gradient, after the same trials as those of a layer."""

    def run(y: Any, t: Any) -> tuple[Any, Any]:
        with unchanged(outputs=y, targets=t):
            value = loss.forward(y, t)
            twin.forward(outputs("y^{twin}", 0), targets("t^{twin}", 0))
            return value, loss.backward()

    run(outputs("y^{older}", 1), targets("t^{older}", 1))
    _, first = run(outputs("y^{old}", 0), targets("t^{old}", 0))
    returned = reading(first)
    y, t = outputs("y^{other}", 0), targets("t^{other}", 0)
    run(y, t)
    if reading(first) != returned:
        raise NotUnderstood("what one pass returned is changed by the next")
    before = _plain_numbers(loss)
    y[...], t[...] = outputs("y", 0), targets("t", 0)
    again = run(y, t)
    value, gradient = run(outputs("y", 0), targets("t", 0))
    if any(reading(one) != reading(other) for one, other in zip(again, (value, gradient), strict=True)):
        raise NotUnderstood("a second pass, over the same batch, is another one")
    if reading(loss.backward()) != reading(gradient):
        raise NotUnderstood("a second pass backward, over the same batch, is another one")
    if _plain_numbers(loss) != before:
        raise NotUnderstood("a pass depends on those before: a number that the loss keeps has changed")
    return value, gradient


def _plain_numbers(part: Any) -> dict[str, object]:
    """Return the attributes that are no arrays, such as a count of passes."""
    return {name: value for name, value in vars(part).items() if isinstance(value, bool | int | float | str)}
