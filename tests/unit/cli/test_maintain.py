"""fsp maintain, from the command line."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from fsp_ray.lake import Lake
from tests.fakes.lakes import CONTENT, make_lake

from .conftest import Fsp


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(str(tmp_path / "lake"), videos=6, persons=40, files=True, commits=3)


def test_a_lake_that_is_well(fsp: Fsp, lake: Lake) -> None:
    code, out, err = fsp("maintain", lake.uri)
    assert (code, err) == (0, "")
    assert "9 small files joined" in out
    assert "Verified: 6 published videos, 12 files; 0 problems" in out


def test_problems_are_listed_and_nothing_is_deleted(fsp: Fsp, lake: Lake) -> None:
    stray = lake.storage.local("videos/cam000/[bold]stray.mp4")
    stray.write_bytes(b"x")
    os.utime(stray, (1, 1))
    lake.storage.remove("videos/cam001/0000001.mp4")
    code, out, err = fsp("maintain", lake.uri)
    assert code == 3
    assert "2 problems" in out
    assert "  videos/cam000/[bold]stray.mp4  belongs to no published video\n" in err
    assert "  videos/cam001/0000001.mp4  is published by its row, and is not there\n" in err
    assert stray.exists()


def test_json_for_machines(fsp: Fsp, lake: Lake) -> None:
    video = lake.storage.local("videos/cam002/0000002.mp4")
    video.write_bytes(CONTENT.upper())
    os.utime(video, (time.time() - 200_000,) * 2)
    os.utime(f"{video}.json", (time.time() - 200_000,) * 2)
    code, out, err = fsp("maintain", lake.uri, "--verify", "hashes", "--json")
    answer = json.loads(out)
    assert code == 3
    assert "cam002" in err
    assert answer["verified"] == {"videos": 6, "files": 12, "hashed": 6, "waiting": 0}
    assert answer["problems"] == [
        {
            "path": "videos/cam002/0000002.mp4",
            "problem": "has another sha256 than its row: it was changed since",
        }
    ]
    assert answer["num_problems"] == 1
    assert answer["columns_added"] == []


def test_without_verifying(fsp: Fsp, lake: Lake) -> None:
    lake.storage.remove("videos/cam001/0000001.mp4")
    code, out, _ = fsp("maintain", lake.uri, "--verify", "none", "--json")
    assert code == 0
    assert json.loads(out)["verified"] is None


def test_nothing_kept_comes_with_a_warning(fsp: Fsp, lake: Lake) -> None:
    code, out, err = fsp("maintain", lake.uri, "--keep-hours", "0")
    assert code == 0
    assert "queries that are under way may fail" in err
    assert "9 files dropped" in out


@pytest.mark.parametrize("extra", [("--keep-hours", "-1"), ("--verify", "deep")])
def test_wrong_options_are_2(fsp: Fsp, lake: Lake, extra: tuple[str, ...]) -> None:
    assert fsp("maintain", lake.uri, *extra)[0] == 2


def test_no_lake_is_a_sentence(fsp: Fsp, tmp_path: Path) -> None:
    code, _, err = fsp("maintain", str(tmp_path))
    assert code == 1
    assert "is not a lake" in err
