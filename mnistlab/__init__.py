"""Backpropagation from scratch: a small NumPy library, and the report that proves it.

>>> import mnistlab as ml
>>> network = ml.Network([ml.Dense(784, 300), ml.ReLU(), ml.Dense(300, 10)], seed=0)
"""

from __future__ import annotations

from importlib import import_module

from mnistlab.checkpoint import CheckpointError
from mnistlab.convolution import Conv2D, MaxPool2D
from mnistlab.data import minibatches, one_hot, split, to_vectors
from mnistlab.devices import DeviceError
from mnistlab.gradcheck import check_direction, check_gradients, numerical_gradient
from mnistlab.initializers import Glorot, He, LeCun, Normal, Uniform
from mnistlab.layer import Layer
from mnistlab.layers import Dense, Dropout, ReLU, Sigmoid, Softmax, Tanh
from mnistlab.losses import CrossEntropy, Loss, SoftmaxCrossEntropy, SquaredError
from mnistlab.mnist import MNIST, DataError, load_mnist
from mnistlab.network import Network
from mnistlab.optimizers import SGD, Adam, Optimizer, RMSprop
from mnistlab.perceptron import multilayer_perceptron
from mnistlab.schedules import Constant, Cosine, Step, WarmUp
from mnistlab.training import EarlyStopping, Evaluation, History, TrainingDiverged, evaluate, fit, train_step

__version__ = "0.1.0"

_FROM_ROOMS = {
    "FileFormatError": "mnistlab.interop.files",
    "from_keras": "mnistlab.interop.keras_models",
    "load_keras": "mnistlab.interop.keras_models",
    "load_network": "mnistlab.interop.files",
    "load_weights_json": "mnistlab.interop.files",
    "save_keras": "mnistlab.interop.keras_models",
    "save_network": "mnistlab.interop.files",
    "save_weights_json": "mnistlab.interop.files",
    "to_keras": "mnistlab.interop.keras_models",
}

__all__ = [
    "MNIST",
    "SGD",
    "Adam",
    "CheckpointError",
    "Constant",
    "Conv2D",
    "Cosine",
    "CrossEntropy",
    "DataError",
    "Dense",
    "DeviceError",
    "Dropout",
    "EarlyStopping",
    "Evaluation",
    "Glorot",
    "He",
    "History",
    "Layer",
    "LeCun",
    "Loss",
    "MaxPool2D",
    "Network",
    "Normal",
    "Optimizer",
    "RMSprop",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "Step",
    "Tanh",
    "TrainingDiverged",
    "Uniform",
    "WarmUp",
    "check_direction",
    "check_gradients",
    "evaluate",
    "fit",
    "load_mnist",
    "minibatches",
    "multilayer_perceptron",
    "numerical_gradient",
    "one_hot",
    "split",
    "to_vectors",
    "train_step",
    *_FROM_ROOMS,
]


def __getattr__(name: str) -> object:
    # What needs more than NumPy is imported when it is first asked for.
    if name in _FROM_ROOMS:
        return getattr(import_module(_FROM_ROOMS[name]), name)
    raise AttributeError(f"module 'mnistlab' has no attribute {name!r}")
