"""``fit`` and ``evaluate``: what they learn, what they record, what is reproducible, what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mnistlab as ml
from mnistlab import training


def small(seed: int = 0, **options) -> ml.Network:
    return ml.Network([ml.Dense(4, 8), ml.ReLU(), ml.Dropout(0.2), ml.Dense(8, 3)], seed=seed, **options)


def trained(clusters, *, network_seed: int = 0, **options) -> np.ndarray:
    network = small(network_seed)
    ml.fit(network, *clusters, **{"epochs": 2, "batch_size": 32, **options})
    return network.parameters


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal bit for bit."""
    return a.tobytes() == b.tobytes()


@pytest.mark.parametrize(
    ("layers", "loss", "optimizer"),
    [
        ([ml.Dense(4, 3)], None, None),
        ([ml.Dense(4, 8), ml.Sigmoid(), ml.Dense(8, 3), ml.Softmax()], None, ml.SGD(0.5, 0.9, nesterov=True)),
        ([ml.Dense(4, 8), ml.Tanh(), ml.Dense(8, 3), ml.Sigmoid()], ml.SquaredError(), ml.Adam(0.02)),
        ([ml.Dense(4, 8), ml.ReLU(), ml.Dense(8, 3)], ml.SoftmaxCrossEntropy(0.1), ml.SGD(ml.Cosine(0.3), 0.9)),
    ],
)
def test_learns_a_separable_problem(clusters, layers, loss, optimizer):
    x, y = clusters
    network = ml.Network(layers)
    history = ml.fit(network, x[:200], y[:200], loss=loss, optimizer=optimizer, batch_size=32, epochs=20)
    assert history["loss"][-1] < history["loss"][0]
    assert ml.evaluate(network, x[200:], y[200:], loss).accuracy > 0.97


@pytest.mark.parametrize("batch_size", [1, 7, 299, 300, 1000])
def test_one_epoch_is_the_loop_written_out(clusters, batch_size: int):
    """Batches in order, the rest as a smaller batch, losses weighted by the batches' sizes."""
    x, y = clusters
    t = ml.one_hot(y, 3)
    by_hand, loss, optimizer, losses = ml.Network([ml.Dense(4, 3)]), ml.SoftmaxCrossEntropy(), ml.SGD(0.1, 0.9), []
    for start in range(0, 300, batch_size):
        part = slice(start, min(start + batch_size, 300))
        losses += [loss.forward(by_hand.forward(x[part]), t[part])] * len(x[part])
        by_hand.backward(loss.backward())
        optimizer.step(by_hand.parameters, by_hand.gradients)
    network = ml.Network([ml.Dense(4, 3)])
    history = ml.fit(network, x, y, epochs=1, batch_size=batch_size, shuffle=False)
    assert len(losses) == 300
    np.testing.assert_array_equal(network.parameters, by_hand.parameters)
    assert history["loss"][0] == pytest.approx(np.mean(losses, dtype=float), rel=1e-6)


def batches_seen(monkeypatch: pytest.MonkeyPatch, clusters, **options) -> list[np.ndarray]:
    seen = []
    with monkeypatch.context() as patch:
        patch.setattr(training, "train_step", lambda network, loss, optimizer, x, *rest: seen.append(x) or 1.0)
        ml.fit(small(), *clusters, **options)
    return seen


def test_each_epoch_has_its_own_order(clusters, monkeypatch: pytest.MonkeyPatch):
    seen = batches_seen(monkeypatch, clusters, epochs=3, batch_size=100)
    epochs = [np.concatenate(seen[i : i + 3]) for i in (0, 3, 6)]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert not same(epochs[a], epochs[b])
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch, axis=0), np.sort(clusters[0], axis=0))
    unshuffled = batches_seen(monkeypatch, clusters, epochs=2, batch_size=100, shuffle=False)
    np.testing.assert_array_equal(np.concatenate(unshuffled), np.tile(clusters[0], (2, 1)))


def test_the_seeds_decide_everything(clusters):
    reference = trained(clusters, seed=3)
    assert same(reference, trained(clusters, seed=3))
    assert not same(reference, trained(clusters, seed=4))
    assert not same(reference, trained(clusters, seed=3, network_seed=1))


def test_no_two_purposes_share_a_random_stream(clusters, monkeypatch: pytest.MonkeyPatch):
    """Weights, validation split, and each epoch's order and dropout, all from one seed."""
    states = [str(np.random.default_rng(0).bit_generator.state)]  # of the split

    def saw(rng: np.random.Generator) -> None:
        states.append(str(rng.bit_generator.state))

    network = ml.Network([ml.Dense(4, 3, initializer=lambda rng, shape: saw(rng) or np.zeros(shape))], seed=0)
    monkeypatch.setattr(training, "minibatches", lambda x, t, size, rng: (saw(rng) or (x, t) for _ in range(1)))
    monkeypatch.setattr(training, "train_step", lambda *arguments: saw(arguments[-1]) or 1.0)
    ml.fit(network, *clusters, epochs=3, seed=0)
    assert len(states) == 2 + 3 * 2
    assert len(set(states)) == len(states)


def test_dropout_differs_from_step_to_step_and_epoch_to_epoch(clusters):
    network = ml.Network([ml.Dropout(0.5), ml.Dense(4, 3)])
    masks, forward = [], network.layers[0].forward

    def recorded(x, rng=None):
        y = forward(x, rng)
        masks.append(network.layers[0].mask)
        return y

    network.layers[0].forward = recorded
    ml.fit(network, *clusters, epochs=2, batch_size=150)
    assert len({mask.tobytes() for mask in masks}) == 4


def test_validation_split_is_fixed_by_the_seed_and_never_trained_on(clusters, monkeypatch: pytest.MonkeyPatch):
    asides = []
    looked = ml.Evaluation(1.0, 0.5)
    monkeypatch.setattr(training, "evaluate", lambda network, x, *others, **options: asides.append(x) or looked)
    options = {"validation_split": 0.2, "epochs": 2, "batch_size": 64}
    used = np.concatenate(batches_seen(monkeypatch, clusters, **options)[:4])
    batches_seen(monkeypatch, clusters, **options)
    batches_seen(monkeypatch, clusters, **options, seed=1)
    assert len(asides[0]) == 60
    assert same(asides[0], asides[1])
    assert same(asides[0], asides[2])
    assert not same(asides[0], asides[4])
    rows = {row.tobytes() for row in clusters[0]}
    assert {row.tobytes() for row in used} == rows - {row.tobytes() for row in asides[0]}


def test_history_has_a_row_an_epoch(clusters):
    x, y = clusters
    network, rows = small(), []
    history = ml.fit(
        network,
        x[:200],
        y[:200],
        epochs=4,
        optimizer=ml.SGD(ml.Step(0.2, 0.5, (0.5,))),
        validation_data=(x[200:], y[200:]),
        on_epoch_end=rows.append,
    )
    assert rows == history.rows
    assert len(history) == 4
    columns = ["epoch", "loss", "learning_rate", "seconds", "validation_loss", "validation_accuracy"]
    assert list(history.rows[0]) == columns
    np.testing.assert_array_equal(history["epoch"], [1, 2, 3, 4])
    np.testing.assert_array_equal(history["learning_rate"], [0.2, 0.1, 0.1, 0.1])
    assert (history["seconds"] >= 0).all()
    result = ml.evaluate(network, x[200:], y[200:])
    assert (history["validation_loss"][-1], history["validation_accuracy"][-1]) == result
    assert list(ml.fit(small(), x, y, epochs=1).rows[0]) == columns[:4]


def test_evaluate_by_hand(clusters):
    x, y = clusters
    network = small()
    logits = network.outputs(x)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    expected = (-np.mean(np.log(p[np.arange(300), y])), np.mean(logits.argmax(axis=1) == y))
    assert ml.evaluate(network, x, y) == pytest.approx(expected, rel=1e-5)
    assert ml.evaluate(network, x, ml.one_hot(y, 3), batch_size=7) == pytest.approx(expected, rel=1e-5)
    squares = np.sum((logits - ml.one_hot(y, 3)) ** 2) / 600
    assert ml.evaluate(network, x, y, ml.SquaredError()).loss == pytest.approx(squares, rel=1e-5)


def scripted(monkeypatch: pytest.MonkeyPatch, clusters, values: list[float], column: str, patience: int):
    """Train with validation results from a script; return the network, its parameters after each epoch, the history."""
    network, after = small(), []

    def evaluate(*_, **options):
        after.append(network.parameters.copy())
        value = values[len(after) - 1]
        return ml.Evaluation(*((value, 0.5) if column == "validation_loss" else (1.0, value)))

    monkeypatch.setattr(training, "evaluate", evaluate)
    history = ml.fit(
        network, *clusters, epochs=len(values), validation_split=0.1, early_stopping=ml.EarlyStopping(patience, column)
    )
    return network, after, history


@pytest.mark.parametrize(
    ("column", "values", "patience", "epochs", "best"),
    [
        ("validation_loss", [5, 3, 4, 2, 2, 3, 1], 2, 6, 3),  # a tie is no improvement
        ("validation_loss", [5, 4, 3, 2], 1, 4, 3),
        ("validation_loss", [1, 2, 3, 4], 1, 2, 0),
        ("validation_accuracy", [0.1, 0.5, 0.4, 0.3, 0.2, 0.9], 3, 5, 1),
    ],
)
def test_early_stopping_stops_and_goes_back(monkeypatch, clusters, column, values, patience, epochs, best):
    network, after, history = scripted(monkeypatch, clusters, values, column, patience)
    assert len(history) == epochs
    assert same(network.parameters, after[best])
    assert not same(after[best], after[-1]) or best == epochs - 1


def test_without_early_stopping_the_last_parameters_stay(monkeypatch, clusters):
    losses = iter([1.0, 2.0, 3.0])
    monkeypatch.setattr(training, "evaluate", lambda *_, **__: ml.Evaluation(next(losses), 0.5))
    assert same(trained(clusters, epochs=3, validation_split=0.1), trained(clusters_rest(clusters), epochs=3))


def clusters_rest(clusters):
    return ml.split(*clusters, 0.1, seed=0)[:2]


def test_divergence_stops_at_the_step_where_the_loss_is_not_finite(clusters):
    x, y = clusters
    losses = iter([1.0] * 14 + [math.nan])
    network, before, parameters = small(), [], []

    class Scripted(ml.SoftmaxCrossEntropy):
        def forward(self, logits, targets):
            parameters.append(network.parameters.copy())
            return super().forward(logits, targets) * 0 + next(losses)

    with pytest.raises(ml.TrainingDiverged, match="became nan at step 3 of epoch 4") as caught:
        ml.fit(
            network,
            x,
            y,
            loss=Scripted(),
            batch_size=75,
            epochs=9,
            on_epoch_end=lambda row: before.append(row["epoch"]),
        )
    assert (caught.value.epoch, caught.value.step) == (4, 3)
    assert caught.value.history["epoch"].tolist() == before == [1, 2, 3]
    assert same(network.parameters, parameters[-1])
    assert not same(parameters[-1], parameters[-2])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("loss", [ml.SoftmaxCrossEntropy(), ml.SquaredError()], ids=repr)
@pytest.mark.parametrize("rate", [1e3, 1e10])
@pytest.mark.parametrize("scale", [1, 1e9, 1e18])
@pytest.mark.parametrize("batch_size", [64, 300])
def test_divergence_leaves_finite_parameters(clusters, loss: ml.Loss, rate: float, scale: float, batch_size: int):
    x, y = clusters
    network = ml.Network([ml.Dense(4, 8), ml.ReLU(), ml.Dense(8, 3)])
    diverged = False
    for _ in range(3):
        try:
            ml.fit(network, x * scale, y, loss=loss, optimizer=ml.SGD(rate), epochs=1, batch_size=batch_size)
        except ml.TrainingDiverged:
            diverged = True
        assert np.isfinite(network.parameters).all()
    assert diverged or isinstance(loss, ml.SoftmaxCrossEntropy)


@pytest.mark.filterwarnings("error")
def test_divergence_in_the_last_step_shows_in_validation(clusters):
    network = ml.Network([ml.Dense(4, 8), ml.ReLU(), ml.Dense(8, 3)])
    options = {"epochs": 1, "batch_size": 300, "validation_split": 0.1, "early_stopping": ml.EarlyStopping(2)}
    with pytest.raises(ml.TrainingDiverged, match="step 1 of epoch 1"):
        ml.fit(network, *clusters, loss=ml.SquaredError(), optimizer=ml.SGD(1e18), **options)
    assert np.isfinite(network.parameters).all()


X, Y = np.ones((6, 4), np.float32), np.array([0, 1, 2, 0, 1, 2])
WITH_NAN = X.copy()
WITH_NAN[5, 0] = np.nan


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (X.astype(np.uint8), Y, TypeError, "unscaled pixels"),
        (np.ones((6, 2, 2)), Y, ValueError, "pass mnistlab.to_vectors"),
        (X[:, :3], Y, ValueError, "takes 4 numbers a sample, the inputs have 3"),
        (X[0], Y, ValueError, "for one sample"),
        (X[:0], Y[:0], ValueError, "no sample"),
        (WITH_NAN, Y, ValueError, "NaN or infinity, first in sample 5"),
        (X, Y[:5], ValueError, "6 samples but 5 targets"),
        (X, Y + 1, ValueError, "0…2: sample 2 has the label 3"),
        (X, Y - 1, ValueError, "0…2: sample 0 has the label -1"),
        (X, Y.astype(float), TypeError, "labels must be integers, not float64"),
        (X, np.array(list("012012")), TypeError, "labels must be integers"),
        (X, Y[:, None], ValueError, r"rows of shape \(6, 3\), not \(6, 1\)"),
        (X, np.full((6, 3), "a"), TypeError, "targets must be numbers"),
        (X, np.full((6, 3), np.nan), ValueError, "targets hold NaN or infinity"),
    ],
)
def test_wrong_data(x: np.ndarray, y: np.ndarray, error: type[Exception], message: str):
    network = small()
    kept = network.parameters.copy()
    for call in (
        lambda: ml.fit(network, x, y),
        lambda: ml.fit(network, X, Y, validation_data=(x, y)),
        lambda: ml.evaluate(network, x, y),
    ):
        with pytest.raises(error, match=message):
            call()
        assert same(network.parameters, kept)


def used() -> ml.SGD:
    optimizer = ml.SGD(0.1)
    optimizer.step(np.zeros(2), np.zeros(2))
    return optimizer


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs must be a positive integer, not 0"),
        ({"epochs": 2.0}, ValueError, "epochs must be a positive integer, not 2.0"),
        ({"batch_size": -1}, ValueError, "batch_size must be a positive integer, not -1"),
        ({"batch_size": True}, ValueError, "batch_size must be a positive integer, not True"),
        ({"batch_size": "all"}, ValueError, "batch_size must be a positive integer, not 'all'"),
        ({"validation_split": 1.0}, ValueError, "validation_split must be at least 0 and less than 1, not 1.0"),
        ({"validation_split": -0.1}, ValueError, "validation_split .* not -0.1"),
        ({"validation_split": 0.01}, ValueError, "holding out 0.01 of 6 samples leaves one side empty"),
        ({"validation_split": 0.5, "validation_data": (X, Y)}, ValueError, "not both"),
        ({"validation_data": (X,)}, (TypeError, ValueError), "validation_data .* pair"),
        ({"early_stopping": ml.EarlyStopping()}, ValueError, "needs validation_data or a validation_split"),
        ({"optimizer": used()}, ValueError, "has been used already"),
        ({"seed": -1}, (TypeError, ValueError), "non-negative integer"),
        ({"seed": 1.5}, (TypeError, ValueError), "integer"),
        ({"seed": None}, (TypeError, ValueError), "seed .* integer"),
        ({"lr": 0.1}, TypeError, "unexpected keyword argument 'lr'"),
        ({"loss": "mse"}, TypeError, "loss .*'mse'"),
        ({"loss": ml.SquaredError}, TypeError, r"loss .*SquaredError"),
        ({"optimizer": "adam"}, TypeError, "optimizer .*'adam'"),
        ({"optimizer": ml.SGD}, TypeError, "optimizer .*SGD"),
        ({"early_stopping": 5, "validation_split": 0.5}, TypeError, "early_stopping .*5"),
        ({"resume": True}, ValueError, "resume .*checkpoint"),
    ],
)
def test_wrong_options(options: dict, error: type[Exception], message: str):
    network = small()
    kept = network.parameters.copy()
    with pytest.raises(error, match=message):
        ml.fit(network, X, Y, **options)
    assert same(network.parameters, kept)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": 0}, "patience must be a positive integer, not 0"),
        ({"monitor": "accuracy"}, "'validation_loss' or 'validation_accuracy', not 'accuracy'"),
    ],
)
def test_wrong_early_stopping(options: dict, message: str):
    with pytest.raises(ValueError, match=message):
        ml.EarlyStopping(**options)


def test_progress_is_silent_unless_asked_for(clusters, capsys: pytest.CaptureFixture, monkeypatch):
    trained(clusters)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("mnistlab.progress.SECONDS_BETWEEN", 0)
    trained(clusters, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch 2/2" in err
    assert "100%" in err
    assert err.endswith("\r\x1b[2K")


def test_softmax_cross_entropy_refuses_targets_that_are_no_probabilities():
    network, x = ml.Network([ml.Dense(2, 3)]), np.eye(2, dtype=np.float32)
    targets = np.array([[0.2, 0.3, 0.5], [1, 1, 0]], dtype=np.float32)
    with pytest.raises(ValueError, match="row 1 adds to 2"):
        ml.fit(network, x, targets, epochs=1)
    ml.fit(network, x, targets, epochs=1, loss=ml.SquaredError())
