"""What is known of one face, frame by frame, and how it becomes a track without gaps."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from fsp_ray.core.face_types import DETECTED, F32, INTERPOLATED, NUM_POINTS, U8, Track
from fsp_ray.faces.fitting import Sighting
from fsp_ray.faces.geometry import box_from_points, box_size, head_pose, iou, moved_sizes
from fsp_ray.faces.plausibility import agrees_with_detection
from fsp_ray.faces.template import Template

# A dip of the net over so few frames, with the face where it was and as it was, is blur or a
# blink; anything longer may be a hand or a turned head, and is covered instead.
_MAX_MESH_GAP: Final = 3
_MESH_GAP_MIN_IOU: Final = 0.55
_MESH_GAP_MAX_TURN_DEG: Final = 15.0
# Without a mesh, detections jitter and what lies between them is a guess: the box is this share of
# its size wider on each side, in every such frame alike, so that the cover does not pulse.
_UNSURE_MARGIN: Final = 0.12

# A face without one mesh in its whole life is believed if the detector was this sure once, or
# somewhat sure twice. Seen on film with the open pack: hands, cameras, ears and dark corners score
# .51 to .68 and rarely twice alike; profiles and blurred heads .64 to .89.
_SURE_SCORE: Final = 0.7
_LIKELY_SCORE: Final = 0.62
_LIKELY_TIMES: Final = 2
# A head that still looks as it did is covered through so many detection rounds that miss it: a
# detector that fails on 30 % of frames misses three in a row once in 37 times.
_MISSES_TO_BE_GONE: Final = 3


@dataclass(slots=True, eq=False)
class Trajectory:
    """Sightings of one face by frame number (counted from the shard's first frame)."""

    number: int
    sightings: dict[int, Sighting] = field(default_factory=dict[int, Sighting])
    ended: bool = False
    """Nothing may be added: a cut, or another face in front."""
    first_possible: int = 0
    """The shot's first frame."""
    stop_possible: int | None = None
    """The frame after the shot's last, once known, or the frame another face took it over."""
    misses: list[int] = field(default_factory=list[int])
    """The frames after the last sighting in which a detection did not find it."""
    unsearched_from: int = 0
    """The first frame before the first sighting that no detection searched."""
    sure: bool = False
    """Found at least once by a detection that may stand alone; else only hints."""
    found_by_first: bool = False
    """Found by the first net, be it a hint."""
    confirmed: bool = False
    """Found by both nets."""
    second_looks: int = 0
    """How often the second net was asked about it alone."""
    traced: bool = False
    """Looked for, without a mesh, in the frames before its first sighting."""
    template: Template | None = None
    """How its place looked when it was last sighted without a mesh, or when its mesh was lost."""
    guesses: dict[int, F32] = field(default_factory=dict[int, F32])
    """Boxes f32[4] in frames without a sighting in which its place still looks as it did."""

    first: int = 0
    last: int = -1
    """First and last frame with a sighting."""

    def mesh_at(self, frame: int) -> F32 | None:
        """Return f32[468, 3], or None."""
        sighting = self.sightings.get(frame)
        return None if sighting is None else sighting.points

    def add(self, frame: int, sighting: Sighting) -> None:
        """Take what was seen in a frame."""
        self.first = min(self.first, frame) if self.sightings else frame
        if frame >= self.last:
            self.last = frame
            self.misses.clear()
        self.sightings[frame] = sighting
        self.guesses.pop(frame, None)

    def refine(self, frame: int, followed: Sighting) -> None:
        """Take a followed mesh; where a detection already gave a box, only if both agree."""
        known = self.sightings.get(frame)
        if known is None or followed.points is None:
            self.add(frame, followed)
        elif agrees_with_detection(followed.points[None], known.xyxy[None])[0]:
            detected = replace(followed, det_score=known.det_score, origin=known.origin)
            self.add(frame, detected)

    def drop(self, frame: int) -> None:
        """Take back what was seen in the first or the last frame.

        The only sighting stays: a trajectory without one would have no place.
        """
        if len(self.sightings) > 1:
            del self.sightings[frame]
            self.first, self.last = min(self.sightings), max(self.sightings)

    def end(self, frame: int) -> None:
        """Let it stop before a frame in which it strayed onto another face."""
        self.drop(frame)
        self.guesses = {f: box for f, box in self.guesses.items() if f < frame}
        self.ended = True
        self.stop_possible = frame

    def doubt(self, frame: int) -> tuple[float, int]:
        """Return how far it jumped to its place in its last frame, in sizes; then, how young it is.

        Of two faces in one place, the one that did not move is where it was all along.
        """
        box = self.sightings[frame].xyxy
        before = max((f for f in self.sightings if f < frame), default=frame)
        jump = moved_sizes(self.sightings[before].xyxy, box)
        return round(jump, 1), -len(self.sightings)

    def predicted(self, frame: int) -> F32:
        """Return the box f32[4] to expect in a later frame: half of the last motion goes on."""
        last = self.last
        if self.last_known > last:
            return self.guesses[self.last_known]
        box = self.sightings[last].xyxy
        before = self.sightings.get(last - 1)
        if before is None or frame <= last:
            return box
        shift = _center(box) - _center(before.xyxy)
        size = float(box_size(box[None])[0])
        moved = np.clip(shift * min(frame - last, 4) * 0.5, -0.5 * size, 0.5 * size)
        return (box + np.tile(moved, 2)).astype(np.float32)

    @property
    def last_known(self) -> int:
        """The last frame with a sighting or a guess."""
        return max(self.last, max(self.guesses, default=-1))

    @property
    def meshed(self) -> bool:
        """Whether there was a mesh at any time."""
        return any(s.points is not None for s in self.sightings.values())

    @property
    def gone(self) -> bool:
        """Whether so many detections missed it that its looks alone do not count any more."""
        return len(self.misses) >= _MISSES_TO_BE_GONE

    def box_near(self, frame: int) -> F32:
        """Return the box f32[4] known in the nearest frame."""
        if frame in self.guesses:
            return self.guesses[frame]
        return self.sightings[min(self.sightings, key=lambda known: abs(known - frame))].xyxy

    def is_face(self) -> bool:
        """Tell whether this was a face, and not a false alarm of the detector."""
        scores = [s.det_score for s in self.sightings.values() if s.origin == DETECTED]
        if self.confirmed or self.meshed:
            return True
        return (
            max(scores, default=0.0) >= _SURE_SCORE
            or sum(score >= _LIKELY_SCORE for score in scores) >= _LIKELY_TIMES
        )

    def span(self, hold_frames: int, num_frames: int) -> tuple[int, int]:
        """Return [start, stop): the sightings, and what around them may still show the face.

        That is every frame up to the next detection that did not find it, or for as long as its
        place looks the same; and `hold_frames` more, since a face in motion blur or half a
        profile is one that detectors just miss; but not beyond its shot.
        """
        stop_possible = num_frames if self.stop_possible is None else self.stop_possible
        unseen = self.misses[0] if self.misses else self.last + 1
        stop = min(max(unseen, self.last_known + 1) + hold_frames, stop_possible)
        known = min([self.unsearched_from, self.first, *self.guesses])
        start = max(known - hold_frames, self.first_possible)
        return min(start, self.first), max(stop, self.last + 1)

    def to_track(self, track_id: str, all_pts: Sequence[int], start: int, stop: int) -> Track:
        """Return the track over frames [start, stop), gaps filled."""
        boxes = {frame: s.xyxy for frame, s in self.sightings.items()} | self.guesses
        known = np.array(sorted(boxes))
        frames = np.arange(start, stop)
        origin = np.full(len(frames), INTERPOLATED, np.uint8)
        presence = np.zeros(len(frames), np.float32)
        det_score = np.zeros(len(frames), np.float32)
        points = np.zeros((len(frames), NUM_POINTS, 3), np.float32)
        xyxy = _fill_boxes(frames, known, np.stack([boxes[int(frame)] for frame in known]))
        for frame, sighting in self.sightings.items():
            i = frame - start
            origin[i], det_score[i] = sighting.origin, sighting.det_score
            if sighting.points is not None:
                points[i], presence[i] = sighting.points, sighting.presence
        _bridge_meshes(xyxy, points, presence, origin)
        unsure = presence <= 0
        xyxy[unsure] = _widen(xyxy[unsure])
        pts = np.array(all_pts[start:stop], dtype=np.int64)
        return Track(track_id, pts, xyxy, points, presence, det_score, origin)


def _fill_boxes(
    frames: np.ndarray[tuple[int], np.dtype[np.int64]],
    known: np.ndarray[tuple[int], np.dtype[np.int64]],
    boxes: F32,
) -> F32:
    """Interpolate between known boxes, and hold the outer ones."""
    return np.stack([np.interp(frames, known, boxes[:, k]) for k in range(4)], axis=1).astype(
        np.float32
    )


def _widen(xyxy: F32) -> F32:
    margin = np.float32(_UNSURE_MARGIN) * box_size(xyxy)[:, None]
    return (xyxy + margin * np.array([-1, -1, 1, 1])).astype(np.float32)


def _bridge_meshes(xyxy: F32, points: F32, presence: F32, origin: U8) -> None:
    """Fill short, calm gaps between two meshes, in place; their presence is the lower of both."""
    meshed = np.flatnonzero(presence > 0)
    for before, after in itertools.pairwise(meshed.tolist()):
        if not 1 < after - before <= _MAX_MESH_GAP + 1:
            continue
        if not _calm(points[[before, after]]):
            continue
        for i in range(before + 1, after):
            share = np.float32((i - before) / (after - before))
            points[i] = (1 - share) * points[before] + share * points[after]
            presence[i] = min(presence[before], presence[after])
            if origin[i] != DETECTED:
                xyxy[i] = box_from_points(points[i : i + 1])[0]


def _calm(ends: F32) -> bool:
    boxes = box_from_points(ends)
    pose = head_pose(ends)
    turn = max(abs((float(angle[1] - angle[0]) + 180) % 360 - 180) for angle in pose)
    overlap = float(iou(boxes[:1], boxes[1:])[0, 0])
    return overlap >= _MESH_GAP_MIN_IOU and turn <= _MESH_GAP_MAX_TURN_DEG


def _center(xyxy: F32) -> F32:
    return np.float32(0.5) * (xyxy[:2] + xyxy[2:])
