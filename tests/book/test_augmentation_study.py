"""The study of augmentation: what it stores is what its networks said; committees; the leaderboard."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnistbook import results
from mnistbook.ch13_augmentation import leaderboard, study
from mnistbook.ch13_augmentation.committee import Ballots, subset_accuracies
from mnistbook.kit.answers import right_answers
from mnistlab.sweeps.run import Run, prepared
from mnistlab.sweeps.runner import with_seeds

matplotlib.use("agg")


def draw_probabilities(seed: int, members: int = 3, images: int = 40) -> np.ndarray:
    """Members that agree on some images and differ on others."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (images, 10)) + rng.normal(0, 0.7, (members, images, 10))
    odds = np.exp(logits)
    return odds / odds.sum(axis=2, keepdims=True)


# Committees


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), members=st.integers(1, 5))
def test_contested_images_are_enough_for_every_committee(seed, members):
    probabilities = draw_probabilities(seed, members)
    votes = Ballots.of(probabilities)
    assert len(votes.images) < probabilities.shape[1]
    for size in range(1, members + 1):
        for chosen in combinations(range(members), size):
            expected = probabilities[list(chosen)].mean(axis=0).argmax(axis=1)
            np.testing.assert_array_equal(votes.together(chosen), expected)


def test_ballots_survive_the_file(tmp_path):
    probabilities = draw_probabilities(0)
    votes, keys = Ballots.of(probabilities), ["c", "a", "b"]
    votes.frame(keys).to_csv(tmp_path / "votes.csv", index=False, float_format="%.6g")
    frame = pd.read_csv(tmp_path / "votes.csv").sample(frac=1, random_state=0)
    again = Ballots.read(dict(zip(keys, votes.answers, strict=True)), frame)
    np.testing.assert_array_equal(again.images, votes.images)
    np.testing.assert_allclose(again.probabilities, votes.probabilities, atol=1e-5)
    np.testing.assert_array_equal(again.together(), probabilities.mean(axis=0).argmax(axis=1))


def test_ballots_that_do_not_fit_are_refused():
    probabilities = draw_probabilities(1)
    votes, keys = Ballots.of(probabilities), ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"must have shape \(3, 2, 10\)"):
        Ballots(votes.answers, votes.images[:2], votes.probabilities)
    with pytest.raises(ValueError, match=f"probabilities are missing: \\[{votes.images[0]}\\]"):
        Ballots(votes.answers, votes.images[1:], votes.probabilities[:, 1:])
    answers = dict(zip(keys, votes.answers, strict=True))
    with pytest.raises(ValueError, match="member b lacks rows"):
        frame = votes.frame(keys)
        Ballots.read(answers, frame.drop(index=frame.index[frame["key"] == "b"][0]))


def test_accuracies_of_all_committees():
    probabilities = draw_probabilities(2)
    labels = np.random.default_rng(0).integers(0, 10, probabilities.shape[1])
    labels[:30] = probabilities.mean(axis=0).argmax(axis=1)[:30]
    by_size = subset_accuracies(Ballots.of(probabilities), labels)
    assert [len(values) for values in by_size.values()] == [3, 3, 1]
    np.testing.assert_allclose(by_size[1], (probabilities.argmax(axis=2) == labels).mean(axis=1))
    assert by_size[3][0] >= 0.75


# What the study does


@pytest.fixture(scope="module")
def tiny() -> Run:
    return Run(hidden=(8,), epochs=1, train_size=600, augmentation="affine", batch_size=32)


@pytest.mark.parametrize("change", [{"deskew": True}, {"test": True}])
def test_answers_are_those_of_the_network(tiny, change):
    run = replace(tiny, **change)
    row = study.train_and_answer(run).iloc[-1]
    wrong = np.array(row["wrong"].split(), dtype=int)
    accuracy = row["test_accuracy" if run.test else "final_validation_accuracy"]
    assert len(wrong) == round(10_000 * (1 - accuracy))
    assert row["cpu_seconds"] > 0
    if not run.test:
        assert row["answers"] == ""
        return
    probabilities = study.decode_probabilities(row["answers"])
    assert probabilities.shape == (10_000, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    _, labels = prepared(run).test
    np.testing.assert_array_equal(np.flatnonzero(probabilities.argmax(axis=1) != labels), wrong)


def test_answers_about_other_images_are_noticed(tiny, monkeypatch):
    part = prepared(tiny)
    x, y = part.validation
    monkeypatch.setattr(study, "prepared", lambda _: replace(part, validation=(x[::-1], y)))
    with pytest.raises(RuntimeError, match="do not make an accuracy"):
        study.train_and_answer(tiny)


@pytest.mark.filterwarnings("ignore:.*code that is not committed")
def test_what_is_stored_can_be_read_back(tiny, monkeypatch, tmp_path):
    final = replace(tiny, validation=0, test=True)
    monkeypatch.setattr(study, "FINAL", final)
    monkeypatch.setattr(study, "FINAL_SEEDS", range(2))
    runs = [tiny, *with_seeds([final], range(2))]
    monkeypatch.setattr(study, "all_runs", lambda: runs)
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(results.store, "LARGEST", 10_000_000)  # such networks differ on thousands of images
    study.run(tmp_path / "runs", workers=1)

    stored = results.read(study.NAME, folder=tmp_path).set_index("key")
    assert set(stored.index) == {run.key for run in runs}
    right = right_answers(study.ANSWERS, runs, folder=tmp_path)
    measured = [stored.loc[runs[0].key, "final_validation_accuracy"]]
    measured += [stored.loc[run.key, "test_accuracy"] for run in runs[1:]]
    np.testing.assert_allclose(right.mean(axis=1), measured, atol=1e-6)
    votes = study.ballots(folder=tmp_path)
    _, labels = prepared(final).test
    np.testing.assert_array_equal(votes.answers == labels, right[1:])
    assert set(votes.images) == set(np.flatnonzero(votes.answers[0] != votes.answers[1]))
    with pytest.raises(ValueError, match="is not among the stored runs"):
        right_answers(study.ANSWERS, [replace(tiny, seed=9)], folder=tmp_path)


def test_the_test_images_are_kept_for_the_end():
    runs = study.all_runs()
    finals = [run for run in runs if run.test]
    assert finals == with_seeds([study.FINAL, study.STRAIGHT_FINAL], study.FINAL_SEEDS)
    assert all(run.validation == 10_000 for run in runs if not run.test)
    assert replace(study.FINAL, validation=10_000, test=False) == study.CANDIDATES[study.CHOSEN]
    chosen = study.STRAIGHT_CANDIDATES[study.STRAIGHT_CHOSEN]
    assert replace(study.STRAIGHT_FINAL, validation=10_000, test=False) == chosen
    assert all(run.augmentation is None for run in study.STRAIGHT_CANDIDATES.values())
    assert len({run.key for run in runs}) == len(runs)


def test_stored_results_say_what_was_chosen():
    stored = results.read(study.NAME).set_index("key")
    for candidates, chosen in (
        (study.CANDIDATES, study.CHOSEN),
        (study.STRAIGHT_CANDIDATES, study.STRAIGHT_CHOSEN),
    ):
        accuracies = {name: stored.loc[run.key, "final_validation_accuracy"] for name, run in candidates.items()}
        assert max(accuracies, key=accuracies.get) == chosen
    finals = with_seeds([study.FINAL, study.STRAIGHT_FINAL], study.FINAL_SEEDS)
    right = right_answers(study.ANSWERS, finals)
    np.testing.assert_allclose(right.mean(axis=1), stored.loc[[run.key for run in finals], "test_accuracy"], atol=1e-6)
    assert (study.ballots().answers >= 0).all()


# The leaderboard


def test_entries_in_the_table_and_in_the_figure():
    ours = leaderboard.entry("a network", 9935, "five seeds")
    assert ours.error == pytest.approx(0.65)
    table = leaderboard.table([ours, *leaderboard.PUBLISHED])
    accuracies = table["accuracy, %"].astype(float)
    assert accuracies.is_monotonic_increasing
    row = table[table["classifier"] == "a network"].iloc[0]
    low, high = map(float, row["95 % interval"].split(" to "))
    assert 99.17 <= low < 99.35 < high <= 99.50
    names = [
        text.get_text()
        for text in leaderboard.draw_leaderboard([ours, *leaderboard.PUBLISHED]).axes[0].get_yticklabels()
    ]
    assert names == list(table["classifier"])


def test_published_entries_are_shares_of_ten_thousand_images():
    for entry in leaderboard.PUBLISHED:
        assert 100 * entry.error == pytest.approx(round(100 * entry.error))
        low, high = leaderboard.interval(entry)
        assert low < entry.error < high
        assert entry.checked in ("abstract", "MNIST table", "project", "quoted")
