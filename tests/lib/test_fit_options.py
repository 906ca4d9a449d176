"""What ``fit`` can be asked for: stop, go on, measure more, weigh samples; and weight decay that spares biases."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import mnistlab as ml


def small(**options) -> ml.Network:
    return ml.Network([ml.Dense(4, 8), ml.ReLU(), ml.Dropout(0.2), ml.Dense(8, 3)], **options)


@pytest.mark.parametrize("signal", [True, np.True_])
def test_true_at_the_end_of_an_epoch_ends_the_training(clusters, signal):
    history = ml.fit(small(), *clusters, epochs=9, on_epoch_end=lambda row: signal if row["epoch"] == 3 else False)
    assert history["epoch"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("answer", [None, False, 1, "yes", [1]])
def test_what_is_not_true_does_not_end_it(clusters, answer):
    assert len(ml.fit(small(), *clusters, epochs=3, on_epoch_end=lambda row: answer)) == 3


def test_a_stop_goes_back_to_the_best_parameters(clusters):
    network, after = small(), []
    options = {"validation_split": 0.2, "early_stopping": ml.EarlyStopping(50), "optimizer": ml.SGD(0.5), "epochs": 9}

    def look(row: dict[str, float]) -> bool:
        after.append(network.parameters.copy())
        return row["epoch"] == 6

    history = ml.fit(network, *clusters, **options, on_epoch_end=look)
    np.testing.assert_array_equal(network.parameters, after[int(history["validation_loss"].argmin())])


@pytest.mark.parametrize("make", [lambda: ml.SGD(0.1, 0.9), ml.Adam], ids=["sgd", "adam"])
def test_a_training_in_two_calls_is_that_in_one(clusters, make, tmp_path):
    whole, parts, optimizer = small(), small(), make()
    history = ml.fit(whole, *clusters, optimizer=make(), epochs=5)
    first = ml.fit(parts, *clusters, optimizer=optimizer, epochs=2)
    with pytest.raises(ValueError, match=r"has been used already.*initial_epoch=E"):
        ml.fit(parts, *clusters, optimizer=optimizer, epochs=5)
    options = {"optimizer": optimizer, "initial_epoch": 2, "checkpoint": tmp_path / "run.npz"}
    second = ml.fit(parts, *clusters, **options, epochs=5)
    np.testing.assert_array_equal(parts.parameters, whole.parameters)
    assert [*first["loss"], *second["loss"]] == list(history["loss"])
    assert second["epoch"].tolist() == [3, 4, 5]
    resumed, fresh = small(), make()
    ml.fit(resumed, *clusters, **{**options, "optimizer": fresh}, resume=True, epochs=5)
    np.testing.assert_array_equal(resumed.parameters, whole.parameters)


@pytest.mark.parametrize("epoch", [-1, 10, 2.0, True, None])
def test_an_initial_epoch_that_is_none(clusters, epoch):
    with pytest.raises(ValueError, match="initial_epoch must be an integer from 0 to 9"):
        ml.fit(small(), *clusters, epochs=10, initial_epoch=epoch)


def test_an_optimizer_of_another_size_is_refused(clusters):
    optimizer = ml.Adam()
    ml.fit(ml.Network([ml.Dense(4, 3)]), *clusters, optimizer=optimizer, epochs=1)
    with pytest.raises(ValueError, match="with a network of another size"):
        ml.fit(small(), *clusters, optimizer=optimizer, initial_epoch=1)


def test_a_history_is_a_frame(clusters, monkeypatch):
    pandas = pytest.importorskip("pandas")
    history = ml.fit(small(), *clusters, epochs=2)
    frame = history.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.to_dict("records") == history.rows
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match="pip install pandas"):
        history.to_frame()


def test_metrics_see_targets_and_outputs_of_the_validation(clusters):
    x, y = clusters
    network = small()
    metrics = {
        "error": lambda t, z: np.mean(t.argmax(axis=1) != z.argmax(axis=1)),
        "first": lambda t, z: z[0, 0],
    }
    history = ml.fit(network, x[:200], y[:200], epochs=3, validation_data=(x[200:], y[200:]), metrics=metrics)
    np.testing.assert_allclose(history["validation_error"], 1 - history["validation_accuracy"])
    assert history["validation_first"][-1] == network.outputs(x[200:])[0, 0]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metrics": {"f1": max}}, ValueError, "metrics need validation_data or a validation_split"),
        ({"metrics": {"loss": max}, "validation_split": 0.5}, ValueError, "name other than loss and accuracy"),
        ({"metrics": {"f1": "f1"}, "validation_split": 0.5}, TypeError, "'f1' must be a function"),
        ({"sample_weight": np.ones(3)}, ValueError, r"shape \(300,\), not \(3,\)"),
        ({"sample_weight": np.zeros(300)}, ValueError, "not all 0"),
        ({"sample_weight": np.full(300, np.nan)}, ValueError, "finite"),
        ({"class_weight": {0: -1}}, ValueError, "none below 0"),
        ({"class_weight": {3: 1}}, ValueError, "the class 3, and classes are 0…2"),
    ],
)
def test_options_that_make_no_sense(clusters, options, error, message):
    network = small()
    before = network.parameters.copy()
    with pytest.raises(error, match=message):
        ml.fit(network, *clusters, **options)
    np.testing.assert_array_equal(network.parameters, before)


LOSSES = [(ml.SoftmaxCrossEntropy(0.1), []), (ml.CrossEntropy(), [ml.Softmax]), (ml.SquaredError(), [])]


@pytest.mark.parametrize(("loss", "end"), LOSSES, ids=repr)
def test_a_weight_of_two_is_the_sample_twice(clusters, loss, end):
    x, y = clusters
    twice = np.concatenate([np.arange(300), np.flatnonzero(y == 1), [5] * 3])
    weights = np.ones(300)
    weights[5] = 4 if y[5] != 1 else 2.5
    results = []
    for data, options in (
        ((x[twice], y[twice]), {"optimizer": ml.SGD(0.1)}),
        ((x, y), {"sample_weight": weights, "class_weight": {1: 2.0}, "optimizer": ml.SGD(0.1 * 300 / len(twice))}),
    ):
        network = ml.Network([ml.Dense(4, 3), *(layer() for layer in end)], dtype=np.float64)
        history = ml.fit(network, *data, loss=loss, epochs=5, batch_size=1000, **options)
        results.append((network.parameters, history["loss"] * len(data[0])))
    np.testing.assert_allclose(results[1][0], results[0][0], rtol=1e-10)
    np.testing.assert_allclose(results[1][1], results[0][1], rtol=1e-10)


def test_samples_of_weight_zero_are_not_learnt_and_validation_has_no_weights(clusters):
    x, y = clusters
    wrong = np.where(np.arange(300) < 200, y, (y + 1) % 3)
    weights = (np.arange(300) < 200).astype(float)
    network = ml.Network([ml.Dense(4, 3)])
    options = {"sample_weight": weights, "validation_split": 0.2, "epochs": 30, "batch_size": 16}
    history = ml.fit(network, x, wrong, **options)
    assert ml.evaluate(network, x, y).accuracy > 0.97
    *_, vx, vy = ml.split(x, wrong, 0.2, seed=0)
    assert history["validation_accuracy"][-1] == ml.evaluate(network, vx, vy).accuracy


def test_a_loss_without_terms_cannot_be_weighted(clusters):
    class Own(ml.Loss):
        def forward(self, outputs, targets):
            self.inner = ml.SquaredError()
            return self.inner.forward(outputs, targets)

        def backward(self):
            return self.inner.backward()

    ml.fit(small(), *clusters, loss=Own(), epochs=1)
    with pytest.raises(ValueError, match="keeps no terms"):
        ml.fit(small(), *clusters, loss=Own(), epochs=1, class_weight={0: 2})


@pytest.mark.parametrize("decay", ["weight_decay", "l2"])
@pytest.mark.parametrize("kind", [ml.SGD, ml.Adam])
def test_decay_can_spare_biases(clusters, kind, decay):
    make = lambda: ml.Network([ml.Conv2D((2, 2, 1), 2, 1), ml.Dense(8, 3)], seed=1)  # noqa: E731
    frozen = make()
    mask = frozen.weight_mask()
    assert (mask == 0).sum() == 2 + 3
    for layer in frozen.layers:
        layer.b[...] = 1
    before = frozen.parameters.copy()
    optimizer = kind(0.1, **{decay: 0.5}, decay_biases=False)
    optimizer.step(frozen.parameters, np.zeros_like(mask), decayed=mask)
    assert ((frozen.parameters != before) == (mask == 1)).all()
    trained, plain = make(), make()
    for network, option in ((trained, False), (plain, True)):
        ml.fit(network, *clusters, optimizer=kind(0.1, **{decay: 0.5}, decay_biases=option), epochs=1)
    assert (trained.parameters != plain.parameters).any()
    with pytest.raises(ValueError, match=r"decayed=network\.weight_mask"):
        kind(0.1, decay_biases=False).step(frozen.parameters, mask)
    assert "decay_biases=False" in repr(optimizer) and "decay_biases" not in repr(kind(0.1))
