"""All figures that the authors of the five projects published, typed from their texts and programs.

Networks have the names of :data:`mnistbook.projects.registry.PROJECTS`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

__all__ = [
    "ACCURACY",
    "FIRST_LOSS",
    "FROM_SCRATCH_LOSS",
    "FROM_SCRATCH_PER_CLASS",
    "FROM_SCRATCH_TEST_ACCURACY",
    "FULL_BATCH_LOSS",
    "KERAS_ACCURACY",
    "KERAS_EPOCHS",
    "LAYER_PARAMETERS",
    "NEWEST_3C",
    "OTHER_RATES",
    "RESEARCH",
    "TEST_LOSS",
    "WEIGHTS_MEASURED",
    "PublishedNumber",
]


class PublishedNumber(NamedTuple):
    """A number as its authors gave it: a share of right answers in percent, or a loss in nats.

    ``unit`` is that of its last digit; ``at_least`` says that they gave a bound; ``measured`` is the column of our
    stored results that holds the same quantity; ``images`` is how many it was measured on.
    """

    value: float
    unit: float
    measured: str = "test_accuracy"
    at_least: bool = False
    images: int = 10_000


ACCURACY = {
    ("1", 0.01): PublishedNumber(79.69, 0.01),
    ("1", 0.7): PublishedNumber(97.25, 0.01),
    ("1", 1.5): PublishedNumber(93.09, 0.01),
    ("2", 0.000125): PublishedNumber(93.4, 0.1, "running_accuracy", images=60_000),
    ("3a", 0.1): PublishedNumber(98.38, 0.01),
    ("3b", 0.1): PublishedNumber(98.73, 0.01),
    ("4", 0.001): PublishedNumber(99, 1, at_least=True),
    ("5", 0.1): PublishedNumber(97, 1, images=7_000),
}
"""Of the networks written from scratch, by project and learning rate. Project 1's text contradicts itself about its
upper two; the cells of its notebook say which is which."""

KERAS_ACCURACY = {
    "1k": PublishedNumber(97.85, 0.01),
    "3c": PublishedNumber(98.55, 0.01),
    "3d": PublishedNumber(99.40, 0.01, "final_test_accuracy"),
    "5k": PublishedNumber(97.96, 0.01),
    "5c": PublishedNumber(99.01, 0.01, "final_test_accuracy"),
}
"""Of the Keras models. Those of project 3 are the best epochs on the test images."""

NEWEST_3C = PublishedNumber(98.74, 0.01)
"""3c in the newest version of its text, for a program that has Adam in place of RMSprop."""

TEST_LOSS = {
    "1k": PublishedNumber(0.0726, 0.0001, "test_loss"),
    "5": PublishedNumber(0.11011547531721864, 1e-17, "test_loss"),
    "5k": PublishedNumber(0.0654, 0.0001, "test_loss"),
    "5c": PublishedNumber(0.0298, 0.0001, "final_test_loss"),
}
"""Test losses; projects 1 (from scratch), 2, 3 and 4 gave none."""

WEIGHTS_MEASURED = pd.DataFrame(
    [
        ("1k", "test images", 97.85),
        ("3d", "test images", 99.40),
        ("4", "test images", 98.09),
        ("4", "training images", 99.39),
        ("4", "test images, as its server prepares them", 96.78),
    ],
    columns=["project", "images", "accuracy, %"],
)
"""Not published: measured on the files of trained weights that the authors published."""

# Project 1

FIRST_LOSS = 2.3028354479841875
"""Training loss before the first step, from the seed 42."""

FULL_BATCH_LOSS = {
    0.01: np.array([2.3028, 2.2905, 2.2683, 2.2213, 2.1266, 1.9597, 1.7192, 1.4532, 1.2258, 1.05]),
    0.7: np.array([2.30284, 0.30060, 0.21355, 0.17293, 0.14612, 0.12647, 0.11120, 0.09896, 0.08887, 0.08046]),
    1.5: np.array([2.30284, 1.14595, 0.56683, 0.31976, 0.25686, 0.22904, 0.21016, 0.19708, 0.18707, 0.17623]),
}
"""Training loss after 0, 100, …, 900 steps, by learning rate; the last one of 0.01 has two decimals."""

# Project 2

OTHER_RATES = (0.1, 0.025, 0.005, 0.0015)
"""Learning rates in other versions of its program, with other numbers of epochs and sizes of batches."""

# Project 3

_WIDTHS = [
    "93.79",
    "95.12",
    "95.66",
    "95.95",
    "96.04",
    "95.97",
    "96.08",
    "95.70",
    "95.90",
    "95.86",
    "95.87",
    "96.37",
    "96.05",
    "95.88",
    "96.16",
    "96.17",
    "95.83",
    "96.15",
    "95.95",
]
RESEARCH = pd.DataFrame(
    [
        *((f"width-{50 * k}", 1, float(accuracy)) for k, accuracy in enumerate(_WIDTHS, 1)),
        ("width-800", 1, 96.10),
        ("width-800", 1, 95.96),
        ("width-800", 3, 97.15),
        ("width-800", 5, 97.46),
        ("width-800", 7, 97.69),
        ("width-800", 9, 97.47),
        ("3a", 7, 98.24),
        ("elastic-36-6", 7, 96.24),
        ("elastic-8-4", 7, 96.56),
        ("three-layers", 2, 97.36),
    ],
    columns=["trial", "epochs", "accuracy, %"],
)
"""Test accuracies of its notebook of trials, one run each, with the names of
:data:`mnistbook.ch11_hyperparameters.research.TRIALS`; 3a is there too, before the run that was published. The cell
with three rates holds the output of the first, 0.1, so that 800 units were tried three times for one epoch."""

# Project 5, "Backpropagation on MNIST from scratch"

FROM_SCRATCH_LOSS = np.array(
    [
        0.35727803700688,
        0.293442041578463,
        0.25784482991381,
        0.23049475357331473,
        0.2079890471256404,
        0.18907099772309838,
        0.17319915395742091,
        0.15961626789623984,
        0.14791220445370057,
        0.13776174791057114,
        0.12889546971695237,
        0.12106654077423026,
        0.11412679392753333,
        0.1078735654324865,
        0.10227742797760349,
        0.09721577404338205,
        0.09259833966904699,
        0.08839015148286934,
        0.08449859016070198,
        0.08089822325730113,
    ]
)
"""Training loss of epochs 1 to 20."""

FROM_SCRATCH_TEST_ACCURACY = 0.97
"""Test accuracy, given with two digits."""

FROM_SCRATCH_PER_CLASS = pd.DataFrame(
    {
        "precision": (0.98, 0.98, 0.97, 0.96, 0.97, 0.94, 0.98, 0.97, 0.96, 0.94),
        "recall": (0.99, 0.97, 0.97, 0.97, 0.95, 0.97, 0.98, 0.96, 0.96, 0.96),
        "F1": (0.98, 0.98, 0.97, 0.97, 0.96, 0.95, 0.98, 0.97, 0.96, 0.95),
        "support": (693, 758, 716, 689, 723, 594, 697, 729, 689, 712),
    }
).rename_axis("digit")
"""Table per digit on its 7,000 test images."""

# What Keras printed

KERAS_EPOCHS = {
    "1k": pd.DataFrame(
        {
            "loss": (0.5928, 0.1625, 0.1010, 0.0752, 0.0554, 0.0456, 0.0334, 0.0280, 0.0217, 0.0172),
            "running_accuracy": (0.8383, 0.9534, 0.9719, 0.9789, 0.9840, 0.9873, 0.9911, 0.9934, 0.9951, 0.9964),
            "validation_loss": (0.1829, 0.1254, 0.1074, 0.0961, 0.0871, 0.0816, 0.0817, 0.0774, 0.0773, 0.0831),
            "validation_accuracy": (0.9482, 0.9647, 0.9683, 0.9720, 0.9732, 0.9753, 0.9762, 0.9756, 0.9768, 0.9766),
            "seconds": (6, 3, 3, 5, 5, 4, 6, 3, 3, 5),
        },
        index=pd.RangeIndex(1, 11, name="epoch"),
    ),
    "5k": pd.DataFrame(
        {
            "loss": (0.3180, 0.1279, 0.0885, 0.0674, 0.0528, 0.0425, 0.0344, 0.0292, 0.0226, 0.0192),
            "running_accuracy": (0.9070, 0.9640, 0.9745, 0.9803, 0.9845, 0.9874, 0.9906, 0.9920, 0.9944, 0.9955),
            "validation_loss": (0.1529, 0.1013, 0.0845, 0.0790, 0.0787, 0.0677, 0.0646, 0.0611, 0.0623, 0.0655),
            "validation_accuracy": (0.9552, 0.9699, 0.9749, 0.9751, 0.9758, 0.9786, 0.9800, 0.9809, 0.9800, 0.9796),
            "seconds": (3, 2, 2, 2, 2, 2, 2, 2, 2, 2),
        },
        index=pd.RangeIndex(1, 11, name="epoch"),
    ),
    "5c": pd.DataFrame(
        {
            "loss": (0.2330, 0.0816, 0.0613, 0.0516, 0.0458),
            "running_accuracy": (0.9281, 0.9761, 0.9812, 0.9846, 0.9857),
            "validation_loss": (0.0506, 0.0406, 0.0328, 0.0309, 0.0297),
            "validation_accuracy": (0.9836, 0.9866, 0.9886, 0.9899, 0.9905),
            "seconds": (136, 137, 139, 137, 139),
        },
        index=pd.RangeIndex(1, 6, name="epoch"),
    ),
}
"""After each epoch. The training loss and accuracy of 1k were averaged twice, as chapter 16 finds."""

LAYER_PARAMETERS = {
    "5k": {"Flatten": 0, "Dense (300)": 235_500, "Dense (10)": 3_010},
    "5c": {
        "Conv2D (26, 26, 32)": 320,
        "Conv2D (24, 24, 64)": 18_496,
        "MaxPooling2D (12, 12, 64)": 0,
        "Dropout (12, 12, 64)": 0,
        "Flatten (9216)": 0,
        "Dense (128)": 1_179_776,
        "Dropout (128)": 0,
        "Dense (10)": 1_290,
    },
}
"""Project 5: parameters of each layer of its Keras networks."""
