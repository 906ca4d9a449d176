"""The data: the real files once, and every way to lose them on a few made-up images, which takes no time."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pooch
import pytest

from mnistlab import MNIST, DataError, load_mnist
from mnistlab import mnist as module

NAMES = ("x_train", "y_train", "x_test", "y_test")


@pytest.fixture(scope="session")
def real() -> MNIST:
    return load_mnist()


@pytest.fixture
def fetches(digits: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make the canonical file reachable; the list grows by one entry with each download."""
    done = []

    def download() -> dict[str, np.ndarray]:
        done.append("canonical")
        return {name: array.copy() for name, array in digits.items()}

    monkeypatch.setattr(module, "_download", download)
    return done


def save(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    with open(path, "wb") as file:
        np.savez(file, **arrays)
    return path


def assert_same(mnist: MNIST, arrays: dict[str, np.ndarray]) -> None:
    for name in NAMES:
        np.testing.assert_array_equal(getattr(mnist, name), arrays[name])


# The real data


def test_the_real_data_have_their_shapes(real: MNIST) -> None:
    assert [getattr(real, name).shape for name in NAMES] == [(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)]
    assert {getattr(real, name).dtype for name in NAMES} == {np.dtype(np.uint8)}


def test_the_real_data_have_the_known_number_of_each_digit(real: MNIST) -> None:
    assert np.bincount(real.y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(real.y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_the_real_data_have_the_known_pixels(real: MNIST) -> None:
    # The mean and standard deviation that everyone scales MNIST by, and the first labels of both parts.
    assert real.x_train.mean() / 255 == pytest.approx(0.1306605, abs=1e-7)
    assert real.x_train.std() / 255 == pytest.approx(0.3081078, abs=1e-7)
    assert real.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert real.y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert hashlib.sha256(real.x_test).hexdigest() == "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"


def test_the_data_are_read_only(real: MNIST) -> None:
    for name in NAMES:
        with pytest.raises(ValueError, match="read-only"):
            getattr(real, name)[0] = 0
    with pytest.raises(AttributeError):
        real.source = "elsewhere"


def test_importing_the_package_does_not_import_the_downloader() -> None:
    code = "import sys, mnistlab; print({'pooch', 'requests', 'urllib3', 'platformdirs'}.intersection(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


# The sources and their order


def test_what_was_fetched_is_kept(digits: dict, fetches: list, tmp_path: Path) -> None:
    first = load_mnist(cache_dir=tmp_path / "new" / "folder")
    second = load_mnist(cache_dir=tmp_path / "new" / "folder")
    assert len(fetches) == 1
    assert first.source.startswith("downloaded: ")
    assert second.source == f"cache: {tmp_path / 'new' / 'folder' / 'mnist.npz'}"
    assert_same(first, digits)
    assert_same(second, digits)
    assert not second.x_train.flags.writeable


def test_the_default_cache_is_that_of_pooch(fetches: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / project)
    load_mnist()
    assert (tmp_path / "mnistlab" / "mnist.npz").is_file()


def test_the_canonical_file_is_downloaded_silently(
    digits: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    origin = save(site / "mnist.npz", digits)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch.get_logger(), "handlers", [caplog.handler])  # it has no parent to pass records on to
    monkeypatch.setattr(module, "_CANONICAL", f"http://127.0.0.1:{server.server_port}/mnist.npz")
    monkeypatch.setattr(module, "_CANONICAL_SHA256", hashlib.sha256(origin.read_bytes()).hexdigest())
    try:
        mnist = load_mnist(cache_dir=tmp_path / "cache")
        monkeypatch.setattr(module, "_CANONICAL_SHA256", "0" * 64)
        with pytest.raises(DataError, match=r"SHA256 hash of downloaded file .* does not match"):
            load_mnist(cache_dir=tmp_path / "other")
    finally:
        server.shutdown()
        server.server_close()
    assert mnist.source == f"downloaded: {module._CANONICAL}"
    assert_same(mnist, digits)
    assert os.listdir(tmp_path / "cache") == ["mnist.npz"]
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_with_no_source_left_one_error_names_them_all(digits: dict, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_mnist(cache_dir=tmp_path)
    message = str(caught.value)
    assert f"cache {tmp_path / 'mnist.npz'}: no such file" in message
    assert f"{module._CANONICAL}: ConnectionError: " in message
    assert "'make data' in a checkout" in message
    assert f"Put the canonical mnist.npz ({module._CANONICAL}) at {tmp_path / 'mnist.npz'}, or let" in message
    assert "MNISTLAB_DATA" in message


# $MNISTLAB_DATA


def test_the_named_file_comes_first(
    digits: dict, fetches: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = save(tmp_path / "mine.npz", digits)
    monkeypatch.setenv("MNISTLAB_DATA", str(named))
    mnist = load_mnist(cache_dir=tmp_path / "cache")
    assert mnist.source == f"$MNISTLAB_DATA: {named}"
    assert_same(mnist, digits)
    assert not fetches
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("kind", ["missing", "folder", "damaged", "wrong images"])
def test_a_wrong_named_file_is_an_error_and_stays(
    kind: str, digits: dict, fetches: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "mine.npz"
    save(tmp_path / "mnist.npz", digits)  # a good cache, which must not stand in
    if kind == "folder":
        named.mkdir()
    elif kind == "damaged":
        named.write_bytes(b"PK\x03\x04 no more")
    elif kind == "wrong images":
        save(named, digits | {"x_test": digits["x_test"] ^ 1})
    monkeypatch.setenv("MNISTLAB_DATA", str(named))
    with pytest.raises(DataError) as caught:
        load_mnist(cache_dir=tmp_path)
    assert str(caught.value).startswith(f"$MNISTLAB_DATA names {named}: ")
    assert not fetches
    assert named.exists() == (kind != "missing")


# A damaged cache


def damage(kind: str, path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Leave in the cache what could be found there on a bad day."""
    if kind == "wrong shape":
        save(path, arrays | {"x_test": arrays["x_test"].reshape(4, 784)})
    elif kind == "wrong type":
        save(path, arrays | {"x_test": arrays["x_test"].astype(np.int64)})
    elif kind == "wrong images":
        save(path, arrays | {"x_test": arrays["x_test"][::-1]})
    elif kind == "missing array":
        save(path, {name: arrays[name] for name in NAMES[:3]})
    elif kind == "a single array":
        with open(path, "wb") as file:
            np.save(file, arrays["x_test"])
    else:
        data = bytearray(save(path, arrays).read_bytes())
        if kind == "truncated":
            del data[len(data) // 2 :]
        elif kind == "empty":
            data.clear()
        elif kind == "text":
            data[:] = b"<html>Please log in to this network</html>"
        elif kind == "flipped bit":
            data[len(data) // 2] ^= 1
        path.write_bytes(data)


DAMAGES = ["truncated", "empty", "text", "flipped bit", "wrong shape", "wrong type", "wrong images", "missing array"]


@pytest.mark.parametrize("kind", [*DAMAGES, "a single array"])
def test_a_damaged_cache_is_fetched_again(kind: str, digits: dict, fetches: list, tmp_path: Path) -> None:
    damage(kind, tmp_path / "mnist.npz", digits)
    with pytest.warns(UserWarning) as caught:
        mnist = load_mnist(cache_dir=tmp_path)
    (warning,) = caught
    assert "mnist.npz was damaged and is fetched again: " in str(warning.message)
    assert "\n" not in str(warning.message)
    assert warning.filename == __file__
    assert_same(mnist, digits)
    assert load_mnist(cache_dir=tmp_path).source.startswith("cache: ")
    assert len(fetches) == 1


def test_a_damaged_cache_is_removed_even_if_nothing_replaces_it(digits: dict, tmp_path: Path) -> None:
    damage("truncated", tmp_path / "mnist.npz", digits)
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(DataError, match=r"cache \S+: no whole \.npz"):
        load_mnist(cache_dir=tmp_path)
    assert not (tmp_path / "mnist.npz").exists()


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def test_nothing_in_a_file_is_executed(digits: dict, fetches: list, tmp_path: Path) -> None:
    save(tmp_path / "mnist.npz", digits | {"y_test": np.array([Trap(tmp_path / "sprung")])})
    with pytest.warns(UserWarning, match="damaged"):
        assert_same(load_mnist(cache_dir=tmp_path), digits)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", NAMES)
def test_wrong_data_from_a_source_are_neither_returned_nor_kept(
    name: str, digits: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_download", lambda: digits | {name: digits[name] ^ 1})
    with pytest.raises(DataError, match=f"{name} is not that of MNIST: its SHA-256 differs"):
        load_mnist(cache_dir=tmp_path)
    assert not os.listdir(tmp_path)


def test_half_written_files_are_removed_once_they_are_old(digits: dict, tmp_path: Path) -> None:
    save(tmp_path / "mnist.npz", digits)
    old, young, foreign = tmp_path / ".mnist.npz.1.part", tmp_path / ".mnist.npz.2.part", tmp_path / "thesis.part"
    for path in (old, young, foreign):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 86400,) * 2)
    os.utime(foreign, (time.time() - 86400,) * 2)
    with pytest.warns(UserWarning, match=r"removed \S+\.mnist\.npz\.1\.part") as caught:
        load_mnist(cache_dir=tmp_path)
    assert len(caught) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [young.name, "mnist.npz", foreign.name]


# Writing the cache


def test_a_writer_that_dies_midway_leaves_nothing(
    digits: dict, fetches: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def savez(file, **_: np.ndarray) -> None:
        file.write(b"PK\x03\x04 half of it")
        file.flush()
        seen.append((tmp_path / "mnist.npz").exists())
        raise KeyboardInterrupt

    monkeypatch.setattr(module.np, "savez", savez)
    with pytest.raises(KeyboardInterrupt):
        load_mnist(cache_dir=tmp_path)
    assert seen == [False]
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("obstacle", ["file for a folder", "disk full"])
def test_a_cache_that_cannot_be_written_costs_only_a_warning(
    obstacle: str, digits: dict, fetches: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache"
    if obstacle == "file for a folder":
        folder.write_text("in the way")
    else:

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(module.np, "savez", full)
    with pytest.warns(UserWarning) as caught:
        mnist = load_mnist(cache_dir=folder)
    assert "cannot be written" in str(caught[-1].message)
    assert caught[-1].filename == __file__
    assert_same(mnist, digits)
    assert obstacle == "file for a folder" or not os.listdir(folder)


def test_a_cache_that_cannot_be_read_is_not_called_damaged(digits: dict, fetches: list, tmp_path: Path) -> None:
    (tmp_path / "mnist.npz").mkdir()
    with pytest.warns(UserWarning) as caught:
        assert_same(load_mnist(cache_dir=tmp_path), digits)
    assert ["cannot be read" in str(caught[0].message), "cannot be written" in str(caught[1].message)] == [True, True]


def test_processes_that_start_together_do_not_break_each_other(digits: dict, tmp_path: Path) -> None:
    origin = save(tmp_path / "origin.npz", digits)
    code = f"""
import hashlib, pathlib, sys
from mnistlab import mnist
arrays = mnist.np.load({str(origin)!r})
mnist._ARRAYS = {{name: (arrays[name].shape, hashlib.sha256(arrays[name]).hexdigest()) for name in mnist._ARRAYS}}
mnist._download = lambda: dict(arrays)
folder = pathlib.Path({str(tmp_path / "cache")!r})
print(flush=True)
sys.stdin.readline()
for _ in range(40):
    mnist.load_mnist(cache_dir=folder)
    (folder / "mnist.npz").unlink(missing_ok=True)  # so that every process writes, over and over
"""
    command = [sys.executable, "-W", "error", "-c", code]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(3)]
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    errors = [process.communicate()[1] for process in processes]
    assert errors == ["", "", ""]
    assert not list((tmp_path / "cache").iterdir())


def test_loading_says_nothing_on_standard_error_in_a_notebook(tmp_path):
    # Whatever else is installed: pooch imports tqdm, and tqdm warns in a kernel without ipywidgets.
    code = "import sys, types; sys.modules['IPython'] = types.ModuleType('IPython'); import warnings\n"
    code += "warnings.simplefilter('always'); import mnistlab.mnist as m; m._cache_folder(None)"
    (tmp_path / "tqdm").mkdir()
    (tmp_path / "tqdm" / "__init__.py").write_text(
        "import warnings; warnings.warn('IProgress not found')\ntqdm = None\n"
    )
    (tmp_path / "tqdm" / "auto.py").write_text("from tqdm import tqdm\n")
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)}
    )
    assert result.returncode == 0 and result.stderr == "", result.stderr
