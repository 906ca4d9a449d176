"""What the tools set for the programs that they start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

sys.path.insert(0, str(ROOT / "tools"))

import common  # noqa: E402


@pytest.mark.parametrize("name", ["MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"])
def test_matplotlib_says_nothing_where_its_folder_cannot_be_written(tmp_path, monkeypatch, name):
    monkeypatch.setattr(common, "BUILD", tmp_path / "build")
    monkeypatch.delenv("MPLCONFIGDIR", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "fonts"))
    (tmp_path / "file").touch()
    monkeypatch.setenv(name, str(tmp_path / "file" / "below"))  # which no user can make, not even root
    environment = common.environment()
    assert environment["MPLCONFIGDIR"] == str(tmp_path / "build" / "matplotlib")
    code = "import matplotlib; matplotlib.get_configdir(); matplotlib.get_cachedir()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""


def test_matplotlibs_folder_stays_where_it_is_if_it_can_be_written(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "mine"))
    assert common.environment()["MPLCONFIGDIR"] == str(tmp_path / "mine")
