"""AUDIT sees what shows in the encoded segment, wherever analysis saw a face or did not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fsp_ray.audit import Leak, patch
from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.face_types import F32, U8, SourceFace, SyntheticFace
from fsp_ray.stages.audit_findings import (
    ShardFindings,
    findings_name,
    load_findings,
)
from fsp_ray.stages.audit_looks import MAX_LOOKS, choose_looks
from fsp_ray.stages.judgements import Judgement, save_judgement
from fsp_ray.stages.render_shard import render_shard
from fsp_ray.stages.shard_plan import load_shard_plan
from fsp_ray.stages.staging import segment_name
from tests.fakes.audits import BoxDetector, ColourEmbedder, FakeModels, MeanLandmarker, audit
from tests.fakes.media import Clip
from tests.fakes.shards import PaintSwapper, Staged, meshed_track, stage_clip

BOX = (120.0, 20.0, 170.0, 80.0)
"""Of a face in every frame that no track knows of."""


class IdleSwapper:
    """Says that it has put a face on, and has not."""

    def session(self, face: SyntheticFace, source: SourceFace) -> IdleSwapper:
        return self

    def apply(self, rgb: U8, points: F32) -> None:
        pass


@pytest.fixture
def clip(tmp_path: Path) -> Staged:
    return stage_clip(tmp_path)


def _findings(clip: Staged, models: FakeModels | None = None, *, rounds: int = 0) -> ShardFindings:
    audit(clip, models, rounds=rounds)
    shard = clip.planned.shards[0]
    return load_findings(clip.staging.reading(findings_name(shard.shard_id)))


def _one_person(clip: Staged, swapper: object = None) -> None:
    track = meshed_track("t", clip.pts, (60, 60, 50), presence=[1] * 40 + [0] * 8)
    clip.tracks([track])
    clip.plan({"t": "p"})
    clip.render(swapper or PaintSwapper())  # type: ignore[arg-type]


def test_a_painted_face_does_not_leak_and_is_looked_at(clip: Staged) -> None:
    _one_person(clip)
    found = _findings(clip)
    assert found.persons == ("p",)
    assert (found.frames, found.swapped, found.leaked) == ((48,), (40,), (0,))
    assert found.leaks == ()
    assert 3 <= len(found.looks) <= MAX_LOOKS
    assert (found.looks.person == 0).all()
    assert not found.looks.found.any()  # paint is no face
    distance = 1 - (found.looks.source * found.looks.published).sum(axis=1)
    assert distance.mean() > 0.3


def test_a_swapper_that_does_nothing_leaks_in_every_frame(clip: Staged) -> None:
    _one_person(clip, IdleSwapper())
    found = _findings(clip, FakeModels(landmarker=MeanLandmarker(presence=0)))
    assert found.leaked == (40,)
    assert {leak.pts for leak in found.leaks} == set(clip.pts[:40])
    assert {leak.person_id for leak in found.leaks} == {"p"}
    distance = 1 - (found.looks.source * found.looks.published).sum(axis=1)
    assert distance.mean() < 0.1


@pytest.mark.parametrize("detector", ["detector", "recall_detector"])
def test_a_face_that_analysis_missed_is_found_and_covered_all_along(
    clip: Staged, detector: str
) -> None:
    clip.tracks([])
    clip.plan({})
    clip.render(PaintSwapper())
    models = FakeModels()
    getattr(models, detector).boxes = lambda rgb: [BOX] if rgb.shape == (128, 192, 3) else []
    found = _findings(clip, models)
    assert found.leaks != ()
    assert {leak.person_id for leak in found.leaks} == {None}
    if detector == "recall_detector":  # asked in every frame that is searched
        spans = [pts for leak in found.leaks for pts in range(leak.first_pts, leak.last_pts + 1)]
        assert set(clip.pts) <= set(spans)


def test_a_face_is_covered_on_its_way_between_two_frames_that_were_searched(clip: Staged) -> None:
    clip.tracks([])
    clip.plan({})
    clip.render(PaintSwapper())
    start, stop = (20.0, 20.0, 70.0, 80.0), (80.0, 30.0, 130.0, 90.0)
    nobody: list[tuple[float, float, float, float]] = []
    places = iter([nobody, [start], [stop], nobody, nobody])  # in frames 0, 2, 17, 32, 47
    leaks = _findings(clip, FakeModels(detector=BoxDetector(lambda rgb: next(places)))).leaks
    way = [leak for leak in leaks if leak.xyxy == (20.0, 20.0, 130.0, 90.0)]
    assert {(leak.first_pts, leak.last_pts) for leak in way} == {(clip.pts[3], clip.pts[16])}


def test_a_face_in_a_tile_of_the_frame_alone_is_found(clip: Staged) -> None:
    """At the second scale, boxes are those of a part of the frame, and are brought back."""
    clip.tracks([])
    clip.plan({})
    clip.render(PaintSwapper())
    tile = (77, 115, 3)  # .6 of the frame, lower right: 77 from the left, 51 from the top
    models = FakeModels(recall_detector=BoxDetector(_lower_right(tile)))
    (leak, *_) = _findings(clip, models).leaks
    assert leak.xyxy == (20.0 + 77, 10.0 + 51, 60.0 + 77, 60.0 + 51)


def _lower_right(shape: tuple[int, ...]):  # type: ignore[no-untyped-def]
    calls: list[int] = []

    def boxes(rgb: U8) -> list[tuple[float, float, float, float]]:
        if rgb.shape != shape:
            return []
        calls.append(1)
        return [(20, 10, 60, 60)] if len(calls) % 4 == 0 else []

    return boxes


@pytest.mark.parametrize(("score", "presence", "leaks"), [(0.85, 0, True), (0.6, 0, False)])
def test_a_doubtful_detection_needs_a_mesh(
    clip: Staged, score: float, presence: float, leaks: bool
) -> None:
    clip.tracks([])
    clip.plan({})
    clip.render(PaintSwapper())
    models = FakeModels(
        recall_detector=BoxDetector(lambda rgb: [BOX][: rgb.shape[0] // 128], score)
    )
    models.landmarker.presence = presence
    assert bool(_findings(clip, models).leaks) is leaks
    models.second_detector.boxes = models.recall_detector.boxes
    assert _findings(clip, models).leaks != ()  # or another net


def test_the_frames_searched_are_spread_and_not_those_of_the_analysis(clip: Staged) -> None:
    clip.tracks([meshed_track("t", clip.pts[11:21], (60, 60, 50))])
    clip.plan({"t": "p"})
    clip.render(PaintSwapper())
    searched = [clip.pts.index(pts) for pts in _findings(clip).faces.checked]
    assert {0, 47} <= set(searched)  # of a shot
    assert {10, 21} <= set(searched)  # just outside of a track
    strided = set(searched) - {0, 47, 10, 21}
    assert strided == {2, 17, 32}
    assert not any(frame % clip.settings.detect_every == 0 for frame in strided)


def test_a_patch_stops_the_leak_and_no_frame_is_searched_twice(clip: Staged) -> None:
    clip.tracks([])
    clip.plan({})
    clip.render(PaintSwapper())
    detector = BoxDetector(lambda rgb: [BOX])
    models = FakeModels(detector=detector)
    leaks = _findings(clip, models).leaks
    assert detector.calls < len(clip.pts)
    save_judgement(clip.staging, 1, Judgement(patches=patch(leaks, []).patches))
    shard = clip.planned.shards[0]
    media, info = clip.planned.source.media, clip.planned.info
    render_shard(
        media, info, shard, clip.staging, settings=clip.settings, swapper=PaintSwapper(), rounds=1
    )
    again = _findings(clip, models, rounds=1)
    assert again.leaks == ()
    assert again.faces.checked.tolist() == clip.pts  # all that was patched, frame by frame
    assert len(again.faces.pts) == detector.calls == len(clip.pts)
    save_judgement(clip.staging, 2, Judgement(patches=patch(leaks, []).patches))
    assert _findings(clip, models, rounds=2).faces.checked.tolist() == clip.pts
    assert detector.calls == len(clip.pts)


def test_a_covered_person_is_not_looked_at_but_compared(clip: Staged) -> None:
    _one_person(clip)
    save_judgement(clip.staging, 1, Judgement(covered=frozenset({"p"})))
    found = _findings(clip, rounds=1)
    assert found.swapped == (0,)
    assert len(found.looks) == 0
    assert found.frames == (48,)


def test_a_segment_of_another_shard_is_not_audited(tmp_path: Path) -> None:
    clip = stage_clip(tmp_path, settings=RunSettings(preset="ultrafast", shard_frames=12))
    for index in range(4):
        clip.tracks([], index)
    clip.plan({})
    for index in range(2):
        clip.render(PaintSwapper(), index)
    paths = [clip.staging.reading(segment_name(clip.planned.shards[i].shard_id)) for i in (0, 1)]
    paths[1].replace(paths[0])
    with pytest.raises(VideoError) as caught:
        audit(clip)
    assert caught.value.reason == FailureReason.VERIFY


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_turned_and_odd_frames_are_compared_upright(tmp_path: Path, rotation: int) -> None:
    odd = Clip(width=191, height=127, pix_fmt="yuv444p", rotation=rotation)
    clip = stage_clip(tmp_path, odd)
    clip.tracks([])
    clip.plan({})
    clip.render(PaintSwapper())
    seen: list[tuple[int, ...]] = []

    def everywhere(rgb: U8) -> list[tuple[float, float, float, float]]:
        seen.append(rgb.shape)
        return [(30, 30, 90, 90)]

    found = _findings(clip, FakeModels(recall_detector=BoxDetector(everywhere)))
    assert len(found.leaks) >= len(found.faces.checked)  # nothing was drawn: all of it shows
    tall = rotation in {90, 270}
    assert ((191, 127, 3) if tall else (127, 191, 3)) in seen


def test_looks_are_few_and_hold_the_extremes(clip: Staged) -> None:
    track = meshed_track("t", clip.pts, (60, 60, 50))
    track.points[30] = meshed_track("t", clip.pts, (60, 60, 70)).points[30]  # comes near
    clip.tracks([track])
    clip.plan({"t": "p"})
    (planned,) = load_shard_plan(clip.planned.shards[0], clip.staging, rounds=0).tracks
    looks = choose_looks(planned)
    assert len(looks) == 7
    assert list(looks) == sorted(set(looks))
    assert any(abs(entry - 30) <= 2 for entry in looks)


def test_an_auditor_sees_the_same_person_where_it_says_so(clip: Staged) -> None:
    _one_person(clip)
    models = FakeModels(auditor=ColourEmbedder(always=True))
    looks = _findings(clip, models).looks
    assert np.allclose(looks.source, looks.published)


def test_leaks_lie_in_their_spans() -> None:
    with pytest.raises(ValueError, match="span"):
        Leak(10, 11, 12, BOX)
