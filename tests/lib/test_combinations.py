"""Which loss fits which last layer, and what an answer is where there is one output."""

from __future__ import annotations

import numpy as np
import pytest

import mnistlab as ml

ENDS = {"logits": [], "ReLU": [ml.ReLU], "Sigmoid": [ml.Sigmoid], "Tanh": [ml.Tanh], "Softmax": [ml.Softmax]}
SOFTMAX, CROSS, SQUARES = ml.SoftmaxCrossEntropy, ml.CrossEntropy, ml.SquaredError


def ending(name: str, outputs: int = 3) -> ml.Network:
    return ml.Network([ml.Dense(4, outputs), *(layer() for layer in ENDS[name])])


@pytest.mark.parametrize(
    ("end", "loss", "message"),
    [
        ("Softmax", SOFTMAX, "ends in Softmax.*leave that layer out, or use CrossEntropy"),
        ("ReLU", SOFTMAX, "ends in ReLU.*end it in Dense, or use SquaredError"),
        ("Sigmoid", SOFTMAX, "ends in Sigmoid.*end it in Dense, or use SquaredError"),
        ("Tanh", SOFTMAX, "ends in Tanh.*end it in Dense, or use SquaredError"),
        ("logits", CROSS, r"ends in Dense.*end it in Softmax\(\), or use SoftmaxCrossEntropy"),
        ("Sigmoid", CROSS, r"ends in Sigmoid.*end it in Softmax\(\)"),
        ("ReLU", None, "ends in ReLU.*end it in Dense, or use SquaredError"),
        ("Sigmoid", None, "ends in Sigmoid.*end it in Dense, or use SquaredError"),
    ],
)
def test_a_loss_that_does_not_fit_is_refused_with_what_does(clusters, end, loss, message):
    network = ending(end)
    before = network.parameters.copy()
    for call in (ml.fit, ml.evaluate):
        with pytest.raises(ValueError, match=message):
            call(network, *clusters, loss=loss and loss())
    np.testing.assert_array_equal(network.parameters, before)


@pytest.mark.parametrize(
    ("end", "loss"),
    [
        ("logits", None),
        ("Softmax", None),
        ("logits", SOFTMAX),
        ("Softmax", CROSS),
        *((end, SQUARES) for end in ENDS),
    ],
)
def test_a_loss_that_fits_is_taken(clusters, end, loss):
    network = ending(end)
    ml.fit(network, *clusters, loss=loss and loss(), epochs=1)
    ml.evaluate(network, *clusters, loss and loss())


@pytest.mark.parametrize("loss", [None, SOFTMAX(), CROSS()])
@pytest.mark.parametrize("end", ["logits", "Softmax"])
def test_the_softmax_of_one_output_is_refused(clusters, end, loss):
    x, y = clusters
    network = ending(end, outputs=1)
    for call in (ml.fit, ml.evaluate):
        with pytest.raises(ValueError, match=r"softmax of one output is always 1.*two outputs"):
            call(network, x, y > 0, loss=loss)
    with pytest.raises(ValueError, match="softmax of one output is always 1"):
        network.predict_proba(x)
    with pytest.raises(ValueError, match="one output names no class"):
        network.predict(x)


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_one_output_answers_by_its_half(clusters, shape):
    x, y = clusters
    t = (y == 1).astype(int).reshape(shape)
    network = ml.Network([ml.Dense(4, 8), ml.ReLU(), ml.Dense(8, 1), ml.Sigmoid()])
    stopping = ml.EarlyStopping(20, "validation_accuracy")
    options = {"validation_data": (x, t), "early_stopping": stopping, "epochs": 30, "batch_size": 16}
    history = ml.fit(network, x, t, loss=SQUARES(), **options)
    right = np.mean((network.outputs(x)[:, 0] > 0.5) == (y == 1))
    assert right > 0.97
    assert history["validation_accuracy"].max() == ml.evaluate(network, x, t, SQUARES()).accuracy == right
    assert ml.evaluate(network, x, 1 - t, SQUARES()).accuracy == pytest.approx(1 - right)
    np.testing.assert_array_equal(network.predict(x), network.outputs(x)[:, 0] > 0.5)
    line = ending("logits", outputs=1)
    ml.fit(line, x, t, loss=SQUARES(), epochs=5)
    assert ml.evaluate(line, x, t, SQUARES()).accuracy == np.mean((line.outputs(x)[:, 0] > 0.5) == (y == 1))


def test_a_number_to_be_met_has_no_accuracy(clusters):
    x, _ = clusters
    network, t = ending("logits", outputs=1), 3 * x[:, 0]
    history = ml.fit(network, x, t, loss=SQUARES(), optimizer=ml.SGD(0.05), epochs=5, validation_data=(x, t))
    assert np.isnan(history["validation_accuracy"]).all()
    assert history["validation_loss"][-1] < history["validation_loss"][0]
    options = {"validation_split": 0.1, "early_stopping": ml.EarlyStopping(5, "validation_accuracy")}
    with pytest.raises(ValueError, match="monitor 'validation_loss'"):
        ml.fit(network, x, t, loss=SQUARES(), **options)
