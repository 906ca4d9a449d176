"""What tells sets of images apart, and the sheet of pictures of all kinds."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

import mnistlab as ml
from mnistbook.ch18_draw_your_own.drawings import KINDS, drawings
from mnistbook.ch18_draw_your_own.figures import kinds_sheet, measures
from mnistlab.app.weights import load_digits

matplotlib.use("agg")


def test_measures_of_a_rectangle():
    image = np.zeros((2, 28, 28), np.uint8)
    image[0, 10:14, 6:16] = 255  # centre of mass in row 11.5 and column 10.5, the second image empty
    table = measures({"one": image})
    assert table.loc["one", "ink"] == pytest.approx(100 * 40 / (2 * 784))
    assert table.loc["one", "box"] == 10
    assert table.loc["one", "off centre"] == pytest.approx(np.hypot(2.5, 3.5))


def test_the_sheet_shows_every_kind_and_what_is_read():
    mnist, network = ml.load_mnist(), load_digits()
    pictures = drawings(mnist.x_test, mnist.y_test, count=len(KINDS))
    axes = kinds_sheet(network, pictures).axes
    labels = {each.get_xlabel(): each for each in axes}
    assert {f"{picture.kind}: {picture.digit}" for picture in pictures} <= set(labels)
    assert all(len(each.images) == 1 for each in axes) and len(axes) == 3 * len(KINDS)
    # The first is only enlarged, and both ways read it rightly; transparency is lost on the naive way.
    assert [each.get_xlabel() for each in axes[:3]] == ["enlarged: 2", "read as 2", "read as 2"]
    row = axes[12:18]
    assert row[3].get_xlabel() == "transparent: 3" and row[5].get_xlabel() == "read as 3"
    assert np.ptp(row[4].images[0].get_array()) < 16 and row[4].xaxis.label.get_weight() == "bold"
