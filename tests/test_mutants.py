"""Mutants of the library: the stored verdicts are about the code as it is, and hold where they are tried again."""

import pytest

from mnistbook.ch90_traceability import mutants as of

STORED = of.stored()
MUTANTS = {target.name: of.mutants(target) for target in of.TARGETS}
SPOT_CHECKED = [row for row in STORED if row["method"] in MUTANTS][::45]
BY_HAND = [row for row in STORED if row["method"].startswith(of.BY_HAND)]


@pytest.mark.parametrize("name", MUTANTS)
def test_the_stored_mutants_are_those_of_the_code(name):
    rows = [row for row in STORED if row["method"] == name]
    changes = [mutant.change for mutant in MUTANTS[name]]
    assert [row["change"] for row in rows] == changes, "run mnistbook/ch90_traceability/mutants.py"


@pytest.mark.parametrize("row", SPOT_CHECKED, ids=lambda row: f"{row['method']}-{row['number']}")
def test_a_verdict_holds_when_it_is_tried_again(row):
    mutant = MUTANTS[row["method"]][int(row["number"])]
    kept = vars(mutant.target.owner)[mutant.target.method]
    assert of.judge(mutant) == (row["verdict"], row["by"])
    assert vars(mutant.target.owner)[mutant.target.method] is kept


@pytest.mark.parametrize("target", of.TARGETS, ids=lambda target: target.name)
def test_the_code_without_a_change_is_proved(target):
    """Else all its mutants would be refused, for nothing."""
    assert not of.refusing(target)


def test_no_error_is_left_to_the_differences():
    rows = [row for row in STORED if row["method"] != of.UNSEEN_BY_PROOFS]
    assert {row["verdict"] for row in rows} == {"proof", "survives"}


def test_all_that_was_planted_by_hand_is_refused_by_the_proof():
    """That it still is: tests/lib/test_prover_holes.py."""
    assert [row["change"] for row in BY_HAND] == [planted.name for planted in of.PLANTED]
    assert {row["verdict"] for row in BY_HAND} == {"proof"} and all(row["by"] for row in BY_HAND)


def test_what_no_proof_can_see_is_said():
    rows = [row for row in STORED if row["method"] == of.UNSEEN_BY_PROOFS]
    assert [row["change"] for row in rows] == list(of.UNSEEN)
    assert "proof" not in {row["verdict"] for row in rows}


def test_each_survivor_has_a_reason():
    survivors = [row for row in STORED if row["verdict"] == "survives" and row["method"] != of.UNSEEN_BY_PROOFS]
    assert survivors and all(of.reason(row["change"]) for row in survivors)
    assert of.reason("return dy → return -dy") is None
    assert all(any(part in row["change"] for row in survivors) for part in of.SURVIVORS)
    assert "all " in of.report()
