"""A wave gives every video exactly one result, whatever dies or fails on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.core import ids
from fsp_ray.core.config import RunSettings
from fsp_ray.core.face_types import Person
from fsp_ray.core.video_types import Shard, VideoInfo
from fsp_ray.lake import SourceVideo
from fsp_ray.lake.media import LocalMedia
from fsp_ray.raydata import wave as module
from fsp_ray.raydata.wave import LOST, Wave
from fsp_ray.raydata.workers import (
    Analyser,
    Rehearser,
    Renderer,
    RunContext,
    ShardTask,
    finish_row,
    judge_row,
    plan_row,
    resolve_row,
)
from fsp_ray.stages.results import (
    AnalysedShard,
    DrawnVideo,
    Failure,
    JudgedVideo,
    PlannedVideo,
    RehearsedShard,
    RenderedShard,
    ResolvedVideo,
    VideoResult,
)

CONTEXT = RunContext("r", "/lake", "/staging", RunSettings(), b"secret")
STEPS = ("plan", "analyse", "resolve", "rehearse", "judge", "render", "finish")
"""In the order of a run; the judge comes after each rendering, too."""
SHARD_STEPS = {"analyse", "rehearse", "render"}
SHARDS, FRAMES = 3, 10


def source(name: str) -> SourceVideo:
    path = f"{name}.mp4"
    media = LocalMedia(f"/source/{path}", f"/source/{path}")
    return SourceVideo(path, ids.video_id(path), f"/source/{path}", 1, "f", "s", media)


def planned(of: SourceVideo) -> PlannedVideo:
    info = VideoInfo(
        video_id=of.video_id,
        uri=of.uri,
        width=64,
        height=48,
        time_base=Fraction(1, 25),
        frame_rate=Fraction(25),
        num_frames=SHARDS * FRAMES,
        start_pts=0,
        stop_pts=SHARDS * FRAMES,
        codec="h264",
    )
    shards = tuple(
        Shard(ids.shard_id(of.video_id, n), of.video_id, n, FRAMES * n, FRAMES * (n + 1), FRAMES)
        for n in range(SHARDS)
    )
    return PlannedVideo(of, info, shards)


class FakeRay:
    """Runs a wave's steps here. `spoilt` names (step, video, shard) and what becomes of them:
    a reason, or None for a row that a dying worker took with it; `again`, by video, the shards
    that each round sends back, from the first audit on; `unready`, the same of the rehearsals."""

    def __init__(
        self,
        spoilt: dict[tuple[str, str, int], str | None] | None = None,
        again: dict[str, Sequence[Sequence[int]]] | None = None,
        unready: dict[str, Sequence[Sequence[int]]] | None = None,
    ) -> None:
        self.again, self.unready = again or {}, unready or {}
        self.spoilt = {
            (s, ids.video_id(f"{v}.mp4"), n): w for (s, v, n), w in (spoilt or {}).items()
        }
        self.done: dict[str, list[tuple[str, int]]] = {step: [] for step in STEPS}
        self.steps: dict[Any, tuple[str, Callable[[Any], Any]]] = {
            plan_row: ("plan", planned),
            Analyser: ("analyse", self._analysed),
            resolve_row: ("resolve", self._resolved),
            Rehearser: ("rehearse", self._rehearsed),
            Renderer: ("render", self._rendered),
            judge_row: ("judge", self._judged),
            finish_row: ("finish", self._finished),
        }

    def run(self, items: Sequence[Any], work: Any, context: RunContext, **_: Any) -> Iterator[Any]:
        assert context is CONTEXT
        step, do = self.steps[work]
        for item in reversed(items):  # results come in any order
            video_id, index = _place(item)
            self.done[step].append((video_id, index))
            what = self.spoilt.get((step, video_id, index), "fine")
            if what == "fine":
                yield do(item)
            elif what is not None:
                yield Failure(video_id, what)

    @staticmethod
    def _analysed(task: ShardTask) -> AnalysedShard:
        return AnalysedShard(task.shard.shard_id, task.shard.video_id, FRAMES, 1, {"track": 0.5})

    @staticmethod
    def _resolved(item: PlannedVideo) -> ResolvedVideo:
        video = item.info.video_id
        person = Person(ids.person_id(video, 0), video, ("t",), None, None, None)
        return ResolvedVideo(video, (person,), {"resolve": 0.25})

    @staticmethod
    def _rehearsed(task: ShardTask) -> RehearsedShard:
        return RehearsedShard(task.shard.shard_id, task.shard.video_id, {"rehearse": 0.5})

    @staticmethod
    def _rendered(task: ShardTask) -> RenderedShard:
        shard = task.shard
        # Bridged faces tell the rounds apart.
        return RenderedShard(
            shard.shard_id, shard.video_id, shard.index, FRAMES, (), task.rounds, {}
        )

    def _judged(self, drawn: DrawnVideo) -> JudgedVideo:
        name = drawn.planned.source.path[0]
        again = [*self.unready.get(name, ()), (), *self.again.get(name, ())]
        assert drawn.is_rehearsed == (drawn.rounds <= len(self.unready.get(name, ())))
        drawn_shards = [] if drawn.is_rehearsed else list(range(SHARDS))
        assert sorted(shard.index for shard in drawn.rendered) == drawn_shards
        shards = again[drawn.rounds] if drawn.rounds < len(again) else ()
        sent_back = frozenset(ids.shard_id(drawn.video_id, index) for index in shards)
        return JudgedVideo(drawn.video_id, drawn.rounds + 1, sent_back, {"judge": 0.0625})

    @staticmethod
    def _finished(task: DrawnVideo) -> VideoResult:
        assert len(task.rendered) == SHARDS
        assert task.rounds > 0
        assert [p.video_id for p in task.persons] == [task.planned.info.video_id]
        drawn_in = {str(shard.index): shard.bridged_faces for shard in task.rendered}
        return VideoResult(
            task.planned.source, "published", "", {"rounds": drawn_in}, seconds={"mux": 0.125}
        )


def _place(item: Any) -> tuple[str, int]:
    if isinstance(item, ShardTask):
        return item.shard.video_id, item.shard.index
    if isinstance(item, DrawnVideo):
        return item.video_id, 0
    return (item if isinstance(item, SourceVideo) else item.source).video_id, 0


Reported = list[tuple[str, int, int]]


def _run(ray: FakeRay, names: str) -> tuple[list[VideoResult], Reported, Wave]:
    reported: Reported = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "run_tasks", ray.run)
        patch.setattr(module, "run_actors", ray.run)
        wave = Wave(CONTEXT, report=lambda *step: reported.append(step))
        sources = [source(name) for name in names]
        results = wave.run(sources, wave.plan(sources))
    return results, reported, wave


def test_when_all_goes_well_everything_is_published_in_order() -> None:
    results, reported, wave = _run(FakeRay(), "abc")
    assert [(r.source.path, r.status) for r in results] == [
        (f"{name}.mp4", "published") for name in "abc"
    ]
    steps = [("analyse", 1, FRAMES), ("rehearse", 1, 0), ("render", 1, FRAMES)]
    assert reported == [step for step in steps for _ in range(9)]
    assert wave.seconds == {
        "track": 4.5,
        "resolve": 0.75,
        "rehearse": 4.5,
        "judge": 0.375,
        "mux": 0.375,
    }


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("what", [None, "decode_error: It does not decode."])
def test_what_befalls_one_video_befalls_no_other(step: str, what: str | None) -> None:
    shard = 1 if step in SHARD_STEPS else 0
    ray = FakeRay({(step, "b", shard): what})
    results, _, _ = _run(ray, "abc")
    assert [r.status for r in results] == ["published", "failed", "published"]
    failed = results[1]
    assert failed.reason == failed.video["reason"] == (what or LOST)
    assert failed.video["status"] == "failed"
    assert failed.video["video_id"] == ids.video_id("b.mp4")
    assert (failed.persons, failed.tracks) == ((), ())
    later = STEPS[STEPS.index(step) + 1 :]
    touched = {video for name in later for video, _ in ray.done[name]}
    assert ids.video_id("b.mp4") not in touched  # no more work goes into it
    if step == "render":
        assert ray.done["judge"].count((ids.video_id("b.mp4"), 0)) == 1


def test_the_first_reason_is_the_videos() -> None:
    ray = FakeRay(
        {("analyse", "a", 2): "decode_error: first.", ("analyse", "a", 0): "empty: late."}
    )
    (result,), _, _ = _run(ray, "a")
    assert result.reason == "decode_error: first."


def test_a_reason_is_not_hidden_by_a_lost_shard() -> None:
    ray = FakeRay({("render", "a", 0): None, ("render", "a", 1): "encode_error: no space."})
    (result,), _, _ = _run(ray, "a")
    assert result.reason == "encode_error: no space."


def test_the_reason_of_a_lost_video_says_what_to_do() -> None:
    assert LOST.startswith("worker_error: ")
    assert "Run again" in LOST


def test_no_video_is_a_wave_too() -> None:
    assert _run(FakeRay(), "")[0] == []


fates = st.dictionaries(
    st.tuples(st.sampled_from(STEPS), st.sampled_from("abcd"), st.integers(0, SHARDS - 1)),
    st.sampled_from([None, "unsupported: A codec."]),
    max_size=8,
)


@given(fates)
def test_every_video_has_one_result_whatever_dies(
    spoilt: dict[tuple[str, str, int], str | None],
) -> None:
    results, reported, _ = _run(FakeRay(spoilt), "abcd")
    assert [r.source.path for r in results] == [f"{name}.mp4" for name in "abcd"]
    hit = {video for step, video, n in spoilt if step in SHARD_STEPS or n == 0}
    for name, result in zip("abcd", results, strict=True):
        assert result.status == ("failed" if name in hit else "published")
        assert bool(result.reason) == (name in hit)
    for phase in ("analyse", "render"):
        frames = sum(f for p, _, f in reported if p == phase)
        assert FRAMES * SHARDS * (4 - len(hit)) <= frames <= FRAMES * SHARDS * 4


def test_what_the_audit_sends_back_is_drawn_again_and_nothing_else() -> None:
    ray = FakeRay(again={"b": [[1], [0, 1]]})
    results, reported, _ = _run(ray, "abc")
    assert [r.status for r in results] == ["published"] * 3
    assert results[0].video["rounds"] == {"0": 1, "1": 1, "2": 1}
    assert results[1].video["rounds"] == {"0": 3, "1": 3, "2": 1}
    of_b = [index for video, index in ray.done["render"] if video == ids.video_id("b.mp4")]
    assert sorted(of_b) == [0, 0, 1, 1, 1, 2]
    assert len(ray.done["judge"]) == 3 + 3 + 1 + 1
    assert len(ray.done["finish"]) == 3
    assert reported.count(("render", 1, FRAMES)) == 9  # frames are counted once


def test_what_a_rehearsal_changes_is_rehearsed_again_and_all_of_it_rendered_once() -> None:
    ray = FakeRay(unready={"b": [[1], [0, 1]]})
    results, reported, _ = _run(ray, "ab")
    assert results[0].video["rounds"] == {"0": 1, "1": 1, "2": 1}
    assert results[1].video["rounds"] == {"0": 3, "1": 3, "2": 3}
    of_b = [index for video, index in ray.done["rehearse"] if video == ids.video_id("b.mp4")]
    assert sorted(of_b) == [0, 0, 1, 1, 1, 2]
    assert len(ray.done["render"]) == 2 * SHARDS
    assert len(ray.done["judge"]) == 2 * 2 + 2
    assert reported.count(("rehearse", 1, 0)) == reported.count(("render", 1, FRAMES)) == 6


class DeadlyRay(FakeRay):
    """Loses one shard, or one judgement, in the second round of rehearsals or of renderings."""

    def __init__(self, step: str, rounds: int) -> None:
        super().__init__(again={"b": [[1]]}, unready={"b": [[2]]})
        self.step, self.rounds = step, rounds

    def run(self, items: Sequence[Any], work: Any, context: RunContext, **_: Any) -> Iterator[Any]:
        step, do = self.steps[work]
        for item in items:
            self.done[step].append(_place(item))
            lost = (ids.video_id("b.mp4"), self.step, self.rounds)
            if (_place(item)[0], step, getattr(item, "rounds", 0)) != lost:
                yield do(item)


@pytest.mark.parametrize(
    ("step", "rounds"), [("rehearse", 1), ("judge", 1), ("render", 3), ("judge", 3)]
)
def test_a_worker_lost_in_a_later_round_fails_its_video_alone(step: str, rounds: int) -> None:
    ray = DeadlyRay(step, rounds)
    results, _, _ = _run(ray, "abc")
    assert [r.status for r in results] == ["published", "failed", "published"]
    assert results[1].reason == LOST
    assert ids.video_id("b.mp4") not in {video for video, _ in ray.done["finish"]}


def test_long_shards_are_begun_first() -> None:
    small, large = planned(source("a")), planned(source("b"))
    wide = PlannedVideo(
        large.source,
        VideoInfo(**{f: getattr(large.info, f) for f in large.info.__slots__} | {"width": 640}),
        large.shards,
    )
    tasks = module._shard_tasks([small, wide])
    assert [task.info.width for task in tasks] == [640] * SHARDS + [64] * SHARDS
