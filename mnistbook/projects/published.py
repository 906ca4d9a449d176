"""Figures that the authors of the reproduced projects published, typed from their texts and used nowhere else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

__all__ = [
    "ACCURACY",
    "CONVOLUTION_ACCURACY",
    "CONVOLUTION_EPOCHS",
    "CONVOLUTION_TEST_LOSS",
    "FROM_SCRATCH_LOSS",
    "FROM_SCRATCH_PER_CLASS",
    "FROM_SCRATCH_TEST_ACCURACY",
    "FROM_SCRATCH_TEST_LOSS",
    "FULL_BATCH_LOSS",
    "PublishedAccuracy",
]


class PublishedAccuracy(NamedTuple):
    """A share of right answers as its authors gave it.

    ``value`` and ``unit`` of its last digit are in percent; ``at_least`` says that they gave a bound; ``measured`` is
    the column of :func:`mnistbook.projects.networks.train_project` that holds the same quantity.
    """

    value: float
    unit: float
    measured: str = "test_accuracy"
    at_least: bool = False


ACCURACY = {
    ("1", 0.01): PublishedAccuracy(79.69, 0.01),
    ("1", 0.7): PublishedAccuracy(97.25, 0.01),
    ("1", 1.5): PublishedAccuracy(93.09, 0.01),
    ("2", 0.000125): PublishedAccuracy(93.4, 0.1, "running_accuracy"),
    ("3a", 0.1): PublishedAccuracy(98.38, 0.01),
    ("3b", 0.1): PublishedAccuracy(98.73, 0.01),
    ("4", 0.001): PublishedAccuracy(99, 1, at_least=True),
    ("5", 0.1): PublishedAccuracy(97, 1),
}
"""By project and learning rate. Which of project 1's upper two belongs to which rate its text leaves open, since its
labels contradict each other; they stand here as the trainings themselves say."""

FULL_BATCH_LOSS = np.array([2.3028, 2.2905, 2.2683, 2.2213, 2.1266, 1.9597, 1.7192, 1.4532, 1.2258, 1.05])
"""Project 1 with learning rate 0.01: training loss at iterations 0, 100, …, 900."""

FROM_SCRATCH_LOSS = np.array(
    [
        *(0.35727803700688, 0.293442041578463, 0.25784482991381, 0.23049475357331473, 0.2079890471256404),
        *(0.18907099772309838, 0.17319915395742091, 0.15961626789623984, 0.14791220445370057, 0.13776174791057114),
        *(0.12889546971695237, 0.12106654077423026, 0.11412679392753333, 0.1078735654324655, 0.10227742797760349),
        *(0.09721577404338205, 0.09259833966904699, 0.08839015148286934, 0.08449859016070198, 0.08089822325730113),
    ]
)
"""Project 5, "Backpropagation on MNIST from scratch": training loss of epochs 1 to 20."""

FROM_SCRATCH_TEST_LOSS = 0.11011547531721864
"""Project 5: test loss after 20 epochs."""

FROM_SCRATCH_TEST_ACCURACY = 0.97
"""Project 5: test accuracy, given with two digits."""

FROM_SCRATCH_PER_CLASS = pd.DataFrame(
    {
        "precision": (0.98, 0.98, 0.97, 0.96, 0.97, 0.94, 0.98, 0.97, 0.96, 0.94),
        "recall": (0.99, 0.97, 0.97, 0.97, 0.95, 0.97, 0.98, 0.96, 0.96, 0.96),
        "F1": (0.98, 0.98, 0.97, 0.97, 0.96, 0.95, 0.98, 0.97, 0.96, 0.95),
        "support": (693, 758, 716, 689, 723, 594, 697, 729, 689, 712),
    }
).rename_axis("digit")
"""Project 5: table per digit on its 7,000 test images."""

CONVOLUTION_ACCURACY = PublishedAccuracy(99.01, 0.01, "final_test_accuracy")
"""Project 5: its convolutional network in Keras. The one of project 3 has no published figure."""

CONVOLUTION_TEST_LOSS = 0.0298
"""Project 5: test loss of its convolutional network."""

CONVOLUTION_EPOCHS = pd.DataFrame(
    {
        "loss": (0.2330, 0.0816, 0.0613, 0.0516, 0.0458),
        "running_accuracy": (0.9281, 0.9761, 0.9812, 0.9846, 0.9857),
        "validation_loss": (0.0506, 0.0406, 0.0328, 0.0309, 0.0297),
        "validation_accuracy": (0.9836, 0.9866, 0.9886, 0.9899, 0.9905),
        "seconds": (136, 137, 139, 137, 139),
    },
    index=pd.RangeIndex(1, 6, name="epoch"),
)
"""Project 5: what Keras printed after each epoch of its convolutional network."""
