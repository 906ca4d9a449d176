"""Networks stay in one piece: copies and pickles learn, what is assigned arrives, and nothing is kept without need."""

from __future__ import annotations

import copy
import pickle
import tracemalloc

import numpy as np
import pytest

import mnistlab as ml

COPIES = {
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda network: pickle.loads(pickle.dumps(network)),
    "clone": lambda network: network.clone(),
}


class Scale(ml.Layer):
    """A user's own layer, which writes its gradient by assignment."""

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"gain": (1,)}

    def initialize(self, rng: np.random.Generator) -> None:
        self.gain = np.ones(1)

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        self.seen = x
        return x * self.gain

    def backward(self, dy: np.ndarray, need_dx: bool = True) -> np.ndarray:
        self.dgain = np.sum(dy * self.seen).reshape(1)
        return dy * self.gain


def small(seed: int = 0) -> ml.Network:
    layers = [ml.Conv2D((2, 2, 1), 4, 1), ml.MaxPool2D((2, 2, 4)), ml.Dense(4, 8), ml.ReLU(), Scale(), ml.Dropout(0.1)]
    return ml.Network([*layers, ml.Dense(8, 3)], seed=seed)


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_learns_as_its_original_would_and_leaves_it_alone(kind: str, clusters):
    x, y = clusters
    original = small()
    ml.fit(original, x, y, epochs=1)
    copied, before = COPIES[kind](original), original.parameters.copy()
    np.testing.assert_array_equal(copied.parameters, before)
    np.testing.assert_array_equal(copied.outputs(x), original.outputs(x))
    history = ml.fit(copied, x, y, epochs=4, batch_size=16, seed=1)
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    np.testing.assert_array_equal(original.parameters, before)
    ml.fit(original, x, y, epochs=4, batch_size=16, seed=1)
    np.testing.assert_array_equal(copied.parameters, original.parameters)
    copied.parameters[...] = 0
    assert (copied.outputs(x) == 0).all()


def test_a_pickle_holds_no_batch(clusters):
    network = small()
    fresh = len(pickle.dumps(network))
    ml.fit(network, *clusters, epochs=1, batch_size=300)
    assert len(pickle.dumps(network)) < 1.05 * fresh
    assert len(pickle.dumps(network.layers)) < 1.05 * fresh
    assert not {"x", "patches", "seen"} & vars(network.clone().layers[0]).keys()


def test_a_pickle_of_read_only_memory_can_learn(clusters):
    network = small()
    buffers = []
    data = pickle.dumps(network, protocol=5, buffer_callback=buffers.append)
    copied = pickle.loads(data, buffers=[bytes(buffer.raw()) for buffer in buffers])  # as shared by processes
    ml.fit(copied, *clusters, epochs=1)
    assert (copied.parameters != network.parameters).any()


def test_what_is_assigned_is_written_into_the_vector():
    network, vector = small(), np.arange(small().parameters.size)
    held = network.parameters
    network.parameters = vector
    assert network.parameters is held
    np.testing.assert_array_equal(network.layers[0].W.ravel(), np.arange(4))
    network.layers[-1].b = np.array([7, 8, 9])
    network.layers[-1].b += 1
    np.testing.assert_array_equal(network.parameters[-3:], [8, 9, 10])
    network.gradients = -vector
    np.testing.assert_array_equal(network.layers[0].dW.ravel(), -np.arange(4))


def test_gradients_that_a_layer_assigns_are_learnt_from(rng: np.random.Generator):
    network = ml.Network([Scale(), ml.Dense(3, 2)], dtype=np.float64)
    errors = ml.check_gradients(network, ml.SquaredError(), rng.standard_normal((4, 3)), rng.standard_normal((4, 2)))
    assert max(errors.values()) < 1e-7


def test_what_does_not_fit_is_refused_in_a_sentence():
    network = small()
    with pytest.raises(ValueError, match=r"the vector of parameters has the shape \(76,\), and what .* has \(3,\)"):
        network.parameters = np.zeros(3)
    with pytest.raises(ValueError, match=r"W of Dense\(inputs=4.* has the shape \(4, 8\), and what .* has \(8, 4\)"):
        network.layers[2].W = np.zeros((8, 4))
    with pytest.raises(AttributeError, match="make a new Network"):
        network.layers = [ml.Dense(4, 3)]
    with pytest.raises(TypeError, match="tuple"):
        network.layers[0] = ml.Dense(4, 3)
    early = ml.Dense(4, 3)
    early.W = np.zeros((4, 3))
    with pytest.raises(ValueError, match=r"W of Dense.* was set before the network"):
        ml.Network([early])


def test_a_layer_belongs_to_one_network():
    layers = [ml.Dense(4, 3), ml.ReLU()]
    with pytest.raises(ValueError, match="'cpu' or 'cuda'"):
        ml.Network(layers, device="abacus")  # which leaves the layers free
    ml.Network(layers)
    for taken in (layers, [ml.Dense(4, 3), layers[1]]):
        with pytest.raises(ValueError, match=r"belongs to another network already.*clone\(\)"):
            ml.Network(taken)
    ml.Network(copy.deepcopy(layers))


def test_nothing_is_kept_after_inference(rng: np.random.Generator):
    layers = [ml.Conv2D((12, 12, 1), 8), ml.ReLU(), ml.MaxPool2D((10, 10, 8)), ml.Dense(200, 10), ml.Sigmoid()]
    network, loss = ml.Network(layers), ml.SquaredError()
    x, y = rng.random((500, 144), dtype=np.float32), rng.integers(0, 10, 500)
    network.predict(x[:2])  # what is imported and cached at the first call
    tracemalloc.start()
    try:
        network.predict(x)
        ml.evaluate(network, x, y, loss)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 100_000
    assert peak < 2 * 500 * 8 * 100 * 4 + 500 * 9 * 100 * 4 + 1_000_000  # patches and two images
    assert not hasattr(network.layers[0], "patches") and not hasattr(loss, "difference")


def test_inference_between_forward_and_backward_changes_nothing(rng: np.random.Generator):
    network, x = small(), rng.random((5, 4), dtype=np.float32)
    y = network.forward(x)
    network.backward(y)
    expected = network.gradients.copy()
    y = network.forward(x)
    network.predict(rng.random((7, 4), dtype=np.float32))
    network.backward(y)
    np.testing.assert_array_equal(network.gradients, expected)
