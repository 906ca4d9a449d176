"""Verdicts on published numbers."""

import numpy as np
import pandas as pd
import pytest

from mnistbook.ch10_published import framework
from mnistbook.projects import verdicts
from mnistbook.projects.published import ACCURACY, KERAS_ACCURACY, KERAS_EPOCHS, TEST_LOSS, PublishedNumber


def made_up(accuracy):
    """Runs that reach a given accuracy, in percent, for each published one; three seeds a hundredth apart."""
    rows = [
        {"project": project, "rate": rate, "epoch": 10, figure.measured: (accuracy(figure) + step) / 100}
        for (project, rate), figure in ACCURACY.items()
        for step in (-0.01, 0, 0.01)
    ]
    return pd.DataFrame(rows)


def test_what_lies_within_the_spread_comes_out_and_what_does_not_says_on_which_side():
    assert set(verdicts.accuracy_table(made_up(lambda figure: figure.value))["comes out"]) == {"yes"}
    lower = verdicts.accuracy_table(made_up(lambda figure: figure.value - 2))["comes out"]
    assert set(lower) == {"no: ours is lower"}
    higher = verdicts.accuracy_table(made_up(lambda figure: figure.value + 0.9)).set_index("project")["comes out"]
    assert higher["4"] == "yes" and higher["3a"] == "no: ours is higher"


def test_a_longer_run_is_not_the_authors_run():
    runs = made_up(lambda figure: figure.value)
    longer = runs[runs["project"] == "4"].assign(epoch=40, test_accuracy=0.5)
    table = verdicts.accuracy_table(pd.concat([runs, longer])).set_index("project")
    assert table.loc["4", "ours, %"] == pytest.approx(99) and table.loc["4", "runs"] == 3


def test_from_a_single_run_nothing_comes_out():
    low, high = verdicts.difference_interval(80, images=10_000)
    assert high - 80 == pytest.approx(80 - low) == pytest.approx(1.109, abs=0.001)
    runs = made_up(lambda figure: figure.value).drop_duplicates(["project", "rate"])
    table = verdicts.accuracy_table(runs)
    assert table["± sd"].isna().all() and set(table["runs"]) == {1} and set(table["one more run"]) == {"–"}
    assert set(table["comes out"]) == {"one run"}
    assert verdicts.verdict(PublishedNumber(81.2, 0.1), np.array([80.0])) == "no: ours is lower"


def test_the_stricter_of_seeds_and_images_decides():
    """Two runs far apart allow anything by their spread; images do not. Many runs close together allow little."""
    number = PublishedNumber(98.74, 0.01)
    few, many = np.array([98.0, 98.4]), np.array([98.40, 98.41, 98.39, 98.40, 98.41])
    assert verdicts.one_more_run(few)[1] == 100 and verdicts.difference_interval(98.2)[1] < 98.6
    assert verdicts.verdict(number, few) == "no: ours is lower"
    assert verdicts.difference_interval(many.mean())[1] > number.value
    assert verdicts.verdict(number, many) == "no: ours is lower"
    assert verdicts.strict_interval(many) == pytest.approx(verdicts.one_more_run(many))


def test_the_last_digit_counts_by_half():
    values = np.array([96.29, 96.30, 96.31])
    low, high = verdicts.strict_interval(values)
    assert verdicts.verdict(PublishedNumber(high + 0.49, 1), values) == "yes"
    assert verdicts.verdict(PublishedNumber(high + 0.51, 1), values) == "no: ours is lower"
    assert verdicts.verdict(PublishedNumber(low - 0.51, 1), values) == "no: ours is higher"
    assert verdicts.verdict(PublishedNumber(high + 0.1, 1, at_least=True), values) == "no: ours is lower"


def test_a_loss_is_held_against_seeds_alone():
    losses = np.array([0.071, 0.072, 0.073])
    assert verdicts.verdict(PublishedNumber(0.0726, 0.0001, "test_loss"), losses) == "yes"
    assert verdicts.verdict(PublishedNumber(0.05, 0.0001, "test_loss"), losses) == "no: ours is higher"


def test_a_project_without_a_run_is_named():
    runs = made_up(lambda figure: figure.value)
    with pytest.raises(ValueError, match=r"no run of project 2 with the learning rate 0\.000125"):
        verdicts.accuracy_table(runs[runs["project"] != "2"])


def test_a_further_run_has_no_more_than_all_right():
    assert verdicts.one_more_run(np.array([99.0, 99.9]))[1] == 100


def test_the_overview_has_each_published_accuracy():
    rows = [
        {"project": project, figure.measured: share}
        for project, figure in KERAS_ACCURACY.items()
        for share in (0.98, 0.99)
    ]
    table = verdicts.accuracy_overview(made_up(lambda figure: figure.value), pd.DataFrame(rows))
    assert len(table) == len(ACCURACY) + len(KERAS_ACCURACY)
    assert table["network"].tolist()[:4] == ["1, rate 0.01", "1, rate 0.7", "1, rate 1.5", "2"]
    last = table.set_index("network").loc[["1k", "5c"]]
    assert last["ours"].tolist() == pytest.approx([98.5, 98.5]) and set(last["runs"]) == {2}
    assert table.set_index("network").loc["3d", "published"] == 99.40


def test_printed_numbers_are_held_against_one_more_run_each():
    ours = np.array([[0.20, 3.0], [0.21, 3.1], [0.22, 3.2]])
    low, high = verdicts.one_more_run(ours[:, 0], most=np.inf)
    just, beyond = high + 0.0049, high + 0.0051
    assert verdicts.within_one_more_run(np.array([just, 3.1]), ours, 0.01).tolist() == [True, True]
    assert verdicts.within_one_more_run(np.array([beyond, 9.0]), ours, 0.01).tolist() == [False, False]
    assert verdicts.within_one_more_run(np.array([low - 0.0051, 3.1]), ours, 0.01).tolist() == [False, True]


def test_each_published_loss_is_held_against_runs_of_its_own_network():
    rows = [
        {"project": project, number.measured: number.value + step}
        for project, number in TEST_LOSS.items()
        for step in (-0.001, 0, 0.001)
    ]
    runs, in_keras = pd.DataFrame(rows), pd.DataFrame(rows)
    table = verdicts.loss_table(runs, in_keras).set_index("project")
    assert set(table.index) == set(TEST_LOSS) and set(table["comes out"]) == {"yes"} and set(table["runs"]) == {3}
    runs.loc[runs["project"] == "5", "test_loss"] += 0.02
    in_keras.loc[in_keras["project"] == "5c", "final_test_loss"] -= 0.02
    table = verdicts.loss_table(runs, in_keras).set_index("project")
    assert table.loc["5", "comes out"] == "no: ours is higher" and table.loc["5c", "comes out"] == "no: ours is lower"
    with pytest.raises(ValueError, match="no run of project 5,"):
        verdicts.loss_table(runs[runs["project"] != "5"], in_keras)


def test_stored_rows_of_keras_have_the_names_of_the_print_outs():
    for project in ("1k", "5k", "5c"):
        rows = framework.epochs_of(project)
        assert set(rows["project"]) == {project} and sorted(set(rows["epoch"])) == list(KERAS_EPOCHS[project].index)
        last = rows[rows["epoch"] == rows["epoch"].max()]
        finals = framework.final_rows().set_index("key").loc[last["key"]]
        if project != "1k":  # which put images aside; the others tried the test images
            assert last["validation_accuracy"].tolist() == pytest.approx(finals["test_accuracy"].tolist(), abs=1e-6)
    assert set(framework.final_rows()["project"]) == set(KERAS_ACCURACY)


def test_where_no_run_of_ours_lies_in_the_interval_the_number_is_left_open():
    """Runs that end low or high have a mean at which none ends."""
    ends = np.array([25.0, 40.0, 92.0, 93.0, 93.5])
    assert verdicts.verdict(PublishedNumber(93.1, 0.1), ends) == "open"
    assert verdicts.verdict(PublishedNumber(93.1, 0.1), ends[2:]) == "yes"
    one = np.array([0.05])  # has no interval that could hold it
    assert verdicts.verdict(PublishedNumber(0.06, 0.0001, "test_loss"), one) == "one run"


def test_fewer_images_allow_more():
    values = np.array([96.4, 96.6, 96.5, 97.9, 97.1])
    assert verdicts.strict_interval(values, 7_000)[0] < verdicts.strict_interval(values)[0]
    assert verdicts.verdict(PublishedNumber(97.45, 0.01), values) == "no: ours is lower"
    assert verdicts.verdict(PublishedNumber(97.45, 0.01, images=7_000), values) == "yes"
