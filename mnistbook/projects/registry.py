"""All networks of the five published projects, by the names that the report gives them, and one training of one.

A number is the project; a letter tells its networks apart: ``k`` is a dense Keras model, the others stand below.
What the authors' texts leave open is taken from their public programs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256
from json import dumps

from mnistbook.kit.adam_as_keras import AdamAsKeras
from mnistbook.projects import keras_convolution, networks
from mnistbook.projects.keras_convolution import ConvolutionalProject
from mnistbook.projects.keras_dense import DenseModel
from mnistbook.projects.networks import FromScratch
from mnistbook.projects.one_at_a_time import OneAtATime
from mnistlab.losses import CrossEntropy, SoftmaxCrossEntropy
from mnistlab.optimizers import SGD, Adam, RMSprop

__all__ = ["CONVOLUTIONS", "DENSE", "FROM_SCRATCH", "LIBRARIES", "PROJECTS", "ProjectRun", "Recipe"]

Recipe = FromScratch | OneAtATime | DenseModel | ConvolutionalProject

LIBRARIES = DenseModel.libraries
"""Those that can train a dense Keras model: mnistlab and Keras."""

PROJECTS: dict[str, Recipe] = {
    "1": FromScratch(
        title="784-128-10, whole training set in each step",
        images=networks.plain,
        network=networks.full_batch_network,
        loss=SoftmaxCrossEntropy,
        optimizer=SGD,
        learning_rate=1.5,
        batch_size=0,
        epochs=1000,
        shuffle=False,
        evaluate_every=100,
    ),
    "2": FromScratch(
        title="784-100-10 without activation or biases, one image a step",
        images=networks.once_shuffled,
        network=networks.positive_network,
        loss=CrossEntropy,
        optimizer=SGD,
        learning_rate=0.000125,
        batch_size=1,
        epochs=15,
        shuffle=False,
    ),
    "3a": OneAtATime(
        title="784-800-10, sigmoid, its book's own rule, deskewed, one image a step",
        hidden=(800,),
        epochs=7,
        upright=True,
    ),
    "3b": FromScratch(
        title="784-784-800-10, deskewed, batches of 32",
        images=networks.deskewed,
        network=networks.tiny_weights_network,
        loss=SoftmaxCrossEntropy,
        optimizer=SGD,
        learning_rate=0.1,
        batch_size=32,
        epochs=20,
    ),
    "4": FromScratch(
        title="784-256-128-10, dropout, Adam, batches of 64",
        images=networks.normalized,
        network=networks.torch_network,
        loss=SoftmaxCrossEntropy,
        optimizer=Adam,
        learning_rate=0.001,
        batch_size=64,
        epochs=10,
    ),
    "5": FromScratch(
        title="784-300-10, momentum as a moving average, batches of 256",
        images=networks.all_images_divided,
        network=networks.no_bias_network,
        loss=SoftmaxCrossEntropy,
        optimizer=lambda rate: SGD(rate, momentum=0.9, moving_average=True),
        learning_rate=0.1,
        batch_size=256,
        epochs=20,
    ),
    # Project 1 again, from the weights that its author drew.
    "1s": FromScratch(
        title="as 1, in float64, from its author's seed",
        images=networks.in_float64,
        network=networks.authors_weights,
        loss=networks.ShiftedLogarithm,
        optimizer=SGD,
        learning_rate=0.7,
        batch_size=0,
        epochs=1000,
        shuffle=False,
        evaluate_every=100,
    ),
    "1k": DenseModel(
        title="784-256-10, Adam, batches of 128",
        hidden=256,
        optimizer=AdamAsKeras,
        keras_optimizer=lambda keras: keras.optimizers.Adam(),
        batch_size=128,
        epochs=10,
        split=0.2,
    ),
    # As it was committed with the last version of the text, in benchmark/keras_mnist.py. A later program uses Adam, and
    # keeps the epoch that is best on the test images.
    "3c": DenseModel(
        title="784-800-10, deskewed, RMSprop, batches of 32",
        hidden=800,
        optimizer=RMSprop,
        keras_optimizer=lambda keras: keras.optimizers.RMSprop(),
        batch_size=32,
        epochs=20,
        upright=True,
    ),
    # The text does not say on which images it trained: here they are MNIST's own 60,000.
    "5k": DenseModel(
        title="784-300-10, SGD with momentum, batches of 256",
        hidden=300,
        optimizer=lambda: SGD(0.1, momentum=0.9),
        keras_optimizer=lambda keras: keras.optimizers.SGD(0.1, momentum=0.9),
        batch_size=256,
        epochs=10,
    ),
    "5c": ConvolutionalProject(
        title="two convolutions, pooling, dropout, 5 epochs in batches of 128",
        layers=keras_convolution.two_convolutions,
        prepare=keras_convolution.from_0_to_1,
        batch_size=128,
        epochs=5,
    ),
    # Its author took the best epoch by the test images; here 10,000 of the training images choose.
    "3d": ConvolutionalProject(
        title="three convolutions, deskewed, the best of 20 epochs in batches of 32",
        layers=keras_convolution.three_convolutions,
        prepare=keras_convolution.upright,
        batch_size=32,
        epochs=20,
        validation=10_000,
    ),
}

FROM_SCRATCH, DENSE, CONVOLUTIONS = (
    tuple(name for name, recipe in PROJECTS.items() if isinstance(recipe, kind))
    for kind in (FromScratch | OneAtATime, DenseModel, ConvolutionalProject)
)
"""The names of each kind, trained by :func:`~mnistbook.projects.networks.train_project`,
:func:`~mnistbook.projects.keras_dense.train_dense` and
:func:`~mnistbook.projects.keras_convolution.train_convolution`."""


@dataclass(frozen=True)
class ProjectRun:
    """One training of one network: a configuration that a sweep takes.

    Attributes
    ----------
    project
        A key of :data:`PROJECTS`.
    seed
        Of the initial weights, of the order of the images, of dropout, and of the division where the project divides.
        Two libraries draw different numbers from one seed.
    library
        "mnistlab" or "keras"; if None, the only one that trains this network, or mnistlab.
    learning_rate, epochs
        Those of the project if None. Only networks written from scratch take another learning rate.

    Raises
    ------
    ValueError
        If there is no such project, or it is not trained by such a library or with a learning rate of choice.
    """

    project: str
    seed: int = 0
    library: str | None = None
    learning_rate: float | None = None
    epochs: int | None = None

    def __post_init__(self):
        if self.project not in PROJECTS:
            raise ValueError(f"there is no project {self.project!r}: choose among {', '.join(PROJECTS)}")
        known = self.recipe.libraries
        if self.library is None:
            object.__setattr__(self, "library", known[0])
        if self.library not in known:
            raise ValueError(f"{self.library!r} does not train project {self.project}: choose among {', '.join(known)}")
        if self.learning_rate is not None and self.project not in FROM_SCRATCH:
            raise ValueError(f"project {self.project} has its own optimizer: leave out learning_rate")

    @property
    def recipe(self) -> Recipe:
        """How the project trained this network."""
        return PROJECTS[self.project]

    @property
    def key(self) -> str:
        """A name for files and of stored rows, which are found by nothing else: it must stay what it is."""
        settings = asdict(self)
        if self.project in CONVOLUTIONS and self.epochs is None:
            return f"{self.project}-seed{self.seed}"
        name = f"{self.project}-{self.seed}"
        if self.project in DENSE:
            del settings["learning_rate"]
            name = f"{self.project}-{self.library}-{self.seed}"
        else:
            del settings["library"]
        return f"{name}-{sha256(dumps(settings, sort_keys=True).encode()).hexdigest()[:8]}"
