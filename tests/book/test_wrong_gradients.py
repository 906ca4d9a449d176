"""The gallery of wrong gradients: each piece is wrong, in the way it says, and nowhere else."""

import numpy as np
import pytest

import mnistlab as ml
from mnistbook.ch07_checking_gradients import wrong_gradients as wrong
from mnistlab.symbolic.prove import prove_gradients

RIGHT, *MISTAKES = wrong.GALLERY
GRADIENTS = [piece for piece in MISTAKES if piece.mistake is not wrong.MomentumWithWrongSign]
SETTINGS = {(piece.dropout, piece.softmax): piece for piece in MISTAKES}.values()


def name(piece):
    return piece.name.replace(" ", "-")


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    return rng.random((16, 6)), ml.one_hot(rng.integers(0, 3, 16), 3, dtype=np.float64)


def test_every_mistake_is_on_show_once():
    planted = {
        value for value in vars(wrong).values() if isinstance(value, type) and value.__module__ == wrong.__name__
    }
    assert {piece.mistake for piece in MISTAKES} == planted - {wrong.Planted}
    assert len({piece.name for piece in wrong.GALLERY}) == len(wrong.GALLERY)
    assert RIGHT.mistake is None


@pytest.mark.parametrize("piece", GRADIENTS, ids=name)
def test_differences_and_proof_both_catch_a_wrong_gradient(piece, batch):
    assert piece.finite_difference_error(*batch) > 0.01
    assert not piece.gradient_is_proved()
    assert piece.update_is_proved()


@pytest.mark.parametrize("piece", SETTINGS, ids=name)
def test_nothing_but_the_mistake_is_wrong(piece, batch):
    repaired = piece.repaired()
    assert repaired.finite_difference_error(*batch) < 1e-6
    assert repaired.gradient_is_proved() and repaired.update_is_proved()


def test_only_the_proof_of_the_update_sees_the_sign_of_the_momentum(batch):
    piece = MISTAKES[-1]
    assert piece.finite_difference_error(*batch) < 1e-6
    assert piece.gradient_is_proved()
    assert not piece.update_is_proved()


@pytest.mark.parametrize("piece", wrong.GALLERY, ids=name)
def test_the_mistake_changes_no_forward_pass_and_no_initial_weight(piece, batch):
    pair = piece.network(6, 5, 3), piece.repaired().network(6, 5, 3)
    assert np.array_equal(pair[0].parameters, pair[1].parameters)
    x = batch[0].astype(np.float32)
    outputs = [network.forward(x, np.random.default_rng(1)) for network in pair]
    assert np.array_equal(*outputs)
    losses = [each.loss().forward(outputs[0], batch[1]) for each in (piece, piece.repaired())]
    assert losses[0] == losses[1]


def test_the_published_mask_passes_everything_on():
    layer, x = wrong.MaskOfTheOutput(), np.array([[-2.0, 0.0, 3.0]])
    layer.forward(x)
    assert layer.backward(np.ones((1, 3))).tolist() == [[1, 1, 1]]
    right = ml.ReLU()
    right.forward(x)
    assert right.backward(np.ones((1, 3))).tolist() == [[0, 0, 1]]


def test_the_published_mask_spoils_only_what_lies_before_it():
    piece = wrong.GALLERY[1]
    proof = prove_gradients(piece.network(2, 2, 2), piece.loss())
    failed = {entry.name.split("_{")[0] for entry in proof.entries if not entry.proved}
    assert failed == {"W^{(1)}", "b^{(1)}", "x", "x^{(2)}"}


@pytest.mark.parametrize("piece", wrong.GALLERY, ids=name)
def test_every_piece_still_learns(piece):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 10))
    y = rng.integers(0, 3, 600)
    x = (centres[y] + 0.3 * rng.normal(size=(600, 10))).astype(np.float32)
    network = piece.network(10, 16, 3)
    ml.fit(network, x, y, loss=piece.loss(), optimizer=piece.optimizer(0.02, 0.5), epochs=10, batch_size=20)
    assert np.mean(network.predict(x) == y) > 0.9
