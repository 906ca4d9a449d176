"""Reading with all ink, and the sheet of everyday pictures."""

from __future__ import annotations

import matplotlib
import numpy as np
from PIL import Image

import mnistlab as ml
from mnistbook.ch18_draw_your_own.drawings import from_all_ink
from mnistbook.ch18_draw_your_own.everyday import EVERYDAY, everyday
from mnistbook.ch18_draw_your_own.figures import everyday_sheet
from mnistlab.app.weights import load_digits
from mnistlab.images import from_drawing

matplotlib.use("agg")


def test_all_ink_counts_unless_the_digit_is_looked_for():
    alone = Image.new("L", (200, 160), 255)
    alone.paste(0, (90, 40, 106, 130))
    assert np.array_equal(from_all_ink(alone), from_drawing(alone))
    spoilt = alone.copy()
    spoilt.paste(0, (0, 0, 3, 3))
    assert np.abs(from_drawing(spoilt).astype(int) - from_drawing(alone)).max() <= 1
    assert from_all_ink(spoilt)[:2].sum() + from_all_ink(spoilt)[:, :8].sum() > 0  # the speck is there


def test_the_sheet_shows_every_kind_and_what_was_refused():
    mnist = ml.load_mnist()
    axes = everyday_sheet(load_digits(), everyday(mnist.x_test, mnist.y_test, each=1)).axes
    titles = {each.get_title(loc="left"): place for place, each in enumerate(axes)}
    assert set(EVERYDAY) <= set(titles)
    place = titles["hand's shadow"]
    assert [each.get_xlabel() for each in axes[place : place + 3]] == ["2", "refused", "read as 2"]
    assert axes[place + 1].xaxis.label.get_weight() == "bold"
