"""Refreshes: what is new, changed, deleted, failed; what is meant; and nothing done twice."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import BusyError, LakeError, SourceError
from fsp_ray.core.progress import Progress, RunSummary
from fsp_ray.lake import Lake, Selection
from fsp_ray.lake import lake as lake_module
from fsp_ray.lake.exclusive import create
from fsp_ray.lake.fingerprints import load_memory
from fsp_ray.lake.lease import leased
from fsp_ray.raydata import RunRequest, anonymize, plan
from tests.fakes.local_ray import without_ray
from tests.fakes.media import Clip, write_clip
from tests.faults.invariants import check_done, num_frames, published_files, rows_of

pytestmark = pytest.mark.slow

SETTINGS = RunSettings(replace="cover", preset="ultrafast")
NAMES = ("a.mp4", "sub/b.mp4", "sub/deep/c.mov")


class Ground:
    """A source and its lake."""

    def __init__(self, folder: Path) -> None:
        self.source, self.lake = folder / "source", folder / "lake"
        for name in NAMES:
            self.write(name)

    def write(self, name: str, frames: int = 8) -> None:
        (self.source / name).parent.mkdir(parents=True, exist_ok=True)
        write_clip(self.source / name, Clip(pts=range(frames)))

    def request(self, **options: object) -> RunRequest:
        asked = {"deleted": "report", **options}
        return RunRequest(str(self.source), str(self.lake), SETTINGS, **asked)  # type: ignore[arg-type]

    def refresh(
        self, tell: Callable[[Progress], None] = lambda _: None, **options: object
    ) -> RunSummary:
        return anonymize(self.request(**options), tell)

    def frames(self) -> dict[str, int]:
        paths = (path for path in self.source.rglob("*") if path.suffix in {".mp4", ".mov"})
        return {path.relative_to(self.source).as_posix(): num_frames(path) for path in paths}

    def statuses(self) -> dict[str, str]:
        return {row["source_path"]: row["status"] for row in rows_of(str(self.lake))}

    def written(self) -> dict[str, int]:
        """Return when each file was written that is the lake's own: of leases and caches, none."""
        files = [path for path in self.lake.rglob("*") if path.is_file()]
        own = [path for path in files if not {"_lease", "_cache"} & {*path.parts}]
        return {str(path): path.stat().st_mtime_ns for path in own}


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    without_ray(monkeypatch)
    return Ground(tmp_path)


def test_what_is_new_or_changed_is_done_and_nothing_else(ground: Ground) -> None:
    assert ground.refresh().videos["published"] == 3
    check_done(str(ground.lake), ground.frames())
    before = ground.written()
    summary = ground.refresh()
    assert summary.videos == {"unchanged": 3}
    assert ground.written() == before
    ground.write("a.mp4", frames=12)
    ground.write("new.mp4")
    summary = ground.refresh()
    assert (summary.videos["published"], summary.videos["unchanged"]) == (2, 2)
    check_done(str(ground.lake), ground.frames())


def test_what_a_run_leaves_that_is_killed_at_its_end_goes_with_the_next(ground: Ground) -> None:
    ground.refresh()
    left = ground.lake / "_staging" / "killed" / "v1" / "views.npz"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"somebody's face")
    assert ground.refresh().videos == {"unchanged": 3}
    check_done(str(ground.lake), ground.frames())


def test_what_the_source_has_no_more_is_reported_and_withdrawn_if_asked(ground: Ground) -> None:
    ground.refresh()
    time.sleep(2.1)  # a hash of a file that was just written is not remembered
    ground.refresh()
    storage = Lake.open(str(ground.lake)).storage
    gone = ground.source / "sub" / "b.mp4"
    assert str(gone) in load_memory(storage)
    gone.unlink()
    summary = ground.refresh()
    assert (summary.deleted, summary.withdrawn) == (("sub/b.mp4",), 0)
    assert set(ground.statuses()) == set(NAMES)
    assert ground.refresh(deleted="ignore").deleted == ()
    summary = ground.refresh(deleted="prune")
    assert (summary.deleted, summary.withdrawn) == (("sub/b.mp4",), 1)
    check_done(str(ground.lake), ground.frames())
    lake = Lake.open(str(ground.lake))
    for table in ("persons", "tracks", "audit"):
        rows = lake.query(f"FROM {table} JOIN videos USING (video_id)").num_rows
        assert lake.query(f"FROM {table}").num_rows == rows
    assert str(gone) not in load_memory(storage)
    summary = ground.refresh(deleted="prune")
    assert (summary.deleted, summary.withdrawn) == ((), 0)


def test_a_source_that_is_gone_is_not_taken_for_deletions(ground: Ground) -> None:
    ground.refresh()
    for name in NAMES[:2]:
        (ground.source / name).unlink()
    before = ground.written()
    with pytest.raises(SourceError, match="2 of the lake's videos are gone"):
        ground.refresh(deleted="prune")
    assert ground.written() == before
    assert ground.refresh(deleted="prune-most").withdrawn == 2
    check_done(str(ground.lake), ground.frames())


def test_what_is_not_meant_is_neither_done_nor_missed(ground: Ground) -> None:
    old = (datetime.now(UTC) - timedelta(days=9)).timestamp()
    os.utime(ground.source / "a.mp4", (old, old))
    since = datetime.now(UTC) - timedelta(days=1)
    ground.refresh(selection=Selection(since=since, exclude=("sub/deep",)))
    assert set(ground.statuses()) == {"sub/b.mp4"}
    (ground.source / "sub" / "b.mp4").unlink()
    assert ground.refresh(selection=Selection(include=("a*",))).deleted == ()
    assert set(ground.statuses()) == {"a.mp4", "sub/b.mp4"}
    assert ground.refresh(selection=Selection(since=since), limit=0).deleted == ("sub/b.mp4",)


def test_rows_of_a_source_at_another_place_are_left_alone(ground: Ground) -> None:
    ground.refresh()
    other = ground.source.with_name("other")
    other.mkdir()
    shutil.copy(ground.source / "a.mp4", other / "z.mp4")
    ground.source = other
    summary = ground.refresh(deleted="prune-most")
    assert (summary.deleted, summary.videos["published"]) == ((), 1)
    assert set(ground.statuses()) == {*NAMES, "z.mp4"}


def test_what_fails_again_and_again_is_given_up_until_it_is_asked_for(ground: Ground) -> None:
    broken = ground.source / "broken.mp4"
    broken.write_bytes(b"not a video")
    assert ground.refresh().videos["failed"] == 1
    ground.write("a.mp4", frames=12)
    for attempt in (1, 2, 3):
        request = ground.request()
        todo = {source.path for source in plan(request).todo}
        assert todo == {"a.mp4"}
        Unreadable(ground).run()
        (row,) = (r for r in rows_of(str(ground.lake)) if r["source_path"] == "a.mp4")
        assert (row["status"], row["attempts"]) == ("failed", attempt)
        assert str(row["reason"]).startswith("unreadable: ")
    assert plan(ground.request()).todo == ()
    retried = {source.path for source in plan(ground.request(retry_failed=True)).todo}
    assert retried == {"a.mp4", "broken.mp4"}
    summary = ground.refresh(retry_failed=True)
    assert (summary.videos["published"], summary.videos["failed"]) == (1, 1)
    broken.unlink()
    ground.refresh(deleted="prune")
    check_done(str(ground.lake), ground.frames())


class Unreadable:
    """Takes a file away when it has been listed, and brings it back after the run."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._path = ground.source / "a.mp4"
        self._away = ground.source / ".away"

    def run(self) -> None:
        self._ground.refresh(self)
        self._away.rename(self._path)

    def __call__(self, progress: Progress) -> None:
        if progress.videos_total and self._path.exists():
            self._path.rename(self._away)


def test_a_source_that_goes_in_mid_run_ends_it_and_blames_no_video(ground: Ground) -> None:
    ground.refresh(limit=1)
    away = ground.source.with_name("away")

    def unmount(progress: Progress) -> None:
        if progress.videos_total and ground.source.exists():
            ground.source.rename(away)

    with pytest.raises(SourceError, match=r"Can't reach .*source: .*mounted"):
        ground.refresh(unmount)
    assert ground.statuses() == {"a.mp4": "published"}
    away.rename(ground.source)
    ground.refresh()
    check_done(str(ground.lake), ground.frames())


def test_a_run_that_lost_its_lease_commits_nothing(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_module, "leased", partial(leased, ttl_s=0.6))
    storage = Lake.create(str(ground.lake)).storage

    def take_over(progress: Progress) -> None:
        if progress.phase == "render" and len(storage.names("_lease")) == 1:
            assert create(storage, "_lease/00000002.json", b"{}")
            time.sleep(0.5)  # the run's own thread renews, and finds the higher number

    with pytest.raises(LakeError, match="lost its lease"):
        ground.refresh(take_over)
    assert ground.statuses() == {}


def test_a_lake_at_which_somebody_is_at_work_is_left_alone(ground: Ground) -> None:
    lake = Lake.create(str(ground.lake))
    with (
        lake.leased("other", wait_s=0),
        pytest.raises(BusyError, match="other"),
    ):
        ground.refresh(wait_s=0)
    assert published_files(lake) == []
    assert ground.statuses() == {}
