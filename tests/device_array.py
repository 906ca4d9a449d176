"""An array that is as strict as one on a GPU, without a GPU: what meets NumPy's arrays unawares is refused.

It follows CuPy's rules: functions of NumPy are handed on by its two protocols, and nothing is copied between the two
memories but by ``asarray`` and ``get``. :func:`fake_cupy` is a module that makes such arrays.
"""

from types import SimpleNamespace

import numpy as np

FUNCTIONS = {
    np.sum,
    np.max,
    np.concatenate,
    np.zeros_like,
    np.empty_like,
    np.ones_like,
    np.asarray,
    np.take,
    np.copyto,
    np.dot,
}


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    def __init__(self, values):
        self._values = values

    def __array__(self, *_, **__):
        raise TypeError("implicit conversion to a NumPy array is not allowed")

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **options):
        options |= {"out": tuple(map(_inside, out))} if out else {}
        result = getattr(ufunc, method)(*map(_inside, inputs), **options)
        return out[0] if out else DeviceArray(np.asarray(result))

    def __array_function__(self, function, types, arguments, options):
        if function not in FUNCTIONS:
            return NotImplemented
        if function is np.asarray:  # the way from one memory to the other
            (values,) = arguments
            return values if isinstance(values, DeviceArray) else DeviceArray(np.array(values, **options))
        out = options.get("out")
        options = {name: _inside(value) for name, value in options.items()}
        result = function(*map(_inside, arguments), **options)
        return DeviceArray(np.asarray(result)) if out is None else out

    def __getitem__(self, index):
        return DeviceArray(np.asarray(self._values[_index(index)]))

    def __setitem__(self, index, value):
        self._values[_index(index)] = _inside(value)

    def __float__(self):
        return float(self._values)

    def __len__(self):
        return len(self._values)

    def get(self):
        return self._values.copy()

    def reshape(self, *shape):
        return DeviceArray(self._values.reshape(*shape))

    def copy(self):
        return DeviceArray(self._values.copy())

    def take(self, indices, axis):
        return DeviceArray(self._values.take(_index(indices), axis))

    def all(self):
        return self._values.all()

    def astype(self, dtype):
        return DeviceArray(self._values.astype(dtype))

    @property
    def T(self):
        return DeviceArray(self._values.T)

    def __getattr__(self, name):
        if name in ("dtype", "shape", "size", "ndim", "nbytes"):
            return getattr(self._values, name)
        raise AttributeError(f"a DeviceArray has no {name}")


def _inside(value):
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("an array in the main memory meets one on the device")
    return value._values if isinstance(value, DeviceArray) else value


def _index(index):
    return index._values if isinstance(index, DeviceArray) else index  # NumPy's integers are allowed as indices


class CudaError(Exception):
    pass


def fake_cupy(devices=1):
    """Return a module with what mnistlab asks of CuPy; with no devices it raises as CuPy does."""

    def count():
        if devices is None:
            raise CudaError("cudaErrorNoDevice: no CUDA-capable device is detected")
        return devices

    runtime = SimpleNamespace(getDeviceCount=count, CUDARuntimeError=CudaError)
    return SimpleNamespace(asarray=lambda x: DeviceArray(np.array(x)), cuda=SimpleNamespace(runtime=runtime))
