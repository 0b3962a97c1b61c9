"""Clips, frame by frame: leaks, movement, and who is who."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fsp_ray.audit.evaluation import Clip, Evaluation, as_markdown, evaluate_clips
from fsp_ray.audit.evaluation.clips import ClipReader, ClipReading, Exposure, Look
from fsp_ray.audit.evaluation.encoded import encoded_again
from fsp_ray.audit.evaluation.movement import Trail, moving
from fsp_ray.audit.evaluation.persons import cast_of
from fsp_ray.audit.evaluation.portraits import Panel, Reading
from fsp_ray.audit.evaluation.reference import Reference
from fsp_ray.cli.main import run
from fsp_ray.core.config import RunSettings, VideoLimits
from fsp_ray.core.errors import VideoError
from fsp_ray.lake import LocalMedia
from fsp_ray.video import SegmentWriter, decode, mux, probe
from tests.fakes.faces import make_track
from tests.fakes.samples import carphone

FRAMES = 32


def _media(path: Path) -> LocalMedia:
    return LocalMedia(str(path), path.name)


def _cut(out: Path, frames: int, change: Callable | None = None) -> LocalMedia:
    """Write the first frames of a sample, each changed in place."""
    import dataclasses

    media = _media(carphone())
    info = probe(media, video_id="x", limits=VideoLimits())
    batch = next(decode(media, info, batch_frames=frames))
    for rgb in batch.rgb:
        if change:
            change(rgb)
    info = dataclasses.replace(info, num_frames=frames)
    segment = out.with_suffix(".mkv")
    with SegmentWriter(segment, info, crf=18, preset="veryfast") as writer:
        writer.write(batch)
    mux([segment], media, info, out, audio="drop")
    segment.unlink()
    return _media(out)


def _nobody(models) -> Reference:
    vectors = {"matcher": np.empty((0, models.matcher.dimensions), np.float32)}
    return Reference.of(vectors, np.empty(0, np.bool_), {"matcher": models.matcher})


def test_a_clip_under_all_conditions(tmp_path: Path, models) -> None:
    source = _cut(tmp_path / "source.mp4", FRAMES)
    same = _cut(tmp_path / "same.mp4", FRAMES)
    grey = _cut(tmp_path / "grey.mp4", FRAMES, lambda rgb: rgb.fill(128))
    lines: list[str] = []
    found = evaluate_clips(
        [Clip(source, {"encoded": same, "grey": grey})],
        models=models,
        recognisers={"matcher": models.matcher},
        reference=_nobody(models),
        settings=RunSettings(detect_every=5),
        tell=lines.append,
    )
    assert (found.clips, found.frames, found.persons) == (1, FRAMES, 1)
    assert found.looks == 4
    under = {one.condition: one for one in found.conditions}
    assert list(under) == ["unchanged", "cover", "blur", "encoded", "grey"]
    for name in ("unchanged", "encoded"):
        assert under[name].leaked.n >= FRAMES
        assert under[name].leaked.share == 1
    assert under["encoded"].unchanged.share == 1
    for name in ("cover", "blur", "grey"):
        assert under[name].leaked.hits == 0
        assert under[name].unchanged.hits == 0
    encoded = under["encoded"].moving
    assert encoded is not None
    assert encoded.found.share == 1
    assert encoded.jitter_ratio.median == pytest.approx(1, abs=0.3)
    assert encoded.mouth.tracks == encoded.eyes.tracks == 1
    assert under["grey"].moving is not None
    assert under["grey"].moving.jitter_ratio.n == 0
    same_frame, other_frame = under["unchanged"].reidentified
    assert same_frame.all.mean_similarity == pytest.approx(1, abs=1e-4)
    assert 0.6 < (other_frame.all.mean_similarity or 0) < 0.999
    assert same_frame.all.matched["0.01"].n == 0  # without a reference nothing counts as matched
    assert lines
    text = as_markdown(Evaluation({}, {}, 0.0, clips=found))
    assert "1 clips, 32 frames, 1 persons, 4 looks" in text
    assert text.count("\n### ") == 7


def test_the_ceiling_is_the_source_encoded_as_a_run_would(tmp_path: Path, models) -> None:
    source, same = _cut(tmp_path / "source.mp4", 10), tmp_path / "same.mp4"
    info = probe(source, video_id="x", limits=VideoLimits())
    with encoded_again(source, info, RunSettings(), batch_frames=8) as again:
        same.write_bytes(again.open().read())
    assert again.local_path is not None
    assert not again.local_path.parent.exists()
    reader = ClipReader(Panel(models, {}), models, drawn={}, settings=RunSettings())
    (trail,) = reader.read(Clip(source, {"same": _media(same)})).trails["same"].values()
    assert len(trail.pts) == 10
    assert np.array_equal(trail.after, trail.again)
    assert not np.array_equal(trail.before, trail.again)


@pytest.mark.ray
def test_the_command_publishes_and_judges(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    _cut(folder / "somebody.mp4", 24)
    (folder / "broken.mp4").write_bytes(b"no video")
    code = run(["evaluate", "--clips", str(folder), "--json"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    answer = json.loads(captured.out)
    assert answer["clips"]["clips"] == 1
    published = answer["clips"]["conditions"][-1]
    assert published["condition"] == "synthetic"
    assert published["leaked"]["n"] >= 24
    assert published["leaked"]["hits"] == published["unchanged"]["hits"] == 0
    assert "broken.mp4" in captured.err
    assert "somebody" not in captured.out
    assert answer["notes"]


def test_other_frames_are_refused(tmp_path: Path, models) -> None:
    short = Clip(_cut(tmp_path / "a.mp4", 12), {"published": _cut(tmp_path / "b.mp4", 9)})
    with pytest.raises(VideoError, match="has other frames"):
        evaluate_clips(
            [short],
            models=models,
            recognisers={"matcher": models.matcher},
            reference=_nobody(models),
            settings=RunSettings(detect_every=5),
            tell=lambda line: None,
        )


def _trail(change: Callable = lambda points: points, frames: int = 40, swing: float = 8) -> Trail:
    """A mouth that opens by `swing` pixels, of which encoding alone moves some tenths."""
    rng = np.random.default_rng(0)
    mesh = rng.uniform(0, 100, (468, 3)).astype(np.float32)
    mesh[33], mesh[263] = (0, 50, 0), (100, 50, 0)
    mesh[78], mesh[308] = (30, 70, 0), (70, 70, 0)
    before = np.repeat(mesh[None], frames, axis=0)
    gap = 20 + swing * np.sin(np.arange(frames) / 3)
    for top, bottom in ((13, 14), (82, 87), (312, 317)):
        before[:, top], before[:, bottom] = (50, 70, 0), (50, 70, 0)
        before[:, bottom, 1] += gap
    before[:, :, 0] += rng.normal(0, 0.3, (frames, 1))
    after, again = change(before.copy()), before + rng.normal(0, 0.5, before.shape)
    again = again.astype(np.float32)
    return Trail(list(range(frames)), list(before), list(after), list(again), [True] * frames)


ALL = frozenset(range(40))


def test_movement_that_is_kept() -> None:
    kept = moving([(_trail(), ALL)])
    assert kept.jitter_ratio.median == pytest.approx(1)
    assert kept.mouth.own.median == pytest.approx(1)
    assert 0.95 < (kept.mouth.ceiling.median or 0) < 1
    assert (kept.mouth.tracks, kept.mouth.own.n, kept.mouth.ceiling.n) == (1, 1, 1)
    assert kept.found.n == 40


def test_only_what_stands_out_of_the_noise_is_judged() -> None:
    kept = moving([(_trail(swing=8), ALL), (_trail(swing=0.3), ALL)])
    assert (kept.mouth.tracks, kept.mouth.own.n) == (2, 1)
    assert (kept.eyes.tracks, kept.eyes.own.n) == (2, 0)  # eyes do not move at all
    assert kept.eyes.ceiling.median is None


def test_movement_that_is_lost() -> None:
    def still(points):
        points[:] = points[0]
        return points

    def shaken(points):
        points[:, :, 0] += np.random.default_rng(1).normal(0, 3, (len(points), 1))
        return points

    def mirrored_mouth(points):
        for bottom in (14, 87, 317):
            points[:, bottom, 1] = 180 - points[:, bottom, 1]
        return points

    assert moving([(_trail(still), ALL)]).jitter_ratio.median == pytest.approx(0)
    # Not left out: a mouth that stands still is the worst that a swap can do.
    assert moving([(_trail(still), ALL)]).mouth.own.worst == 0
    assert (moving([(_trail(shaken), ALL)]).jitter_ratio.worst or 0) > 3
    both = moving([(_trail(), ALL), (_trail(mirrored_mouth), ALL)]).mouth.own
    assert both.worst is not None
    assert both.median is not None
    assert both.worst < both.median < 1


def test_covered_frames_and_covered_people_do_not_count() -> None:
    trail = _trail()
    trail.found[20:] = [False] * 20
    assert moving([(trail, frozenset(range(20)))]).found.share == 1
    assert moving([(trail, ALL)]).found.share == 0.5
    trail.found[:] = [False] * 40
    assert moving([(trail, ALL)]).found.n == 0


def test_tracks_become_persons(reading: Callable[..., Reading]) -> None:
    ann, bob = np.eye(8)[0], np.eye(8)[1]
    tracks = {
        "a": (range(10), ann + 0.1 * np.eye(8)[2]),
        "b": (range(20), bob),
        "later": (range(30, 40), ann + 0.1 * np.eye(8)[3]),
        "twin": (range(12), ann),  # at the same time as a: somebody else
    }
    clip = ClipReading(
        frames=40,
        tracks=tuple(make_track(name, pts=pts) for name, (pts, _) in tracks.items()),
        looks=[
            Look(name, pts, 90, reading(vector, female=float(name == "b")), {"x": reading(vector)})
            for name, (span, vector) in tracks.items()
            for pts in (span[0], span[-1])
        ],
        exposed={"x": Exposure()},
    )
    cast = cast_of([clip, clip], "matcher", 0.5)
    assert cast.count == 6
    by_track = {look.track_id: int(who) for look, who in zip(cast.looks, cast.person, strict=True)}
    assert len({by_track["a"], by_track["twin"], by_track["b"]}) == 3
    assert by_track["later"] in {by_track["a"], by_track["twin"]}
    assert sorted(cast.people.gender) == ["female"] * 2 + ["male"] * 4
    mine, other = cast.elsewhere()
    assert (cast.person[mine] == cast.person[other]).all()
    assert (mine != other).all()
