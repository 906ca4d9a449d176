"""Mutants of the library: the stored verdicts are about the code as it is, and hold where they are tried again."""

import pytest

from mnistbook.ch90_traceability import mutants as of

STORED = of.stored()
MUTANTS = {target.name: of.mutants(target) for target in of.TARGETS}
SPOT_CHECKED = STORED[::40]


@pytest.mark.parametrize("name", MUTANTS)
def test_the_stored_mutants_are_those_of_the_code(name):
    rows = [row for row in STORED if row["method"] == name]
    changes = [mutant.change for mutant in MUTANTS[name]]
    assert [row["change"] for row in rows] == changes, "run mnistbook/ch90_traceability/mutants.py"


@pytest.mark.parametrize("row", SPOT_CHECKED, ids=lambda row: f"{row['method']}-{row['number']}")
def test_a_verdict_holds_when_it_is_tried_again(row):
    mutant = MUTANTS[row["method"]][int(row["number"])]
    kept = vars(mutant.target.owner)[mutant.target.method]
    assert of.judge(mutant) == row["verdict"]
    assert vars(mutant.target.owner)[mutant.target.method] is kept


@pytest.mark.parametrize("target", of.TARGETS, ids=lambda target: target.name)
def test_the_code_without_a_change_is_proved(target):
    """Else all its mutants would be refused, for nothing."""
    assert of.is_proved(target)


def test_no_error_is_left_to_the_differences():
    assert {row["verdict"] for row in STORED} == {"proof", "survives"}


def test_each_survivor_has_a_reason():
    survivors = [row for row in STORED if row["verdict"] == "survives"]
    assert survivors and all(of.reason(row["change"]) for row in survivors)
    assert of.reason("return dy → return -dy") is None
    assert "all " in of.report()
