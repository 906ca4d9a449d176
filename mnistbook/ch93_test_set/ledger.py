"""Every configuration that was tried on the test images, from the stores, and what was decided by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib.resources import as_file, files

import pandas as pd
from safetensors import safe_open

from mnistbook import results
from mnistbook.projects.published import RESEARCH
from mnistbook.projects.registry import PROJECTS
from mnistlab.sweeps.run import Run

__all__ = ["BUILT", "ENTRIES", "SHIPPED", "Entry", "ledger", "looks_of", "stores_with_test_accuracies"]

NOTHING = "nothing"


@dataclass(frozen=True)
class Entry:
    """Why some of the runs of a store were tried on the test images, and what was decided by it.

    Attributes
    ----------
    why
        What they were.
    decided
        What hung on the outcome.
    which
        Whether a row of the store is one of them.
    """

    why: str
    decided: str = NOTHING
    which: Callable[[pd.Series], bool] = lambda row: True


ENTRIES: dict[str, tuple[Entry, ...]] = {
    "published": (
        Entry(
            "a published network, trained for longer than its authors did",
            which=lambda row: row["epoch"] > PROJECTS[row["project"]].epochs,
        ),
        Entry(
            "a published network, on a division of all 70,000 images: it learns from most of the test images",
            "whether the published accuracy comes out",
            which=lambda row: row["project"] == "5",
        ),
        Entry("a published network, as its authors tried it", "whether the published accuracy comes out"),
    ),
    "published_from_seed": (Entry("the same from its author's weights", "whether the published accuracy comes out"),),
    "keras_dense": (Entry("a published Keras model", "whether the published accuracy comes out"),),
    "convolution": (
        Entry(
            "a published convolutional network; its epoch was chosen on validation images, by its authors on these",
            "whether the published accuracy comes out",
            which=lambda row: row["project"] == "3d",
        ),
        Entry("a published convolutional network, as its authors tried it", "whether the published accuracy comes out"),
    ),
    "research": (
        Entry(
            "a trial of project 3's notebook, as its authors made it",
            "whether the published one comes out",
            which=lambda row: row["trial"] in set(RESEARCH["trial"]),
        ),
        Entry("a trial beside those of project 3's notebook, whose result was not published"),
    ),
    "hyperparameters": (Entry("the best of the second round, on validation images"),),
    "generalization": (
        Entry("the best of the ablation, on validation images", which=lambda row: row["hidden"] == "300"),
        Entry(
            "the better of two candidates, on validation images",
            "that the search was reopened: 98.7 % had been the goal, and it fell short",
            which=lambda row: row["hidden"] == "800" and row["average_last"] == 0,
        ),
        Entry(
            "the best of five candidates, on validation images",
            "that one more search began, on deskewed images: it fell short again",
            which=lambda row: row["hidden"] == "800" and row["average_last"] > 0,
        ),
    ),
    "augmentation": (
        Entry(
            "the best of three candidates without augmentation, on deskewed validation images",
            which=lambda row: row["augmentation"] == "none",
        ),
        Entry("the best of three candidates, on validation images", which=lambda row: row["augmentation"] != "none"),
    ),
    "drawings": (
        Entry(
            "to see whether 97 % of each kind are read rightly",
            "that another network was trained, three times: some kinds fell short of the goal",
            which=lambda row: row["collection"] == "everyday",
        ),
        Entry("the same, first read when that network had been chosen"),
    ),
    "kept": (Entry("a network of a headline, trained once more and kept", "whether the stored accuracy comes out"),),
}
"""By store. A row belongs to the first entry that says so."""

SHIPPED = Entry("the network that ships with the application, chosen on validation images and on drawings")

BUILT: dict[str, str] = {
    "01_data": "the nearest mean image, which learns nothing from them",
    "03_training": "the first network, on project 5's own division of all 70,000 images, beside its published figures",
    "10_published": "that two layers without an activation are one",
    "13_augmentation": "committees, of every size, of the five stored networks: do they vote better?",
    "14_what_it_learnt": "networks of the two kinds that the chapter looks into: what they get wrong",
    "16_dense_in_keras": "one network of each library after one epoch: an image on which they disagree",
    "17_convolution": "small networks with and without convolution; two epochs of the elastic recipe, for its speed",
    "18_draw_your_own": "the shipped network: clean images beside drawn and spoilt ones",
    "92_image_operations": "no network: how far images lean",
    "94_again": "the kept networks, and the stored runs that are repeated",
    "95_build_it_yourself": "the network that the reader has built, at the end",
}
"""Notebooks whose cells read the test images in each build, and for what. Nothing is chosen by it."""


def stores_with_test_accuracies() -> list[str]:
    """Return the names of the stored tables that hold what networks said on the test images."""
    found = []
    for path in sorted(results.FOLDER.iterdir(), key=lambda path: path.name):
        name = path.name.removesuffix(".csv")
        if not path.name.endswith(".csv") or name.endswith(("_curves", "_answers", "_contested", "_weights")):
            continue  # these are of the runs of the table without the ending
        if len(looks_of(name)):
            found.append(name)
    return found


def looks_of(name: str) -> pd.DataFrame:
    """Return the rows of a store that were tried on the test images, with ``looks``, how often in their training."""
    rows = results.read(name, extra_text=("project", "wrong"))
    if name == "drawings":
        # The other collections are of no test digits.
        return rows[rows["collection"].isin(["everyday", "fresh"])].assign(looks=1)
    measured = [column for column in rows if column.removeprefix("final_") in ("test_accuracy", "test_loss")]
    rows = rows[rows[measured].notna().any(axis=1)]
    looks = pd.Series(1, index=rows.index)
    if (results.FOLDER / f"{name}_curves.csv").is_file():
        curves = results.read(f"{name}_curves")
        if "test_accuracy" in curves:
            looks = rows["key"].map(curves.groupby("key")["test_accuracy"].count()).clip(lower=1)
        elif "watched_accuracy" in curves:  # on the test images, where a model holds nothing out
            watched = rows["project"].map(lambda project: PROJECTS[project].split == 0)
            looks = rows["key"].map(curves.groupby("key")["watched_accuracy"].count()).where(watched, 1)
    return rows.assign(looks=looks)


def ledger() -> pd.DataFrame:
    """Return one row for each configuration that was tried on the test images.

    Returns
    -------
    pandas.DataFrame
        ``store``; ``what was tried``; ``as``, why; ``runs``; ``looks``, how often the test images were read, all runs
        and epochs together; ``decided by it``.

    Raises
    ------
    KeyError
        If a store has test accuracies, and ENTRIES does not say why.
    """
    rows = []
    for name in stores_with_test_accuracies():
        if name not in ENTRIES:
            raise KeyError(f"{name} holds test accuracies: say in ENTRIES why, and what was decided by them")
        tried = looks_of(name)
        for (what, number), part in tried.groupby(
            [tried.apply(_what, axis=1), tried.apply(_place, args=(name,), axis=1)]
        ):
            entry = ENTRIES[name][number]
            rows.append((name, what, entry.why, len(part), int(part["looks"].sum()), entry.decided))
    with as_file(files("mnistlab.app") / "digits.safetensors") as path, safe_open(path, "np") as file:
        about = file.metadata()
    sizes = [layer["inputs"] for layer in json.loads(about["layers"]) if "inputs" in layer]
    what = f"{'-'.join(map(str, sizes))}-10, {about['epochs']} epochs, both distortions"
    rows.append((about["made_by"], what, SHIPPED.why, 1, 1, SHIPPED.decided))
    columns = ["store", "what was tried", "as", "runs", "looks", "decided by it"]
    return pd.DataFrame(rows, columns=columns)


def _place(row: pd.Series, name: str) -> int:
    for number, entry in enumerate(ENTRIES[name]):
        if entry.which(row):
            return number
    raise KeyError(f"no entry of {name} says why {row['key']} was tried on the test images")


def _what(row: pd.Series) -> str:
    """Return a configuration in words: what differs from the usual run, or a project's title."""
    if "trial" in row:
        return f"project 3: {row['trial']}"
    if "kind" in row:
        each = {"everyday": "pictures", "fresh": "pictures, of other digits"}[row["collection"]]
        return f"the network that ships; each run is a kind of {each}"
    if "network" in row:
        return row["network"]
    if "project" in row:
        rate = f", rate {row['rate']:g}" if "rate" in row and pd.notna(row["rate"]) else ""
        library = f", in {row['library']}" if "library" in row else ""
        return f"{row['project']}: {PROJECTS[row['project']].title}{rate}, {row['epoch']:.0f} epochs{library}"
    usual = Run().columns() | {"hidden": ""}
    hidden_from_reader = ("seed", "validation", "test", "train_metrics", "train_size", "epochs", "hidden")
    differs = [
        f"{field.name.replace('_', ' ')} {row[field.name]}".removesuffix(" True")
        for field in fields(Run)
        if field.name not in hidden_from_reader and row[field.name] != usual[field.name]
    ]
    return ", ".join([f"784-{row['hidden']}-10", f"{row['epochs']} epochs", *differs])
