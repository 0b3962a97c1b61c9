"""RENDER fails closed: every face of every track is swapped or covered, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from fsp_ray.audit import Patch
from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.face_types import Track
from fsp_ray.faces import SWAP, box_from_points, replacement_modes, smooth_track
from fsp_ray.stages.bridges import Bridge
from fsp_ray.stages.judgements import Judgement, save_judgement
from fsp_ray.stages.results import RenderedShard, TrackCounts
from fsp_ray.stages.staging import PLAN_NAME, segment_name, tracks_name
from tests.fakes.media import Clip
from tests.fakes.shards import (
    PaintSwapper,
    Staged,
    colour_of,
    inside,
    mesh_at,
    meshed_track,
    pictures,
    stage_clip,
)

Pictures = npt.NDArray[np.int16]

# Mean over a region of |after - before|. Encoding alone gives under 2 on these clips, the
# weakest cover over 10.
UNTOUCHED, DRAWN = 4.0, 7.0
FOUR_SHARDS = RunSettings(crf=1, preset="ultrafast", shard_frames=12)


@pytest.fixture(scope="module")
def planned_clip(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    return stage_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture
def clip(planned_clip: Staged, tmp_path: Path) -> Staged:
    """The one clip, with staging of the test's own."""
    return Staged(planned_clip.planned, type(planned_clip.staging)(tmp_path), planned_clip.settings)


@pytest.fixture(scope="module")
def before(planned_clip: Staged) -> Pictures:
    return pictures(Path(planned_clip.planned.source.uri))


def _after(clip: Staged, shard: RenderedShard) -> Pictures:
    return pictures(clip.staging.reading(segment_name(shard.shard_id)))


def _changes(clip: Staged, before: Pictures, after: Pictures, track: Track) -> Iterator[float]:
    """Yield the mean difference within the box of every entry that shows in the frame."""
    for pts, xyxy in zip(track.pts, smooth_track(track).xyxy, strict=True):
        frame = clip.pts.index(pts)
        x1, y1, x2, y2 = inside(xyxy, before.shape[1:])
        if x2 - x1 > 4 and y2 - y1 > 4:
            box = np.s_[frame, y1:y2, x1:x2]
            yield float(np.abs(after[box] - before[box]).mean())


def _random_tracks(clip: Staged, rng: np.random.Generator) -> list[Track]:
    tracks: list[Track] = []
    for number in range(rng.integers(1, 4)):
        start = int(rng.integers(0, 40))
        stop = int(rng.integers(start + 1, 49))
        presence = rng.choice([1.0, 0.3, 0.0], stop - start, p=[0.8, 0.1, 0.1])
        tracks.append(
            meshed_track(
                f"t{number}",
                clip.pts[start:stop],
                (float(rng.uniform(0, 192)), float(rng.uniform(0, 128)), rng.uniform(9, 80)),
                speed=(float(rng.uniform(-2, 2)), float(rng.uniform(-1, 1))),
                presence=presence,
            )
        )
    return tracks


@pytest.mark.parametrize("seed", range(10))
def test_every_face_of_every_track_is_swapped_or_covered(
    clip: Staged, before: Pictures, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    tracks = _random_tracks(clip, rng)
    owners = {track.track_id: f"p{rng.integers(0, 2)}" for track in tracks}
    clip.tracks(tracks)
    clip.plan(owners, faceless=["p1"] if rng.random() < 0.5 else [])
    swapper = PaintSwapper(refuses=lambda: rng.random() < 0.3)
    shard = clip.render(swapper)
    after = _after(clip, shard)
    assert shard.num_frames == len(after) == len(before)
    assert [counts.track_id for counts in shard.tracks] == [track.track_id for track in tracks]
    for counts, track in zip(shard.tracks, tracks, strict=True):
        assert counts.num_frames == len(track)
        assert counts.swapped_frames + counts.covered_frames == len(track)
        assert min(_changes(clip, before, after, track), default=DRAWN) >= DRAWN
    assert sum(counts.swapped_frames for counts in shard.tracks) == swapper.applied


def test_a_face_that_can_be_swapped_is_and_the_rest_of_the_frame_is_left(
    clip: Staged, before: Pictures
) -> None:
    track = meshed_track("t", clip.pts[10:30], (60, 60, 40), speed=(2, 0))
    clip.tracks([track])
    clip.plan({"t": "p"})
    shard = clip.render(PaintSwapper())
    (counts,) = shard.tracks
    assert (counts.swapped_frames, counts.covered_frames) == (20, 0)
    assert (counts.person_id, counts.start_pts, counts.last_pts) == (
        "p",
        clip.pts[10],
        clip.pts[29],
    )
    after = _after(clip, shard)
    for frame, xyxy in zip(range(10, 30), track.xyxy, strict=True):
        x1, y1, x2, y2 = inside(xyxy, after.shape[1:])
        middle = after[frame, y1 + 4 : y2 - 4, x1 + 4 : x2 - 4].reshape(-1, 3)
        assert np.abs(middle - colour_of("p")).max() <= 12
        elsewhere = np.ones(after.shape[1:3], np.bool_)
        elsewhere[max(y1 - 4, 0) : y2 + 4, max(x1 - 4, 0) : x2 + 4] = False
        assert np.abs(after[frame] - before[frame])[elsewhere].mean() < UNTOUCHED
    assert np.abs(after - before)[[*range(10), *range(30, 48)]].mean(axis=(1, 2, 3)).max() < (
        UNTOUCHED
    )


def test_frames_without_a_face_are_the_sources(clip: Staged, before: Pictures) -> None:
    clip.tracks([])
    clip.plan({})
    shard = clip.render(PaintSwapper())
    assert shard.tracks == ()
    assert shard.bridged_faces == 0
    difference = np.abs(_after(clip, shard) - before)
    # Averaged over tiles, so that nothing small was drawn anywhere either.
    tiles = difference.reshape(48, 16, 8, 24, 8, 3).mean(axis=(2, 4, 5))
    assert tiles.max() < 3 * UNTOUCHED
    assert tiles.mean() < UNTOUCHED / 2


def test_a_mesh_that_the_swapper_refuses_is_covered_and_counted(
    clip: Staged, before: Pictures
) -> None:
    rng = np.random.default_rng(5)
    track = meshed_track("t", clip.pts, (90, 60, 50))
    clip.tracks([track])
    clip.plan({"t": "p"})
    swapper = PaintSwapper(refuses=lambda: rng.random() < 0.4)
    shard = clip.render(swapper)
    (counts,) = shard.tracks
    assert 0 < swapper.refused == counts.covered_frames
    assert swapper.applied == counts.swapped_frames == 48 - swapper.refused
    assert min(_changes(clip, before, _after(clip, shard), track)) >= DRAWN


@pytest.mark.parametrize("faceless", [["p", "q"], ["p"]])
def test_a_person_without_a_face_is_covered_and_others_are_not(
    clip: Staged, before: Pictures, faceless: list[str]
) -> None:
    tracks = [
        meshed_track("a", clip.pts, (50, 60, 40)),
        meshed_track("b", clip.pts, (140, 60, 40)),
    ]
    clip.tracks(tracks)
    clip.plan({"a": "p", "b": "q"}, faceless=faceless)
    swapper = PaintSwapper()
    shard = clip.render(swapper)
    assert swapper.persons == [p for p in ("p", "q") if p not in faceless]
    covered = {counts.person_id: counts.covered_frames for counts in shard.tracks}
    assert covered == {p: 48 if p in faceless else 0 for p in ("p", "q")}
    after = _after(clip, shard)
    assert min(change for t in tracks for change in _changes(clip, before, after, t)) >= DRAWN


def test_entries_without_a_mesh_are_covered_by_their_box(clip: Staged, before: Pictures) -> None:
    presence = [1.0] * 20 + [0.0] * 8 + [1.0] * 20
    track = meshed_track("t", clip.pts, (90, 60, 50), presence=presence)
    clip.tracks([track])
    clip.plan({"t": "p"})
    shard = clip.render(PaintSwapper())
    (counts,) = shard.tracks
    assert (counts.swapped_frames, counts.covered_frames) == (40, 8)
    assert counts.interpolated_frames == 8
    assert counts.mean_det_score == pytest.approx(0.9)
    assert min(_changes(clip, before, _after(clip, shard), track)) >= DRAWN


def test_the_modes_decide_where_a_swap_is_safe(clip: Staged) -> None:
    """A face too small to be swapped is covered although it has a mesh and a synthetic face."""
    track = meshed_track("t", clip.pts, (90, 60, 12))
    assert not (replacement_modes(track) == SWAP).any()
    clip.tracks([track])
    clip.plan({"t": "p"})
    swapper = PaintSwapper()
    (counts,) = clip.render(swapper).tracks
    assert (swapper.applied, counts.covered_frames) == (0, 48)


@pytest.mark.parametrize("small_first", [True, False])
def test_the_near_head_hides_the_far_one(clip: Staged, small_first: bool) -> None:
    tracks = [
        meshed_track("small", clip.pts, (90, 60, 30)),
        meshed_track("large", clip.pts, (100, 64, 70)),
    ]
    clip.tracks(tracks if small_first else tracks[::-1])
    clip.plan({"small": "p", "large": "q"})
    shard = clip.render(PaintSwapper())
    assert [counts.covered_frames for counts in shard.tracks] == [0, 0]
    after = _after(clip, shard)[:, 56:64, 86:94].reshape(-1, 3)
    assert np.abs(after - colour_of("q")).max() <= 12


@pytest.fixture
def cut_clip(tmp_path: Path) -> Staged:
    clip = stage_clip(tmp_path, Clip(width=192, height=128, gop=12), settings=FOUR_SHARDS)
    assert [shard.num_frames for shard in clip.planned.shards] == [12, 12, 12, 12]
    return clip


def test_gaps_at_shard_borders_are_covered(cut_clip: Staged) -> None:
    clip, before = cut_clip, pictures(Path(cut_clip.planned.source.uri))
    a = meshed_track("a", clip.pts[:10], (60, 60, 40))
    b = meshed_track("b", clip.pts[15:24], (70, 64, 40))
    clip.tracks([a], 0)
    clip.tracks([b], 1)
    clip.tracks([], 2)
    ends = [tuple(float(v) for v in box) for box in (a.xyxy[-1], b.xyxy[0])]
    bridge = Bridge(clip.pts[9], clip.pts[15], *ends)  # type: ignore[arg-type]
    clip.plan({"a": "p", "b": "p"}, bridges={"p": [bridge]})
    shards = [clip.render(PaintSwapper(), index) for index in range(3)]
    assert [shard.bridged_faces for shard in shards] == [2, 3, 0]
    after = np.concatenate([_after(clip, shard) for shard in shards])
    for frame in range(9, 16):
        box = bridge.box(clip.pts[frame])
        x1, y1, x2, y2 = inside(a.xyxy[-1] if box is None else box, after.shape[1:])
        region = np.s_[frame, y1:y2, x1:x2]
        assert np.abs(after[region] - before[region]).mean() >= DRAWN
    assert np.abs(after[24:36] - before[24:36]).mean() < UNTOUCHED


def test_a_bridge_never_hides_a_swapped_face(cut_clip: Staged) -> None:
    """Another track in the frames of a gap is drawn over the cover, not under it."""
    clip = cut_clip
    clip.tracks([meshed_track("other", clip.pts[:12], (60, 60, 40))], 0)
    bridge = Bridge(clip.pts[0], clip.pts[11], (40, 40, 80, 80), (40, 40, 80, 80))
    clip.plan({"other": "q", "a": "p"}, bridges={"p": [bridge]})
    shard = clip.render(PaintSwapper())
    assert shard.bridged_faces == 10
    middle = _after(clip, shard)[:, 55:65, 55:65].reshape(-1, 3)
    assert np.abs(middle - colour_of("q")).max() <= 12


@pytest.mark.parametrize("missing", ["tracks", "plan"])
def test_a_missing_staged_file_is_the_videos_error(clip: Staged, missing: str) -> None:
    shard_id = clip.planned.shards[0].shard_id
    clip.tracks([meshed_track("t", clip.pts, (90, 60, 40))])
    clip.plan({"t": "p"})
    clip.staging.reading(PLAN_NAME if missing == "plan" else tracks_name(shard_id)).unlink()
    with pytest.raises(VideoError, match="missing") as caught:
        clip.render(PaintSwapper())
    assert caught.value.reason == FailureReason.WORKER
    assert not (clip.staging.root / segment_name(shard_id)).exists()


def test_a_track_that_the_plan_does_not_know_is_not_rendered(clip: Staged) -> None:
    clip.tracks([meshed_track("t", clip.pts, (90, 60, 40))])
    clip.plan({"another": "p"})
    with pytest.raises((KeyError, VideoError)):
        clip.render(PaintSwapper())
    assert not list(clip.staging.root.rglob("*.mkv"))


def test_a_track_with_entries_between_the_frames_is_an_error(clip: Staged) -> None:
    """Its face would show in frames that nobody drew on."""
    clip.tracks([meshed_track("t", [pts + 1 for pts in clip.pts], (90, 60, 40))])
    clip.plan({"t": "p"})
    with pytest.raises(ValueError, match="neither swapped nor covered"):
        clip.render(PaintSwapper())


def test_a_swapper_that_breaks_leaves_no_segment(clip: Staged) -> None:
    def breaks() -> bool:
        raise RuntimeError("out of memory")

    clip.tracks([meshed_track("t", clip.pts, (90, 60, 40))])
    clip.plan({"t": "p"})
    with pytest.raises(RuntimeError, match="out of memory"):
        clip.render(PaintSwapper(refuses=breaks))
    assert not list((clip.staging.root / "segments").iterdir())


def test_counts_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="neither swapped nor covered"):
        TrackCounts("t", "p", 0, 9, 10, 5, 4, 0, 0.9, 40.0)


FACE, FAR = (60.0, 60.0, 50.0), (75.0, 20.0, 125.0, 75.0)


def _patched(clip: Staged, patch: Patch) -> Pictures:
    clip.tracks([meshed_track("t", clip.pts, FACE)])
    clip.plan({"t": "p"})
    save_judgement(clip.staging, 1, Judgement(patches=(patch,)))
    return _after(clip, clip.render(PaintSwapper(), rounds=1))


def _synthetic(after: Pictures) -> float:
    """Return which share of the face is as it was painted."""
    x1, y1, x2, y2 = inside(box_from_points(mesh_at(*FACE)[None])[0], after.shape[1:])
    face = after[:, y1 + 3 : y2 - 3, x1 + 3 : x2 - 3]
    return float((np.abs(face - colour_of("p")).max(axis=3) <= 12).mean())


def test_a_patch_for_somebody_behind_does_not_hide_the_synthetic_face(clip: Staged) -> None:
    after = _patched(clip, Patch(clip.pts[0], clip.pts[-1], FAR))
    assert _synthetic(after) > 0.98


def test_a_patch_for_the_face_itself_and_a_solid_one_hide_it(clip: Staged) -> None:
    x1, y1, x2, y2 = (float(v) for v in box_from_points(mesh_at(*FACE)[None])[0])
    assert _synthetic(_patched(clip, Patch(clip.pts[0], clip.pts[-1], (x1, y1, x2, y2)))) < 0.1
    assert _synthetic(_patched(clip, Patch(clip.pts[0], clip.pts[-1], FAR, solid=True))) < 0.9


def test_a_mesh_that_is_refused_is_covered_whole_whoever_stands_before_it(clip: Staged) -> None:
    """Who is in front is said by the meshes, and this one's can't be believed."""
    near = meshed_track("near", clip.pts, (130, 60, 90))
    far = meshed_track("far", clip.pts, (80, 60, 30))
    clip.tracks([near, far])
    clip.plan({"near": "p", "far": "q"})
    before = pictures(Path(clip.planned.source.uri))
    after = _after(clip, clip.render(PaintSwapper(refuses=lambda: True)))
    assert min(_changes(clip, before, after, far)) >= DRAWN
    assert min(_changes(clip, before, after, near)) >= DRAWN
