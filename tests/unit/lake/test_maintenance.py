from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable

from fsp_ray.lake import Lake
from fsp_ray.lake.commit import commit_videos
from fsp_ray.lake.lease import leased

Make = Callable[..., dict[str, object]]
DAY_S = 24 * 3600.0


@pytest.fixture
def busy(lake: Lake, video_row: Make, person_row: Make, run_row: Make) -> Lake:
    """A lake of twelve commits, and a run."""
    for number in range(12):
        path = f"{number}.mp4"
        lake.commit(videos=[video_row(path)], persons=[person_row(path)])
    lake.commit_run(run_row())
    return lake


def table(lake: Lake, name: str) -> Path:
    return lake.storage.local(f"tables/{name}")


def parquet(lake: Lake, name: str) -> list[Path]:
    return sorted(table(lake, name).glob("*.parquet"))


def test_small_files_are_joined_and_readers_see_the_same(busy: Lake) -> None:
    before = sorted(busy.query("FROM persons").to_pylist(), key=str)
    done = busy.maintain()
    assert done.files_compacted >= 24
    assert (done.files_removed, done.kept_hours, done.problems) == (0, 168, 0)
    assert len(DeltaTable(str(table(busy, "persons"))).file_uris()) == 1
    assert sorted(busy.query("FROM persons").to_pylist(), key=str) == before


def test_a_second_time_there_is_nothing_to_do(busy: Lake) -> None:
    busy.maintain()
    versions = [DeltaTable(str(table(busy, name))).version() for name in ("videos", "persons")]
    done = busy.maintain()
    assert (done.files_compacted, done.files_removed, done.rows_swept) == (0, 0, 0)
    assert versions == [
        DeltaTable(str(table(busy, name))).version() for name in ("videos", "persons")
    ]


def test_nothing_deleted_can_be_read_when_nothing_is_kept(busy: Lake, video_row: Make) -> None:
    """Neither in the files of tables, nor in the log, which holds values of files that are gone."""
    secret = "the-only-one-of-its-name.mp4"
    busy.commit(videos=[video_row(secret)])
    entry = next(e for e in busy.ledger().values() if e.source_path == secret)
    assert any(
        secret in path.read_text() for path in table(busy, "videos").glob("_delta_log/*.json")
    )
    busy.erase([entry])
    time.sleep(1.1)  # the log tells ages in seconds
    done = busy.maintain(kept_hours=0)
    assert (done.kept_hours, done.problems) == (0, 0)
    assert done.files_removed >= 13
    assert len(parquet(busy, "videos")) == 1
    logs = [path.read_bytes() for path in table(busy, "videos").glob("_delta_log/*")]
    assert not any(secret.encode() in log for log in logs)
    assert busy.query("FROM videos").num_rows == 12
    busy.commit(videos=[video_row("next.mp4")])
    assert busy.query("FROM videos").num_rows == 13


def test_a_run_at_work_keeps_what_it_may_need(busy: Lake) -> None:
    files = len(parquet(busy, "videos"))
    with leased(busy.storage, "a-run", wait_s=0):
        done = busy.maintain(kept_hours=0)
    assert done.kept_hours == 24
    assert done.files_removed == 0
    assert len(parquet(busy, "videos")) >= files
    (finding,) = done.findings
    assert "a run is at work" in finding.problem
    assert busy.maintain(kept_hours=0).problems == 0


def test_files_of_a_writer_that_died_go_after_a_day(busy: Lake) -> None:
    fresh, old = (table(busy, "persons") / f"part-{name}.parquet" for name in ("fresh", "old"))
    for path in (fresh, old):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 2 * DAY_S,) * 2)
    assert busy.maintain().files_removed == 0  # within the hours that files are kept
    assert busy.maintain(kept_hours=24).files_removed == 1
    assert busy.maintain(kept_hours=0).files_removed >= 1
    assert fresh.exists()
    assert not old.exists()


def test_the_log_is_shortened(busy: Lake) -> None:
    """An entry goes when a checkpoint stands for it that is as old as what is kept."""
    logs = table(busy, "videos") / "_delta_log"
    busy.maintain()
    assert len(list(logs.glob("*.json"))) >= 13
    for path in logs.iterdir():
        os.utime(path, (time.time() - 30 * DAY_S,) * 2)
    busy.maintain()
    assert len(list(logs.glob("*.json"))) <= 2
    assert busy.query("FROM videos").num_rows == 12


def test_rows_of_a_commit_that_died_go(
    busy: Lake, video_row: Make, person_row: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fsp_ray.core.ids.new_run_id", lambda: "20250101T000000Z-dead")
    monkeypatch.setattr("fsp_ray.lake.delta.replace", _die)
    with pytest.raises(KeyboardInterrupt):
        commit_videos(busy.storage, [video_row("x.mp4")], {"persons": [person_row("x.mp4")]})
    monkeypatch.undo()
    done = busy.maintain(depth="none")
    assert done.rows_swept == 1
    assert done.verification is None


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_run_and_maintenance_do_not_disturb_one_another(
    busy: Lake, video_row: Make, person_row: Make
) -> None:
    failed: list[Exception] = []
    over = threading.Event()

    def write() -> None:
        try:
            for number in range(100, 106):
                path = f"{number}.mp4"
                busy.commit(videos=[video_row(path)], persons=[person_row(path)])
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)
        finally:
            over.set()

    writer = threading.Thread(target=write)
    writer.start()
    rounds = 0
    while not over.is_set() or not rounds:
        busy.maintain(kept_hours=24)
        rounds += 1
    writer.join()
    assert failed == []
    assert busy.query("FROM videos").num_rows == 18
    assert busy.query("FROM persons").num_rows == 18
