"""A lake's files against its rows: each thing that can be wrong is made wrong."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fsp_ray.core.ids import video_id
from fsp_ray.lake import Lake, delta
from fsp_ray.lake.rows import to_arrow
from fsp_ray.lake.tables import PERSONS, VIDEOS
from fsp_ray.lake.verify import Depth, verify

Make = Callable[..., dict[str, object]]
DAY_S = 24 * 3600.0
CONTENT = b"pretends to be a video"
OLD_COMMIT = "20250101T000000Z-00000000"


def publish(lake: Lake, path: str, folder: Path, content: bytes = CONTENT) -> str:
    """Publish a file with its certificate; return its sha256."""
    local = folder / "local.mp4"
    local.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    paper = {"file": {"name": path, "sha256": sha256, "size_bytes": len(content)}}
    lake.publish(local, path, json.dumps(paper).encode())
    return sha256


def age(lake: Lake, seconds: float = 2 * DAY_S) -> None:
    """Make all published files older."""
    for path in lake.storage.local("videos").rglob("*"):
        os.utime(path, (time.time() - seconds,) * 2)


@pytest.fixture
def whole(lake: Lake, tmp_path: Path, video_row: Make, failed_row: Make, person_row: Make) -> Lake:
    """Two published videos of two days ago and one that failed; all is as it should be."""
    paths = ("a.mp4", "cam/b.mov")
    rows = [video_row(path, sha256=publish(lake, path, tmp_path)) for path in paths]
    lake.commit(videos=[*rows, failed_row("c.mp4")], persons=[person_row(path) for path in paths])
    age(lake)
    return lake


def problems(lake: Lake, depth: Depth = "names") -> dict[str, str]:
    found = verify(lake.storage, depth)
    assert found.problems == len(found.findings)
    return {finding.path: finding.problem for finding in found.findings}


def test_a_whole_lake_has_no_problems(whole: Lake) -> None:
    found = verify(whole.storage, "hashes")
    assert (found.videos, found.files, found.hashed, found.waiting) == (2, 4, 2, 0)
    assert found.findings == ()
    assert verify(whole.storage, "names").hashed == 0


def test_an_empty_lake_has_no_problems(lake: Lake) -> None:
    assert problems(lake) == {}


def test_a_published_video_that_is_gone(whole: Lake) -> None:
    whole.storage.remove("videos/cam/b.mov.mp4")
    assert problems(whole) == {"videos/cam/b.mov.mp4": "is published by its row, and is not there"}


def test_a_certificate_that_is_gone_or_wrong(whole: Lake) -> None:
    papers = (
        whole.storage.local("videos/a.mp4.json"),
        whole.storage.local("videos/cam/b.mov.mp4.json"),
    )
    papers[0].unlink()
    papers[1].write_text("{")
    age(whole)
    assert problems(whole) == {
        "videos/a.mp4": "has no certificate",
        "videos/cam/b.mov.mp4": "has a certificate that can't be read",
    }
    papers[1].write_text(json.dumps({"file": {"sha256": "1", "size_bytes": len(CONTENT)}}))
    age(whole)
    assert "another sha256 than its row" in problems(whole)["videos/cam/b.mov.mp4"]


def test_a_video_that_is_cut_off(whole: Lake) -> None:
    whole.storage.local("videos/a.mp4").write_bytes(CONTENT[:7])
    age(whole)
    assert problems(whole) == {"videos/a.mp4": f"has 7 bytes, by its certificate {len(CONTENT)}"}


def test_content_is_looked_at_by_hashes_alone(whole: Lake) -> None:
    whole.storage.local("videos/a.mp4").write_bytes(CONTENT.swapcase())
    age(whole)
    assert problems(whole) == {}
    assert "another sha256" in problems(whole, "hashes")["videos/a.mp4"]


@pytest.mark.parametrize(
    "name", ["c.mp4", "cam/stray.mp4", "notes.txt", "d.mp4.json", "a.mp4.part"]
)
def test_a_file_that_belongs_to_no_published_video(whole: Lake, name: str) -> None:
    path = whole.storage.local(f"videos/{name}")
    path.write_bytes(b"x")
    assert problems(whole) == {}
    assert verify(whole.storage, "names").waiting == 1
    age(whole)
    assert problems(whole) == {f"videos/{name}": "belongs to no published video"}
    assert path.exists()  # verifying changes nothing


def test_a_video_that_is_being_replaced_waits(whole: Lake, tmp_path: Path) -> None:
    """A run publishes a new version; its row comes at the end of its wave."""
    publish(whole, "a.mp4", tmp_path, b"a new version")
    found = verify(whole.storage, "hashes")
    assert (found.waiting, found.findings) == (1, ())
    age(whole)
    assert "videos/a.mp4" in problems(whole)


def test_a_lake_that_moved_is_whole(whole: Lake, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    Path(whole.uri).rename(moved)
    assert problems(Lake.open(str(moved)), "hashes") == {}


def test_rows_of_no_video(whole: Lake, person_row: Make) -> None:
    stray = {**person_row("gone.mp4"), "commit_id": OLD_COMMIT}
    delta.append(whole.storage, "persons", to_arrow(PERSONS, [stray]))
    (problem,) = problems(whole).items()
    assert problem == (
        "tables/persons",
        f"has 1 rows of {video_id('gone.mp4')}, which has no such commit",
    )


def test_rows_of_a_commit_that_may_be_in_progress_are_none(whole: Lake, person_row: Make) -> None:
    now = time.strftime("%Y%m%dT%H%M%SZ-1", time.gmtime())
    delta.append(
        whole.storage, "persons", to_arrow(PERSONS, [{**person_row("x.mp4"), "commit_id": now}])
    )
    assert problems(whole) == {}


def test_doubled_rows(whole: Lake) -> None:
    twice = delta.read(whole.storage, "videos", VIDEOS.column_names)
    delta.append(whole.storage, "videos", twice)
    found = verify(whole.storage, "names").findings
    doubled = [finding.problem for finding in found if finding.path == "tables/videos"]
    assert f"has {video_id('a.mp4')} 2 times" in doubled
    assert len(doubled) == 3


def test_many_problems_of_one_kind_are_counted(whole: Lake, person_row: Make) -> None:
    rows = [{**person_row(f"{n}.mp4"), "commit_id": OLD_COMMIT} for n in range(150)]
    delta.append(whole.storage, "persons", to_arrow(PERSONS, rows))
    found = verify(whole.storage, "names").findings
    assert len(found) == 101
    assert found[-1].problem == "… and so for 50 others"
