"""The projects' trainings against a plain retelling of what their authors' programs do, step by step."""

from dataclasses import replace

import numpy as np
import pytest

import mnistlab as ml
from mnistbook.projects import networks as projects
from mnistbook.projects.images import Images
from mnistbook.projects.networks import train_project
from mnistbook.projects.registry import PROJECTS, ProjectRun
from mnistlab.images import deskew

IMAGES = 48


@pytest.fixture(autouse=True)
def small_mnist(monkeypatch):
    """The first images only: deskewing all of them takes longer than all tests here."""
    mnist = ml.load_mnist()
    small = replace(
        mnist,
        x_train=mnist.x_train[:600],
        y_train=mnist.y_train[:600],
        x_test=mnist.x_test[:100],
        y_test=mnist.y_test[:100],
    )
    monkeypatch.setattr(projects, "load_mnist", lambda: small)
    projects._mnist.cache_clear()
    yield
    projects._mnist.cache_clear()


@pytest.fixture
def few(monkeypatch):
    """Give a project a few images; return those to train on and a fresh network, as the run will make them."""

    def choose(name, seed=0):
        project = PROJECTS[name]
        images = project.images(seed)
        train, test = (
            tuple(array[:count] for array in pair) for pair, count in ((images.train, IMAGES), (images.test, 20))
        )
        monkeypatch.setitem(PROJECTS, name, replace(project, images=lambda seed: Images(train, test)))
        return train, project.network(seed)

    return choose


def weights(network):
    """Copies of the weight matrices, in float64."""
    return [layer.W.astype(np.float64) for layer in network.layers if isinstance(layer, ml.Dense)]


def test_project_1_is_plain_descent_on_all_images(few):
    (xs, ts), network = few("1")
    w1, w2 = weights(network)
    b1, b2, losses = np.zeros(128), np.zeros(10), []
    for _ in range(5):
        z = xs @ w1 + b1
        h = np.maximum(z, 0)
        e = np.exp(h @ w2 + b2)
        p = e / e.sum(axis=1, keepdims=True)
        losses.append(-np.mean(np.log((p * ts).sum(axis=1))))
        delta = (p - ts) / IMAGES
        back = delta @ w2.T * (z > 0)
        w2 -= 1.5 * h.T @ delta
        b2 -= 1.5 * delta.sum(axis=0)
        w1 -= 1.5 * xs.T @ back
        b1 -= 1.5 * back.sum(axis=0)
    assert train_project(ProjectRun("1", epochs=5))["loss"].to_numpy() == pytest.approx(losses, rel=1e-5)


def test_project_2_goes_image_by_image_through_the_jacobian_of_softmax(few):
    (xs, ts), network = few("2")
    w1, w2 = weights(network)
    assert w1.min() >= 0 and w1.max() <= 1 / 28 and w2.max() > 1 / 28
    losses, right = [], 0
    for x, t in zip(xs, ts, strict=True):
        h = x @ w1
        z = h @ w2
        e = np.exp(z - z.max())
        s = e / e.sum()
        losses.append(-np.log(s @ t))
        right += s.argmax() == t.argmax()
        dz = (-t / s) @ (np.diag(s) - np.outer(s, s))
        dh = w2 @ dz
        w2 -= 0.000125 * np.outer(h, dz)
        w1 -= 0.000125 * np.outer(x, dh)
    row = train_project(ProjectRun("2", epochs=1)).iloc[0]
    assert row["loss"] == pytest.approx(np.mean(losses), rel=1e-9)
    assert row["running_accuracy"] == right / IMAGES


def test_project_3_sets_digits_upright_and_makes_their_background_grey():
    images = ml.load_mnist().x_test[:200]
    rows = projects.spline_deskew(images)
    assert rows.min(axis=1) == pytest.approx(0) and rows.max(axis=1) == pytest.approx(1)
    ours = deskew(images).reshape(200, -1) / 255
    agreement = [np.corrcoef(*pair)[0, 1] for pair in zip(rows, ours, strict=True)]
    assert min(agreement) > 0.95
    assert 0.02 < np.median(rows) < 0.2  # most pixels are background


def test_project_5_moves_by_a_moving_average_of_the_gradient(few):
    (xs, ts), network = few("5")
    w = weights(network)
    m, losses = [np.zeros_like(w[0]), np.zeros_like(w[1])], []
    for _ in range(4):  # 48 images are one batch of 256
        z = xs @ w[0]
        h = np.maximum(z, 0)
        e = np.exp(h @ w[1])
        p = e / e.sum(axis=1, keepdims=True)
        losses.append(-np.mean(np.log((p * ts).sum(axis=1))))
        delta = (p - ts) / IMAGES
        gradients = [xs.T @ (delta @ w[1].T * (z > 0)), h.T @ delta]
        for i, g in enumerate(gradients):
            m[i] = 0.9 * m[i] + 0.1 * g
            w[i] = w[i] - 0.1 * m[i]
    assert train_project(ProjectRun("5", epochs=4))["loss"].to_numpy() == pytest.approx(losses, rel=1e-4)


def test_the_networks_begin_as_their_authors_began():
    first, _, last = (PROJECTS["1"].network(0).layers[i] for i in range(3))
    assert first.W.std() == pytest.approx(0.01, rel=0.02) and not first.b.any() and last.W.shape == (128, 10)
    sizes = [layer.outputs for layer in PROJECTS["3b"].network(0).layers if layer.outputs]
    assert sizes == [784, 800, 10]
    assert PROJECTS["3b"].network(0).layers[0].W.std() == pytest.approx(0.001, rel=0.02)
    torch = PROJECTS["4"].network(0)
    assert torch.layers[0].W.max() == pytest.approx(1 / 28, rel=0.01)
    assert 0.9 / 28 < np.abs(torch.layers[0].b).max() < 1 / 28
    assert [layer.rate for layer in torch.layers if isinstance(layer, ml.Dropout)] == [0.2, 0.2]
    assert PROJECTS["4"].images(0).train[0].mean() == pytest.approx(0, abs=0.05)
    images = PROJECTS["5"].images(0)
    assert len(images.train[0]) == 630 and len(images.test[0]) == 70


def test_seeds_change_the_network_and_the_order():
    assert not np.array_equal(PROJECTS["4"].network(0).parameters, PROJECTS["4"].network(1).parameters)
    assert not np.array_equal(*(PROJECTS["2"].images(seed).train[0][:5] for seed in (0, 1)))
    assert ProjectRun("4", 0).key != ProjectRun("4", 1).key != ProjectRun("4", 1, epochs=3).key


def test_a_training_that_diverges_is_a_row_not_an_error(few):
    few("5")
    frame = train_project(ProjectRun("5", learning_rate=1e30, epochs=3))
    assert frame["diverged"].tolist()[-1] and len(frame) < 4


def test_a_project_that_does_not_exist():
    with pytest.raises(ValueError, match="no project '6': choose among 1, 2, 3a"):
        ProjectRun("6")
