"""Work that has its receipt is not done again; without one, or with a strange one, it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fsp_ray.core.face_types import Person
from fsp_ray.stages.receipts import once
from fsp_ray.stages.results import (
    AnalysedShard,
    JudgedVideo,
    RehearsedShard,
    RenderedShard,
    ResolvedVideo,
    TrackCounts,
)
from fsp_ray.stages.staging import RECEIPTS, Staging

PERSON = Person("v-p0", "v", ("v-t0",), 31.25, "female", 0.75, 4.5)
UNREAD = Person("v-p1", "v", ("v-t1", "v-t2"), None, None, None)
COUNTS = TrackCounts("v-t0", "v-p0", 0, 11, 12, 11, 1, 0, 0.625, 48.5)
RESULTS = (
    AnalysedShard("v-0", "v", 12, 2, {}),
    ResolvedVideo("v", (PERSON, UNREAD), {}),
    RehearsedShard("v-0", "v", {}),
    RenderedShard("v-0", "v", 0, 12, (COUNTS,), 3, {}),
    JudgedVideo("v", 2, frozenset({"v-0", "v-1"}), {}),
)


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return Staging(tmp_path / "v")


def never() -> AnalysedShard:
    raise AssertionError("it was done again")


def fails() -> AnalysedShard:
    raise OSError("the disk is full")


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_what_was_done_is_not_done_again(staging: Staging, result: AnalysedShard) -> None:
    kind = type(result)
    assert once(staging, "it", kind, lambda: result) == result
    work: Callable[[], AnalysedShard] = never
    assert once(staging, "it", kind, work) == result


def test_seconds_were_spent_once(staging: Staging) -> None:
    spent = AnalysedShard("v-0", "v", 12, 2, {"decode": 1.5})
    assert once(staging, "it", AnalysedShard, lambda: spent).seconds == {"decode": 1.5}
    assert once(staging, "it", AnalysedShard, never).seconds == {}


def test_another_round_is_other_work(staging: Staging) -> None:
    rounds = [once(staging, f"judge/{n}", JudgedVideo, lambda n=n: _judged(n)) for n in (1, 2)]
    assert [judged.rounds for judged in rounds] == [1, 2]


def _judged(rounds: int) -> JudgedVideo:
    return JudgedVideo("v", rounds, frozenset(), {})


def test_work_that_failed_leaves_no_receipt(staging: Staging) -> None:
    with pytest.raises(OSError, match="disk"):
        once(staging, "it", AnalysedShard, fails)
    assert once(staging, "it", AnalysedShard, lambda: RESULTS[0]) == RESULTS[0]


def test_a_receipt_of_another_version_counts_for_nothing(staging: Staging) -> None:
    once(staging, "it", AnalysedShard, lambda: RESULTS[0])
    (path,) = (staging.root / RECEIPTS).iterdir()
    path.write_text('{"shard_id": "v-0", "frames": "many"}')
    again = AnalysedShard("v-0", "v", 24, 2, {})
    assert once(staging, "it", AnalysedShard, lambda: again) == again


def test_a_run_that_is_over_is_not_brought_back(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        once(Staging(tmp_path / "gone" / "v"), "it", AnalysedShard, lambda: RESULTS[0])
    assert not (tmp_path / "gone").exists()


def test_a_video_that_is_done_leaves_what_others_compare_with(staging: Staging) -> None:
    for name in ("plan.npz", "tracks/s.npz", "readings.npz"):
        with staging.writing(name) as path:
            path.write_bytes(b"x")
    staging.clear(but=["readings.npz"])
    assert [path.name for path in staging.root.rglob("*")] == ["readings.npz"]
    staging.clear()
    assert not staging.root.exists()
    staging.clear()
