"""fsp packs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fsp_ray import models
from fsp_ray.core.errors import PackError
from fsp_ray.models import InstalledModel

from .conftest import Fsp

INSTALLED = (InstalledModel("mesh", Path("/cache/mesh/model.onnx"), "ab" * 32, 2_400_000),)


def test_list_and_show_name_pack_models_and_licences(fsp: Fsp) -> None:
    code, out, _ = fsp("packs", "list")
    assert code == 0
    assert "open" in out
    code, out, _ = fsp("packs", "show")
    assert code == 0
    for entry in models.show_pack("open").models:
        assert entry.name in out
        assert entry.licence in out


def test_list_and_show_as_json(fsp: Fsp) -> None:
    (row,) = [r for r in json.loads(fsp("packs", "list", "--json")[1]) if r["pack"] == "open"]
    assert row["models"] == len(models.show_pack("open").models)
    document = json.loads(fsp("packs", "show", "open", "--json")[1])
    assert [model["sha256"] for model in document["models"]] == [
        entry.sha256 for entry in models.show_pack("open").models
    ]


def test_an_unknown_pack_is_said(fsp: Fsp) -> None:
    for command in ("show", "install", "verify"):
        code, out, err = fsp("packs", command, "closed")
        assert (code, out) == (1, "")
        assert "closed" in err
        assert "Known packs" in err


@pytest.mark.parametrize("command", ["install", "verify"])
def test_install_and_verify_tell_what_is_there(
    fsp: Fsp, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    asked: list[str] = []

    def work(name: str) -> Any:
        asked.append(name)
        return INSTALLED

    monkeypatch.setattr(models, f"{command}_pack", work)
    code, out, _ = fsp("packs", command)
    assert code == 0
    assert asked == ["open"]
    assert "mesh" in out
    assert "2.4" in out
    (row,) = json.loads(fsp("packs", command, "open", "--json")[1])
    assert row["path"] == "/cache/mesh/model.onnx"


def test_an_altered_pack_is_1(fsp: Fsp, monkeypatch: pytest.MonkeyPatch) -> None:
    def altered(name: str) -> Any:
        raise PackError("mesh was altered.", advice="Run: fsp packs install open")

    monkeypatch.setattr(models, "verify_pack", altered)
    code, out, err = fsp("packs", "verify")
    assert (code, out) == (1, "")
    assert err == "error: mesh was altered.\nRun: fsp packs install open\n"
