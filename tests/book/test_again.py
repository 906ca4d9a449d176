"""Checks of what came out again: another seed's run, in place of the stored one, makes each of them red."""

import numpy as np
import pandas as pd
import pytest

from mnistbook import headlines, repeats, results
from mnistbook.kit import again, kept
from mnistbook.kit.answers import right_rows
from mnistbook.kit.kernels import available
from mnistbook.studies import find_studies
from mnistlab.layers import Dense
from mnistlab.network import Network
from mnistlab.sweeps.provenance import COLUMNS, provenance

STORES = sorted(
    name
    for name in {path.name.removesuffix("_curves.csv") for path in results.FOLDER.iterdir()}
    if (results.FOLDER / f"{name}_curves.csv").is_file()
)


@pytest.fixture(scope="module")
def curves():
    return {name: results.read_curves(name, extra_text=("project",)) for name in STORES}


def exchanged(rows, one, other):
    """The rows of two runs, each under the other's key."""
    return rows.assign(key=rows["key"].replace({one: other, other: one}))


@pytest.mark.parametrize("name", STORES)
def test_in_every_store_another_seed_s_run_makes_the_check_red(curves, name):
    rows, tried = curves[name], 0
    keys = rows["key"].unique()
    for key in keys[:: 1 + len(keys) // 30]:  # of many, some
        own, others = rows[rows["key"] == key], again.family(rows, key)
        near = pd.concat([own, rows[rows["key"].isin(others)]])
        for other in others[:2]:
            try:
                unchanged = again.compare(near, own, others)
            except ValueError as error:  # with one of the seeds nothing was measured: the training diverged
                assert "tells the seeds" in str(error) and near["loss"].isna().any()
                break
            assert unchanged.check().identical and unchanged.spread > 0
            for epochs in (own, own[own["epoch"] <= 2]):  # the whole run, and as little as a chapter repeats
                try:
                    wrong = again.compare(exchanged(near, key, other), epochs, others)
                except ValueError as error:
                    assert "tells the seeds" in str(error)
                    continue
                tried += 1
                assert not wrong.holds and wrong.difference > 1.9 * wrong.tolerance
                with pytest.raises(AssertionError, match="does not come out again"):
                    wrong.check()
    assert tried > 0 or repeats.REPEATED[name].others is not None  # whose runs have no other seeds in the store


@pytest.mark.parametrize("name", repeats.REPEATED)
def test_what_is_repeated_has_other_seeds_that_would_be_noticed(name):
    rows, chosen = repeats.stored_curves(name), repeats.REPEATED[name]
    key = chosen.run.key
    others = again.family(rows, key) if chosen.others is None else chosen.other_keys
    own = rows[rows["key"] == key]
    near = pd.concat([own, rows[rows["key"].isin(others)]])
    assert again.compare(near, own, others).check().identical
    for other in others:
        assert not again.compare(exchanged(near, key, other), own, others).holds


def test_a_run_that_was_stored_anew_has_to_be_repeated_anew(monkeypatch):
    assert len(repeats.outcomes()) == len(repeats.REPEATED)
    read = results.read_curves
    for name, chosen in repeats.REPEATED.items():
        rows, key = repeats.stored_curves(name), chosen.run.key
        other = (again.family(rows, key) if chosen.others is None else chosen.other_keys)[0]

        def altered(store, *, name=name, key=key, other=other, **options):
            rows = read(store, **options)
            return exchanged(rows, key, other) if store == name else rows

        def slightly(store, *, name=name, key=key, **options):
            rows = read(store, **options)
            column = "loss" if "loss" in rows else "running_accuracy"
            return rows.assign(**{column: rows[column].where(rows["key"] != key, rows[column] * 1.001)})

        for reader in (altered, slightly) if chosen.others is None else (slightly,):
            with monkeypatch.context() as patched:
                patched.setattr(results, "read_curves", reader)
                with pytest.raises(ValueError, match=f"REPEAT='{name} --store'"):
                    repeats.outcomes()


def test_other_seeds_of_a_run_differ_in_nothing_else(curves):
    for name in STORES:
        rows = curves[name].drop_duplicates("key").set_index("key")
        seeds = rows["seed"] if "seed" in rows else rows.index.to_series()
        for key in rows.index[:: 1 + len(rows) // 30]:
            others = again.family(curves[name], key)
            assert seeds[[key, *others]].is_unique, (name, key)


def test_each_study_s_stores_are_repeated():
    stores = {stored for name, study in find_studies().items() for stored in getattr(study, "STORED", (name,))}
    # That one trains nothing: chapter 18 reads some of its pictures again.
    assert set(repeats.REPEATED) == stores - {"drawings"}


@pytest.mark.parametrize("name", repeats.SHORT)
def test_a_run_that_is_really_trained_comes_out_and_would_not_in_another_s_place(name, curves):
    rows = repeats.stored_curves(name)
    one = repeats.repeat(name).check()
    assert one.difference < 0.01
    key = repeats.REPEATED[name].run.key
    kernels = rows.loc[rows["key"] == key, "kernels"].iloc[0]
    if kernels in available():
        assert one.where["kernels"] == kernels
    assert not repeats.repeat(name, exchanged(rows, key, again.family(rows, key)[0])).holds


def made(seed, *, shift=0.0, **columns):
    losses = np.array([1.0, 0.5, 0.25]) * (1 + seed / 10) + shift
    fixed = {"key": f"run{seed}", "hidden": "300", "seed": seed, "epochs": 3}
    return pd.DataFrame({"epoch": [1, 2, 3], "loss": losses, **fixed, **columns})


def test_on_the_same_machine_all_digits_are_asked_for(monkeypatch):
    here = provenance() | {"tensorflow": "not used"}
    stored = pd.concat([made(seed, **here) for seed in range(3)])
    assert again.compare(stored, made(0)).check().same_machine
    slightly = again.compare(stored, made(0, shift=1e-5))
    assert slightly.difference < 0.01 and slightly.tolerance == 0 and not slightly.holds
    for column in ("processor", "features", "kernels", "numpy"):  # elsewhere it is near enough
        elsewhere = again.compare(stored.assign(**{column: "not recorded"}), made(0, shift=1e-5))
        assert not elsewhere.same_machine and elsewhere.holds and not elsewhere.identical
    other = again.compare(stored.assign(tensorflow="1.0"), made(0))
    assert not other.same_machine
    assert set(again.MACHINE) <= set(COLUMNS)


def test_what_was_measured_at_the_end_is_compared_with_the_end():
    """A stored row of any epoch has the accuracy of the trained network; a run that stops early has another one."""
    stored = pd.concat([made(seed, test_accuracy=0.98 + seed / 1000) for seed in range(3)])
    begun = made(0)[:1].assign(test_accuracy=0.9)
    assert again.compare(stored, begun).check().difference == 0
    ended = made(0).assign(test_accuracy=[np.nan, np.nan, 0.9])
    assert not again.compare(stored, ended).holds
    assert again.compare(stored, made(0).assign(test_accuracy=[np.nan, np.nan, 0.98])).check().identical


def test_what_cannot_be_compared_is_refused():
    stored = pd.concat([made(0), made(1), made(2).assign(hidden="800")])
    assert again.family(stored, "run0") == ["run1"]
    with pytest.raises(ValueError, match="no other seed of run2"):
        again.compare(stored, made(2))
    with pytest.raises(ValueError, match="run7 must be one run"):
        again.compare(stored, made(7))
    with pytest.raises(ValueError, match="tells the seeds of run0 apart"):
        again.compare(stored.assign(loss=1.0), made(0))
    diverged = made(0)
    diverged.loc[2, "loss"] = np.nan
    assert again.compare(stored, diverged).difference == np.inf
    assert list(again.comparisons([again.compare(stored, made(0))])["all digits"]) == ["yes"]


# Networks that were kept


def test_a_kept_network_is_small_and_what_was_rounded(tmp_path):
    network = Network([Dense(784, 3), Dense(3, 10)], seed=1)
    network.layers[0].W[:, 1] = 0
    network.layers[1].b[...] = np.arange(10)
    kept.keep(tmp_path / "some.npz", network)
    read = kept.kept_network("some", tmp_path)
    assert np.array_equal(read.parameters, kept.rounded(network).parameters)
    first = Network([Dense(784, 3), Dense(3, 10)], seed=1).layers[0].W[:, [0, 2]]
    away = np.abs(read.layers[0].W[:, [0, 2]] - first).max(axis=0)
    assert (away <= 0.501 * np.abs(first).max(axis=0) / kept.TOP).all() and away.min() > 0


def test_the_headlines_networks_read_the_test_images_as_they_did():
    table = headlines.read_again().set_index("network")
    assert set(table.index) == set(headlines.HEADLINES)
    assert (table["differs"] <= 2).all() and (table["nearest other seed"] > 10).all()
    assert (table["study's run"] < table["nearest other seed"] / 2).all()
    stored = results.read(headlines.KEPT, extra_text=("wrong",)).set_index("network")
    for name in headlines.HEADLINES:
        assert (results.FOLDER / f"{name}.npz").stat().st_size <= 1_000_000
        assert table["test accuracy, %"][name] == pytest.approx(100 * stored["test_accuracy"][name], abs=0.021)
        right = right_rows([stored["wrong"][name]])
        assert right.mean() == pytest.approx(stored["test_accuracy"][name])


def test_another_seed_s_answers_would_be_noticed():
    """In place of what a kept network gets wrong: what the study's other seeds get wrong."""
    stored = results.read(headlines.KEPT, extra_text=("wrong",))
    for row in stored.itertuples():
        study, run = headlines.HEADLINES[row.network]
        answers = results.read(f"{study}_answers", extra_text=("wrong", "predicted"))
        others = answers[answers["key"].isin(again.family(repeats.stored_curves(study), run.key))]
        assert len(others) >= 2
        assert ((right_rows(list(others["wrong"])) != right_rows([row.wrong])).sum(axis=1) > 2).all()
