"""Layers: each one is a formula and its derivative, side by side.

Shapes: ``N`` samples in a batch, ``D`` inputs and ``K`` outputs of a layer. Arrays hold one sample a row.
In names, ``dz`` is the derivative of the loss with respect to ``z``, of the same shape as ``z``.

``forward`` remembers what ``backward`` needs, so a ``backward`` belongs to the last ``forward``. Given a random
generator, ``forward`` is a training pass; without one it is deterministic.

Every layer is written in plain NumPy calls that dispatch on the type of their arguments, so that the same code runs on
float32, on float64, on symbols and on a GPU's arrays.
"""

from __future__ import annotations

import numpy as np

from mnistlab.initializers import He, Initializer
from mnistlab.layer import Layer

__all__ = ["Dense", "Dropout", "ReLU", "Sigmoid", "Softmax", "Tanh"]


class Dense(Layer):
    r"""Affine map :math:`z = xW + b`.

    Backward (:eq:`eq-dense-backward`):

    .. math:: dW = x^T dz, \qquad db = \sum_n dz_n, \qquad dx = dz\,W^T

    Parameters
    ----------
    inputs, outputs
        Lengths D and K of an input row and an output row.
    bias
        Whether ``b`` is added.
    initializer
        Draws the initial ``W`` of shape (D, K); He's normal by default, as suits ReLU. ``b`` starts at zero.

    Raises
    ------
    ValueError
        If a size is not a positive integer.
    """

    inputs: int
    outputs: int
    W: np.ndarray
    b: np.ndarray
    dW: np.ndarray
    db: np.ndarray

    def __init__(self, inputs: int, outputs: int, bias: bool = True, *, initializer: Initializer | None = None):
        for name, size in (("inputs", inputs), ("outputs", outputs)):
            if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
                raise ValueError(f"Dense needs {name} to be a positive integer, not {size!r}")
        self.inputs, self.outputs, self.bias = int(inputs), int(outputs), bool(bias)
        self.initializer = He() if initializer is None else initializer

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """``W`` of shape (D, K) and, with a bias, ``b`` of shape (K,)."""
        shapes: dict[str, tuple[int, ...]] = {"W": (self.inputs, self.outputs)}
        return {**shapes, "b": (self.outputs,)} if self.bias else shapes

    def initialize(self, rng: np.random.Generator) -> None:
        """Draw ``W``; set ``b`` to zero."""
        self.W[...] = self.initializer(rng, (self.inputs, self.outputs))
        if self.bias:
            self.b[...] = 0

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """``z = x W + b``."""
        self.x = x
        z = x @ self.W
        if self.bias:
            z += self.b
        return z

    def backward(self, dz: np.ndarray, need_dx: bool = True) -> np.ndarray | None:
        """``dW = xᵀ dz``, ``db = Σₙ dzₙ``, ``dx = dz Wᵀ``; the gradients are written in place."""
        np.dot(self.x.T, dz, out=self.dW)  # for one sample ten times faster than np.matmul
        if self.bias:
            np.sum(dz, axis=0, out=self.db)
        return dz @ self.W.T if need_dx else None

    def config(self) -> dict[str, object]:
        """Sizes and whether there is a bias; the initializer has done its work by then."""
        return {"inputs": self.inputs, "outputs": self.outputs, "bias": self.bias}


class ReLU(Layer):
    r"""Rectifier :math:`y = \max(x, 0)`, elementwise.

    Backward (:eq:`eq-relu-backward`): :math:`dx = dy \cdot [x > 0]`. At x = 0, where no derivative exists, the
    subgradient 0 is taken.
    """

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """``y = max(x, 0)``."""
        self.x = x
        return np.maximum(x, 0)

    def backward(self, dy: np.ndarray, need_dx: bool = True) -> np.ndarray:
        """``dx = dy [x > 0]``."""
        return dy * (self.x > 0)


class Sigmoid(Layer):
    r"""Logistic function :math:`y = 1 / (1 + e^{-x})`, elementwise.

    Computed as the softmax of x and 0, :math:`e^{x - m} / (e^{x - m} + e^{-m})` with :math:`m = \max(x, 0)`, which
    cancels: no exponent is positive, so that nothing overflows, and small values have all their digits.
    Backward (:eq:`eq-sigmoid-backward`): :math:`dx = dy \cdot y (1 - y)`.
    """

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """``y = exp(x - m) / (exp(x - m) + exp(-m))`` with m = max(x, 0), which is ``1 / (1 + exp(-x))``."""
        m = np.maximum(x, 0)
        e = np.exp(x - m)
        self.y = e / (e + np.exp(-m))
        return self.y

    def backward(self, dy: np.ndarray, need_dx: bool = True) -> np.ndarray:
        """``dx = dy y (1 - y)``."""
        return dy * self.y * (1 - self.y)


class Tanh(Layer):
    r"""Hyperbolic tangent :math:`y = \tanh x`, elementwise.

    Backward (:eq:`eq-tanh-backward`): :math:`dx = dy \cdot (1 - y^2)`.
    """

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """``y = tanh(x)``."""
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy: np.ndarray, need_dx: bool = True) -> np.ndarray:
        """``dx = dy (1 - y²)``."""
        return dy * (1 - self.y * self.y)


class Softmax(Layer):
    r"""Softmax of each row, :math:`p_k = e^{θ_k} / \sum_j e^{θ_j}`, as a layer of its own.

    Its Jacobian is full, :math:`\partial p_i / \partial θ_j = p_i (\delta_{ij} - p_j)`, that is
    :math:`J = \operatorname{diag}(p) - p p^T`; ``backward`` is the product :math:`J^T dp` without the matrix
    (:eq:`eq-softmax-backward`): :math:`dθ = p \cdot (dp - \sum_k dp_k p_k)`.
    """

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """``p = exp(x - m) / Σ exp(x - m)`` with m the row's maximum, which cancels and keeps ``exp`` finite."""
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        self.p = e / np.sum(e, axis=1, keepdims=True)
        return self.p

    def backward(self, dp: np.ndarray, need_dx: bool = True) -> np.ndarray:
        """``dx = p (dp - Σₖ dpₖ pₖ)``."""
        return self.p * (dp - np.sum(dp * self.p, axis=1, keepdims=True))

    def jacobian(self) -> np.ndarray:
        """Return ``diag(p) - p pᵀ`` of each row of the last forward pass, (N, K, K) (:eq:`eq-softmax-jacobian`)."""
        p = self.p
        return p[:, :, None] * np.eye(p.shape[1], dtype=p.dtype) - p[:, :, None] * p[:, None, :]


class Dropout(Layer):
    r"""In a training pass, set each input to zero with probability ``rate`` and divide the others by ``1 - rate``.

    The division keeps the expected value, so that a pass without a generator is the identity (*inverted* dropout;
    Srivastava et al., 2014). Backward (:eq:`eq-dropout-backward`): :math:`dx = dy \cdot m` with the same mask ``m``.

    Raises
    ------
    ValueError
        If ``rate`` is not in [0, 1).
    """

    mask: np.ndarray | None

    def __init__(self, rate: float):
        if not 0 <= rate < 1:
            raise ValueError(f"Dropout needs a rate of at least 0 and less than 1, not {rate!r}")
        self.rate = float(rate)

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """``y = x m`` in a training pass, else ``y = x``."""
        if rng is None or self.rate == 0:
            self.mask = None
            return x
        keep = 1 - self.rate
        kept = rng.random(x.shape, dtype=np.float32) < keep
        self.mask = np.asarray(kept * x.dtype.type(1 / keep), like=x)
        return x * self.mask

    def backward(self, dy: np.ndarray, need_dx: bool = True) -> np.ndarray:
        """``dx = dy m``."""
        return dy if self.mask is None else dy * self.mask

    def config(self) -> dict[str, object]:
        """The rate."""
        return {"rate": self.rate}
