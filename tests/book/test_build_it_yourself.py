"""The network that the reader writes: each solution is right, and each check notices a mistake."""

from pathlib import Path

import nbformat
import pytest

from mnistbook.ch95_build_it_yourself import steps

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "95_build_it_yourself.ipynb"
CELLS = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
ASKED = [cell.source for cell in CELLS if "    ...\n" in cell.source]
SOLVED = [
    cell.source for cell in CELLS if cell.source.splitlines()[-1].startswith("steps.") and cell.source not in ASKED
]

MISTAKES = {
    "dense": ("x.T @ dz", "x.T @ dz / len(x)"),
    "relu": ("(h > 0)", "(h >= 0)"),
    "loss": ("logits - logits.max(axis=1, keepdims=True)", "logits"),
    "initial": ("np.sqrt(2 / inputs)", "2 / inputs"),
    "forward": ("relu(z)", "z"),
    "backward": ("relu_backward(dx, x)", "dx"),
    "step": ("v *= momentum", "v *= -momentum"),
    "train": ("rng.permutation(len(x))", "np.arange(len(x))"),
}


def said(capsys, sources):
    """Run cells one after the other; return the lines of the last one."""
    names = {"steps": steps}
    exec("from itertools import pairwise\nimport numpy as np", names)
    for source in sources:
        capsys.readouterr()
        exec(source, names)
    return capsys.readouterr().out.splitlines()


def test_there_are_eight_steps_each_with_a_solution():
    assert [source.splitlines()[-1] for source in ASKED] == [source.splitlines()[-1] for source in SOLVED]
    assert [source.splitlines()[-1].split("(")[0] for source in ASKED] == [f"steps.{name}" for name in MISTAKES]
    assert list(MISTAKES) == sorted(steps.__all__, key=list(MISTAKES).index)


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=list(MISTAKES))
def test_a_solution_is_right_and_an_empty_function_is_no_answer(capsys, number):
    lines = said(capsys, SOLVED[: number + 1])
    assert lines and all(line.endswith(": right") for line in lines)
    lines = said(capsys, [*SOLVED[:number], ASKED[number]])
    assert lines and all(line.endswith(": no answer yet") for line in lines)


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=list(MISTAKES))
def test_a_mistake_is_noticed(capsys, number):
    right, wrong = list(MISTAKES.values())[number]
    assert right in SOLVED[number]
    lines = said(capsys, [*SOLVED[:number], SOLVED[number].replace(right, wrong)])
    assert any(": not yet: off by" in line for line in lines)


def test_what_has_another_number_of_results_is_told_which_are_wanted(capsys):
    steps.relu(lambda z: z.clip(0), lambda dh, h: (dh, h))
    assert capsys.readouterr().out == "h: right\ndz: not yet: the answer has the shape (6, 4), yours has (2, 6, 4)\n"
    steps.dense(lambda x, W, b: x @ W + b, lambda dz, x, W: (dz, x))
    assert capsys.readouterr().out == "z: right\nnot yet: 3 results are wanted: dW, db, dx\n"
