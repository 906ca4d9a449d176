"""What an exercise says to an answer, and that every solution is folded away and right."""

from pathlib import Path

import nbformat
import numpy as np
import pytest

import mnistlab as ml
from mnistbook.kit.exercises import judge, verdict

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROMPTS = {"code_prompt_show": "Show the solution in code", "code_prompt_hide": "Hide it"}


@pytest.mark.parametrize(
    ("yours", "ours", "said"),
    [
        (..., 2.0, "no answer yet"),
        (2.00001, 2.0, "right"),
        (2.1, 2.0, "not yet: off by 0.1"),
        (np.nan, 2.0, "not yet"),
        ((3, 10), (3, 10), "right"),
        ((10, 3), (3, 10), "not yet: off by 7 at most"),
        ([1.0, 2.0], 2.0, "not yet: the answer has the shape ()"),
        ("two", 2.0, "numbers are wanted"),
        ("yes", "yes", "right"),
        ("no", "yes", "not yet"),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, "not yet: 1 of 2 are right"),
        ({"a": ..., "b": 3}, {"a": 1, "b": 3}, "not yet: 1 of 2 are right"),
        ({"a": 1}, {"a": 1, "b": 3}, "one answer is wanted for each of: a, b"),
        ({"a": 1, "b": 3}, {"a": 1, "b": 3}, "right"),
        (0, 0, "right"),
        (10, (10,), "right"),
        ((10,), 10, "right"),
        ((238_200, 238_500), (238_200, 238_510), "not yet: off by 10 at most"),  # a count is not nearly right
        ((238_200.0, 238_510.0), (238_200, 238_510), "right"),
        (79_510, np.int64(79_510), "right"),
    ],
)
def test_what_is_said(yours, ours, said):
    found = verdict(yours, ours)
    assert found.startswith(said) and (found == "right") == (said == "right")


class Twice(ml.Tanh):
    """A layer with a sign or a factor wrong."""

    factor = 1

    def backward(self, dy, need_dx=True):
        """Multiply by the slope, and by the factor."""
        return self.factor * super().backward(dy, need_dx)


@pytest.mark.parametrize(("factor", "said"), [(1, "right\n"), (-1, "not yet: what stands for W^{(1)}, b^{(1)}, x, ")])
def test_a_layer_is_judged_by_its_proof(capsys, monkeypatch, factor, said):
    monkeypatch.setattr(Twice, "factor", factor)
    judge(Twice, lambda layer: ml.Network([ml.Dense(1, 2), layer()]))
    assert capsys.readouterr().out.startswith(said)


def test_no_layer_is_no_answer_yet(capsys):
    judge(..., lambda layer: pytest.fail("there is none"))
    assert capsys.readouterr().out.startswith("no answer yet")


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def printed(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


def folded(cell):
    return "hide-cell" in cell.metadata.get("tags", ())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_answer_is_left_open_and_its_solution_is_folded_away_and_right(path):
    """Without a stored ``right``, nbval would compare a wrong solution with itself."""
    answers = [cell for cell in code_cells(path) if "check(yours" in cell.source or "judge(yours" in cell.source]
    opened, solved = answers[::2], answers[1::2]
    assert len(opened) == len(solved)
    for question, solution in zip(opened, solved, strict=True):
        assert "yours = ..." in question.source and not folded(question)
        assert printed(question).endswith("no answer yet: write yours in place of the three dots\n")
        assert folded(solution) and printed(solution).endswith("right\n")
        assert "nbval-ignore-output" not in solution.metadata.tags


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_folded_solution_says_what_a_click_opens(path):
    after = [cell for cell in code_cells(path)[1:] if folded(cell) and "%pip" not in cell.source]
    assert [cell.source for cell in after if dict(cell.metadata.get("mystnb", {})) != PROMPTS] == []
