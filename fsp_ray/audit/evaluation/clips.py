"""One clip and its versions, frame by frame: everything that is measured of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.audit.evaluation.conditions import blur_as_deface
from fsp_ray.audit.evaluation.encoded import encoded_again
from fsp_ray.audit.evaluation.movement import Trail, fitted
from fsp_ray.audit.evaluation.portraits import Panel, Reading
from fsp_ray.audit.leaks import likeness
from fsp_ray.core.config import RunSettings, VideoLimits
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.face_types import F32, U8, FaceBatch, FaceRois, Landmarks, Track
from fsp_ray.core.protocols import MediaSource, Models
from fsp_ray.core.video_types import FrameBatch, VideoInfo
from fsp_ray.faces import (
    SWAP,
    Observation,
    ShardTracker,
    box_from_points,
    head_pose,
    replacement_modes,
    rois_from_detections,
    rois_from_landmarks,
    smooth_track,
)
from fsp_ray.faces.geometry import overlap_of_smaller
from fsp_ray.swap import cover
from fsp_ray.video import decode, probe

# A look is taken this often; neighbouring frames say the same.
LOOK_EVERY_FRAMES: Final = 10
_BATCH_FRAMES: Final = 8
_MIN_PRESENCE: Final = 0.5
_MIN_OVERLAP: Final = 0.5
# Among the versions of a clip, the source encoded once more.
_AGAIN: Final = ""
# Recognisers say little of side views and of a handful of pixels.
_MAX_YAW_DEG: Final = 45.0
_MIN_FACE_PX: Final = 32.0
# A face whose inner part moved by less than so many levels was hardly touched: x264 at crf 18
# alone moves it by 1 to 2.
_UNCHANGED_LEVELS: Final = 4.0

Draw = Callable[[U8, FaceBatch, Sequence[Observation]], U8]
"""Returns one frame drawn over, knowing its detections and its tracked faces; or the frame."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip and what was published of it.

    Attributes:
        source: the original.
        published: by condition; the same frames.
    """

    source: MediaSource
    published: Mapping[str, MediaSource]


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One face in one frame, before and under every condition. Biometric: memory only."""

    track_id: str
    pts: int
    face_px: float
    before: Reading
    after: Mapping[str, Reading]


@dataclass(slots=True)
class Exposure:
    """Faces of the source frames, and those still to be seen under one condition.

    Attributes:
        faces: detections that the mesh confirms.
        leaked: of them, those that still show the same face.
        unchanged: of them, those whose pixels hardly changed.
        doubtful_unchanged: unchanged detections in which the mesh sees no face.
    """

    faces: int = 0
    leaked: int = 0
    unchanged: int = 0
    doubtful_unchanged: int = 0


@dataclass(slots=True, eq=False)
class ClipReading:
    """All that was measured of one clip.

    Attributes:
        frames: how many.
        tracks: trajectories of the source's faces.
        swap_pts: by track, the frames in which the pipeline would swap.
        looks: for the recognisers.
        trails: by condition and track.
        exposed: by condition.
    """

    frames: int = 0
    tracks: tuple[Track, ...] = ()
    swap_pts: dict[str, frozenset[int]] = field(default_factory=dict[str, frozenset[int]])
    looks: list[Look] = field(default_factory=list[Look])
    trails: dict[str, dict[str, Trail]] = field(default_factory=dict[str, dict[str, Trail]])
    exposed: dict[str, Exposure] = field(default_factory=dict[str, Exposure])


def leave(rgb: U8, faces: FaceBatch, seen: Sequence[Observation]) -> U8:
    """Return the frame as it is."""
    return rgb


def draw_cover(rgb: U8, faces: FaceBatch, seen: Sequence[Observation]) -> U8:
    """Cover every detection and every tracked face of a frame."""
    drawn = rgb.copy()
    for xyxy in faces.xyxy:
        cover(drawn, xyxy)
    for one in seen:
        cover(drawn, box_from_points(one.points[None])[0], one.points)
    return drawn


def draw_blur(rgb: U8, faces: FaceBatch, seen: Sequence[Observation]) -> U8:
    """Blur every detection as deface does."""
    drawn = rgb.copy()
    for xyxy in faces.xyxy:
        blur_as_deface(drawn, xyxy)
    return drawn


DRAWN: Final[Mapping[str, Draw]] = {"unchanged": leave, "cover": draw_cover, "blur": draw_blur}


class ClipReader:
    """Steps through clips; every frame of the source and of what was published is looked at.

    Args:
        panel: reads the looks.
        models: find the faces.
        drawn: conditions that need no rendering: they are drawn as frames go by.
        settings: of the run that published the clips.
    """

    def __init__(
        self,
        panel: Panel,
        models: Models,
        *,
        drawn: Mapping[str, Draw] = DRAWN,
        settings: RunSettings,
    ) -> None:
        self._panel, self._models, self._drawn = panel, models, dict(drawn)
        self._settings = settings

    def read(self, clip: Clip) -> ClipReading:
        """Read one clip.

        Raises:
            VideoError: a version can't be decoded, or has other frames than the source.
        """
        tracker = ShardTracker(
            self._models.detector,
            self._models.landmarker,
            shard_id="evaluated",
            detect_every=self._settings.detect_every,
        )
        reading = ClipReading()
        for name in (*self._drawn, *clip.published):
            reading.exposed[name] = Exposure()
        with encoded_again(
            clip.source, _probe(clip.source), self._settings, batch_frames=_BATCH_FRAMES
        ) as again:
            for source, others in _together(clip.source, {**clip.published, _AGAIN: again}):
                by_frame: dict[int, list[Observation]] = {}
                for one in tracker.push(source):
                    by_frame.setdefault(one.frame, []).append(one)
                for index in range(len(source)):
                    frames = {name: batch.rgb[index] for name, batch in others.items()}
                    self._frame(reading, source.rgb[index], frames, by_frame.get(index, []))
                    reading.frames += 1
        reading.tracks = tracker.finish()
        for track in reading.tracks:
            modes = replacement_modes(smooth_track(track))
            reading.swap_pts[track.track_id] = frozenset(track.pts[modes == SWAP].tolist())
        known = set(reading.swap_pts)
        reading.looks = [look for look in reading.looks if look.track_id in known]
        return reading

    def _frame(
        self,
        reading: ClipReading,
        rgb: U8,
        others: Mapping[str, U8],
        seen: Sequence[Observation],
    ) -> None:
        published = {name: other for name, other in others.items() if name != _AGAIN}
        faces = self._models.recall_detector.detect(rgb[None])
        frames = {name: draw(rgb, faces, seen) for name, draw in self._drawn.items()}
        frames.update(published)
        confirmed = self._confirmed(rgb, faces)
        for name, after in frames.items():
            _expose(reading.exposed[name], rgb, after, faces, confirmed)
        if not seen:
            return
        rois = rois_from_landmarks(np.stack([one.points for one in seen]))
        before = fitted(self._models.landmarker, rgb, rois)
        again = fitted(self._models.landmarker, others[_AGAIN], rois)
        for name, after in published.items():
            trails = reading.trails.setdefault(name, {})
            self._follow(trails, after, seen, rois, before, again)
        if reading.frames % LOOK_EVERY_FRAMES == 0:
            for row, one in enumerate(seen):
                self._look(reading, rgb, frames, one, _one(before, row))

    def _confirmed(self, rgb: U8, faces: FaceBatch) -> npt.NDArray[np.bool_]:
        rois = rois_from_detections(faces.xyxy, faces.kps)
        return self._models.landmarker.landmarks(rgb, rois).presence >= _MIN_PRESENCE

    def _follow(
        self,
        trails: dict[str, Trail],
        after: U8,
        seen: Sequence[Observation],
        rois: FaceRois,
        before: Landmarks,
        again: Landmarks,
    ) -> None:
        now = fitted(self._models.landmarker, after, rois)
        found = self._models.detector.detect(after[None])
        overlap = overlap_of_smaller(box_from_points(before.points), found.xyxy)
        for row, one in enumerate(seen):
            trail = trails.setdefault(one.track_id, Trail())
            trail.pts.append(one.pts)
            trail.before.append(before.points[row].copy())
            trail.after.append(now.points[row].copy())
            trail.again.append(again.points[row])
            trail.found.append(bool((overlap[row] >= _MIN_OVERLAP).any()))

    def _look(
        self,
        reading: ClipReading,
        rgb: U8,
        frames: Mapping[str, U8],
        one: Observation,
        mesh: Landmarks,
    ) -> None:
        xyxy = box_from_points(mesh.points)[0]
        face_px = float(max(xyxy[2] - xyxy[0], xyxy[3] - xyxy[1]))
        turned = abs(float(head_pose(mesh.points).yaw[0])) > _MAX_YAW_DEG
        if turned or face_px < _MIN_FACE_PX or mesh.presence[0] < _MIN_PRESENCE:
            return
        before = self._panel.read(rgb, mesh)
        after = {
            name: before if frame is rgb else self._panel.read(frame, mesh)
            for name, frame in frames.items()
        }
        reading.looks.append(Look(one.track_id, one.pts, face_px, before, after))


def _expose(
    exposure: Exposure,
    before: U8,
    after: U8,
    faces: FaceBatch,
    confirmed: npt.NDArray[np.bool_],
) -> None:
    shown = likeness(before, after, faces.xyxy).shows_original
    unchanged = np.array([_moved_levels(before, after, box) for box in faces.xyxy])
    unchanged = unchanged < _UNCHANGED_LEVELS
    exposure.faces += int(confirmed.sum())
    exposure.leaked += int((shown & confirmed).sum())
    exposure.unchanged += int((unchanged & confirmed).sum())
    exposure.doubtful_unchanged += int((unchanged & ~confirmed).sum())


def _moved_levels(before: U8, after: U8, box: F32) -> float:
    """Return the mean change of the inner half of a box, 0..255; 255 where it is out of sight."""
    height, width = before.shape[:2]
    center, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 4
    x1, y1 = np.clip(np.floor(center - half), 0, (width, height)).astype(int)
    x2, y2 = np.clip(np.ceil(center + half), 0, (width, height)).astype(int)
    if x2 <= x1 or y2 <= y1:
        return 255.0
    window = np.s_[y1:y2, x1:x2]
    return float(np.abs(before[window].astype(np.int16) - after[window]).mean())


def _together(
    source: MediaSource, versions: Mapping[str, MediaSource]
) -> Iterator[tuple[FrameBatch, dict[str, FrameBatch]]]:
    """Yield batches of the source with the same frames of every version."""
    others = {
        name: decode(media, _probe(media), batch_frames=_BATCH_FRAMES)
        for name, media in versions.items()
    }
    for batch in decode(source, _probe(source), batch_frames=_BATCH_FRAMES):
        same = {name: next(frames, None) for name, frames in others.items()}
        matched = {
            name: other
            for name, other in same.items()
            if other is not None and other.rgb.shape == batch.rgb.shape
        }
        if len(matched) != len(same):
            raise VideoError(
                FailureReason.VERIFY, f"What was published of {source.uri} has other frames."
            )
        yield batch, matched


def _probe(media: MediaSource) -> VideoInfo:
    return probe(media, video_id="evaluated", limits=VideoLimits())


def _one(landmarks: Landmarks, row: int) -> Landmarks:
    return Landmarks(landmarks.points[row : row + 1], landmarks.presence[row : row + 1])
