"""An array that writes down the matrix products of the code that it passes through."""

from typing import ClassVar

import numpy as np


class SpiedArray(np.ndarray):
    """Sizes (m, k, n) of each product, in order, are in ``met``, which a test empties before it begins."""

    met: ClassVar[list[tuple[int, int, int]]] = []

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        plain = [np.asarray(value) for value in inputs]
        if ufunc is np.matmul:
            SpiedArray.met.append((*plain[0].shape, plain[1].shape[1]))
        if out is not None:
            options["out"] = tuple(np.asarray(array) for array in out)
        return np.asarray(getattr(ufunc, method)(*plain, **options)).view(SpiedArray)

    def __array_function__(self, function, types, arguments, options):
        if function is np.dot:
            return np.matmul(*arguments, **options)
        return super().__array_function__(function, types, arguments, options)
