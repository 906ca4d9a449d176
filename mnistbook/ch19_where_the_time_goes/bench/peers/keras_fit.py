"""Keras on TensorFlow: ``model.fit`` on NumPy arrays; with many steps in a call from Python; with
``jit_compile`` besides.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from mnistbook.ch19_where_the_time_goes.bench.work import Work
from mnistlab.interop.keras_models import import_keras

NEVER = 10**6
STEPS_A_CALL = 25

keras = None
jit_compile = False
steps_a_call = 1


def start(variant: str, threads: int | None) -> None:
    """Import Keras; TensorFlow reads the number of its threads from the environment, and is told again."""
    global keras, jit_compile, steps_a_call
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # it would take a GPU unasked
    import tensorflow as tf

    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    keras = import_keras()
    jit_compile = "jit" in variant
    steps_a_call = STEPS_A_CALL if "steps" in variant else 1


def train(work: Work, x: np.ndarray, y: np.ndarray, after_epoch: Callable) -> None:
    """Train until ``after_epoch`` returns False."""
    model = _model(work)
    if work.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(work.learning_rate, momentum=0.9, weight_decay=work.weight_decay or None)
    else:
        optimizer = keras.optimizers.Adam(work.learning_rate, weight_decay=work.weight_decay or None)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    steps = min(steps_a_call, -(-len(x) // work.batch))
    model.compile(optimizer, loss, jit_compile=jit_compile, steps_per_execution=steps)

    def end_of_epoch(epoch: int, logs: object) -> None:
        if not after_epoch(_function(model), lambda: _velocities(optimizer)):
            model.stop_training = True

    watch = keras.callbacks.LambdaCallback(on_epoch_end=end_of_epoch)
    model.fit(x, y, batch_size=work.batch, epochs=NEVER, callbacks=[watch], verbose=0)


def classifier(work: Work) -> Callable[[np.ndarray], np.ndarray]:
    """Return the compiled forward pass, called directly: ``model.predict`` adds milliseconds to each call."""
    return _function(_model(work))


def _function(model: object) -> Callable[[np.ndarray], np.ndarray]:
    import tensorflow as tf

    forward = tf.function(lambda x: tf.argmax(model(x, training=False), axis=1), jit_compile=jit_compile)
    return lambda x: forward(tf.convert_to_tensor(x)).numpy()


def _velocities(optimizer: object) -> list[np.ndarray]:
    return [velocity.numpy() for velocity in getattr(optimizer, "momentums", ())]


def _model(work: Work) -> object:
    keras.utils.set_random_seed(work.seed)
    layers = [keras.Input((work.sizes[0],))]
    for outputs in work.sizes[1:-1]:
        layers.append(keras.layers.Dense(outputs, activation="relu", kernel_initializer="he_normal"))
        layers += [keras.layers.Dropout(work.dropout)] if work.dropout else []
    return keras.Sequential([*layers, keras.layers.Dense(work.sizes[-1])])
