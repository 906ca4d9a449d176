"""Networks to and from files and other frameworks. Keras is imported only when one of its functions is called."""

from mnistlab.interop.keras_models import from_keras, import_keras, load_keras, save_keras, to_keras

__all__ = ["from_keras", "import_keras", "load_keras", "save_keras", "to_keras"]
