from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fsp_ray.core.errors import FailureReason, LakeError
from fsp_ray.lake import TABLES, Lake, list_source

Make = Callable[..., dict[str, object]]


def test_create_open_exists(tmp_path: Path) -> None:
    uri = str(tmp_path / "deep" / "lake")
    assert not Lake.exists(uri)
    with pytest.raises(LakeError, match="missing or empty"):
        Lake.open(uri)
    lake = Lake.create(uri)
    assert Lake.exists(uri)
    assert Lake.open(uri) == Lake.create(uri) == lake == pickle.loads(pickle.dumps(lake))
    assert {path.name for path in (tmp_path / "deep" / "lake" / "tables").iterdir()} == set(TABLES)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "mine.mp4").write_bytes(b"mine")
    for attempt in (Lake.create, Lake.open):
        with pytest.raises(LakeError, match="other files"):
            attempt(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["videos"]


def test_the_source_can_not_be_the_lake_nor_lie_in_it(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.mp4").write_bytes(b"mine")
    for place in (source, tmp_path):
        with pytest.raises(LakeError, match="other files"):
            Lake.create(str(place))


def test_a_lake_in_the_source_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"mine")
    lake = Lake.create(str(tmp_path / "lake"))
    lake.publish(tmp_path / "a.mp4", "a.mp4")
    assert [video.path for video in list_source(str(tmp_path))] == ["a.mp4"]


@pytest.mark.parametrize("name", ["with space", "ü#?&'\"", "100%", "{c}`<>*;:~!$()=+,@"])
def test_odd_places(tmp_path: Path, name: str, video_row: Make, person_row: Make) -> None:
    lake = Lake.create(str(tmp_path / name))
    lake.commit(videos=[video_row("a.mp4")], persons=[person_row("a.mp4")])
    assert len(lake.ledger()) == 1
    assert lake.maintain(depth="none").files_compacted == 0
    assert lake.demographics(k=1).num_rows == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a%20b", "a\\b", "a\nb", "a\udce9b", "[a", "a]", "a^b", "a|b"])
def test_a_place_that_delta_would_change_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LakeError, match="%XX"):
        Lake.create(str(tmp_path / name))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": "x"}', "{}"])
def test_a_damaged_marker_says_so(lake: Lake, text: str) -> None:
    (Path(lake.uri) / "_fsp_lake.json").write_text(text)
    with pytest.raises(LakeError, match="damaged"):
        Lake.open(lake.uri)


def test_a_newer_lake_is_left_alone(lake: Lake) -> None:
    marker = Path(lake.uri) / "_fsp_lake.json"
    marker.write_text(json.dumps({"version": 99}))
    for attempt in (Lake.open, Lake.create):
        with pytest.raises(LakeError, match="layout 99"):
            attempt(lake.uri)


def test_a_lake_that_can_not_be_made_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for place in (tmp_path / "file", tmp_path / "file" / "lake"):
        with pytest.raises(LakeError):
            Lake.create(str(place))


def test_two_processes_make_the_same_lake(tmp_path: Path) -> None:
    code = (
        "import sys; from fsp_ray.lake import Lake; print(len(Lake.create(sys.argv[1]).ledger()))"
    )
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "lake")], stdout=subprocess.PIPE
        )
        for _ in range(3)
    ]
    assert [maker.communicate()[0] for maker in makers] == [b"0\n"] * 3


def test_the_ledger(lake: Lake, video_row: Make, failed_row: Make) -> None:
    assert dict(lake.ledger()) == {}
    done = video_row("a.mp4", fingerprint="sha256:1")
    passing = failed_row("b.mp4", reason=f"{FailureReason.WORKER}: It died.")
    lasting = failed_row("c.mp4", reason=f"{FailureReason.NOT_A_VIDEO}: It is a picture.")
    lake.commit(videos=[done, passing, lasting])
    ledger = lake.ledger()
    assert set(ledger) == {row["video_id"] for row in (done, passing, lasting)}
    entry = ledger[str(done["video_id"])]
    assert (entry.status, entry.reason, entry.fingerprint) == ("published", "", "sha256:1")
    assert entry.is_published
    same = {"fingerprint": "sha256:1", "pack": "open", "settings_hash": "0" * 16}
    assert entry.is_same(**same)
    for name in same:
        assert not entry.is_same(**(same | {name: "other"}))
    same["fingerprint"] = "sha256:0"
    assert not ledger[str(passing["video_id"])].is_final
    assert ledger[str(lasting["video_id"])].is_final
    assert not ledger[str(lasting["video_id"])].is_published
    with pytest.raises(KeyError):
        ledger["unknown"]


def test_maintenance_keeps_what_readers_see(lake: Lake, video_row: Make, person_row: Make) -> None:
    for number in range(6):
        lake.commit(videos=[video_row(f"{number}.mp4")], persons=[person_row(f"{number}.mp4")])
    (Path(lake.uri) / "_staging" / "dead").mkdir(parents=True)
    before = sorted(lake.query("SELECT * FROM persons").to_pylist(), key=str)
    done = lake.maintain()
    assert done.runs_collected == ("dead",)
    assert done.files_compacted >= 6
    assert sorted(lake.query("SELECT * FROM persons").to_pylist(), key=str) == before
    assert lake.maintain().files_compacted == 0
