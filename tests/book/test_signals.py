"""The size of signals and gradients by depth."""

import numpy as np
import pytest

import mnistlab as ml
from mnistbook.ch09_initialization import signals


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    return rng.standard_normal((400, 784)).astype(np.float32), ml.one_hot(rng.integers(0, 10, 400))


def test_he_keeps_the_size_and_others_do_not(batch):
    sizes = {}
    for initializer in (ml.He(), ml.LeCun(), ml.Normal(0.01)):
        sizes[type(initializer).__name__] = signals.scales(signals.deep_network(initializer), *batch)[0]
    assert sizes["He"][:-1] == pytest.approx(np.sqrt(2), rel=0.25)
    assert sizes["LeCun"][9] / sizes["LeCun"][0] == pytest.approx(2 ** (-9 / 2), rel=0.3)
    assert sizes["Normal"][9] < 1e-6 * sizes["Normal"][0]


def test_gradients_are_those_of_the_loss_with_respect_to_each_layers_output(batch):
    x, targets = (values[:3].astype(np.float64) for values in batch)
    network = signals.deep_network(ml.He(), hidden=2, width=5)
    network.bind(network.parameters.astype(np.float64), network.gradients.astype(np.float64))
    _, gradients = signals.scales(network, x, targets)
    loss = ml.SoftmaxCrossEntropy()

    def value():
        return float(loss.forward(network.forward(x), targets))

    # A bias adds to each row of its layer's output, so its gradient is the sum of the rows' gradients.
    first = network.layers[0]
    shift = np.zeros((3, 5))
    plain = type(first).forward

    def shifted(layer, x, rng=None):
        return plain(layer, x, rng) + (shift if layer is first else 0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ml.Dense, "forward", shifted)
        numerical = ml.numerical_gradient(value, shift)
    assert gradients[0] == pytest.approx(np.sqrt(np.mean(numerical**2)), rel=1e-6)
    assert len(gradients) == 3
