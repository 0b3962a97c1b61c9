"""fsp faces build."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fsp_ray.core.errors import BankError
from fsp_ray.synthesis import bank_build
from fsp_ray.synthesis.bank_build import BankReport

from .conftest import Fsp


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Path]]:
    """Calls of the builder, which is a fake."""
    calls: list[tuple[Path, Path]] = []

    def build(folder: Path, out: Path, *, progress: Any, **roles: Any) -> BankReport:
        assert set(roles) == {"detector", "landmarker", "attributes"}
        calls.append((folder, out))
        progress(1, 2)
        if folder.name == "bad":
            raise BankError("Too few faces.", advice="Add more.")
        return BankReport(30, 11, 9, {"smiles": 8, "looks aside": 2})

    monkeypatch.setattr(bank_build, "build_bank", build)
    return calls


def test_a_bank_is_built_and_counted(
    fsp: Fsp, builder: list[tuple[Path, Path]], tmp_path: Path
) -> None:
    code, out, err = fsp("faces", "build", str(tmp_path), "-o", str(tmp_path / "bank.npz"))
    assert code == 0
    assert builder == [(tmp_path, tmp_path / "bank.npz")]
    assert "20 faces (11 female, 9 male) of 30 pictures" in out
    assert out.index("8  smiles") < out.index("2  looks aside")
    assert "Looking at pictures" in err


def test_json(fsp: Fsp, builder: list[tuple[Path, Path]], tmp_path: Path) -> None:
    bank = str(tmp_path / "bank.npz")
    code, out, _ = fsp("faces", "build", str(tmp_path), "-o", bank, "--json")
    assert code == 0
    assert json.loads(out) == {
        "bank": bank,
        "pictures": 30,
        "female": 11,
        "male": 9,
        "skipped": {"smiles": 8, "looks aside": 2},
    }


def test_too_few_faces_is_1(fsp: Fsp, builder: list[tuple[Path, Path]], tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    code, out, err = fsp("faces", "build", str(tmp_path / "bad"), "-o", str(tmp_path / "b.npz"))
    assert (code, out) == (1, "")
    assert "Too few faces.\nAdd more." in err


def test_wrong_usage_is_2(fsp: Fsp, builder: list[tuple[Path, Path]], tmp_path: Path) -> None:
    for arguments in (
        (str(tmp_path / "nowhere"), "-o", "bank.npz"),
        (str(tmp_path), "-o", str(tmp_path / "nowhere" / "bank.npz")),
        (str(tmp_path),),
    ):
        code, out, err = fsp("faces", "build", *arguments)
        assert (code, out) == (2, "")
        assert "error: " in err
    assert builder == []
