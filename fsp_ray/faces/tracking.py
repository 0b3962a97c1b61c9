"""Following every face through a shard: detect now and then, follow by mesh in between.

After MediaPipe's landmark graph (Grishchenko et al. 2020: the next frame's ROI comes from this
frame's landmarks), with detections associated as in ByteTrack (Zhang et al. 2022: weak ones may
continue a track, only sure ones make one), and every new face followed backwards too, so that no
frame before its first detection goes without.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fsp_ray.core import ids
from fsp_ray.core.checks import check_array
from fsp_ray.core.face_types import DETECTED, F32, NUM_POINTS, U8, FaceBatch, Track
from fsp_ray.core.protocols import FaceDetector, FaceLandmarker
from fsp_ray.core.video_types import FrameBatch
from fsp_ray.faces.cuts import CutFinder
from fsp_ray.faces.fitting import Sighting, fit_from_detections, fit_from_meshes
from fsp_ray.faces.geometry import iou, moved_sizes
from fsp_ray.faces.matching import affinity, ambiguous, assign, duplicates
from fsp_ray.faces.plausibility import agrees_with_detection
from fsp_ray.faces.trajectory import Trajectory

# Frames kept for following backwards, and the memory they may take.
_HISTORY_FRAMES: Final = 32
_HISTORY_BYTES: Final = 160 << 20
# After so many frames without a mesh, the old ROI is of no use.
_MESH_MEMORY_FRAMES: Final = 6
# Beyond the last evidence, a cover stays on for so many frames more.
_HOLD_FRAMES: Final = 2
# A face that is not found again within so many detection rounds begins a new track.
_PATIENCE_ROUNDS: Final = 4
# A face that moved by this much of its size at once may be another one.
_JUMP_SIZES: Final = 0.2
# Detections at once, and again, after a face was lost.
_RECHECK_AFTER: Final = (0, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """A face with a mesh, in one frame of the batch just pushed. Biometric: memory only.

    Attributes:
        frame: index in that batch.
        track_id: of its track; `finish` may yet leave the track out as a false alarm.
        pts: the frame's.
        points: f32[468, 3], pixels of the frame.
        presence: 0..1.
        det_score: of the detection in this frame, 0 if it was followed here.
    """

    frame: int
    track_id: str
    pts: int
    points: F32
    presence: float
    det_score: float

    def __post_init__(self) -> None:
        check_array("points", self.points, np.float32, (NUM_POINTS, 3))


class ShardTracker:
    """Makes the tracks of one shard from its frames, pushed in order.

    The tracker keeps views of the last frames pushed (at most 32, and 160 MB): do not draw into
    a batch before the next two are through.

    Args:
        detector: asked for one frame at a time: the first, every `detect_every`-th, the first of
            each shot, and where a face was lost.
        landmarker: asked once or twice a frame, for all of its faces together.
        shard_id: prefix of the track ids.
        detect_every: frames.
    """

    def __init__(
        self,
        detector: FaceDetector,
        landmarker: FaceLandmarker,
        *,
        shard_id: str,
        detect_every: int = 5,
    ) -> None:
        if detect_every < 1:
            raise ValueError("detect_every must be at least 1 frame")
        self._detector = detector
        self._landmarker = landmarker
        self._shard_id = shard_id
        self._detect_every = detect_every
        self._patience = max(_PATIENCE_ROUNDS * detect_every, 12)
        self._cuts = CutFinder()
        self._history: deque[U8] = deque(maxlen=_HISTORY_FRAMES)
        self._pts: list[int] = []
        self._frame = -1
        self._shot_start = 0
        self._last_detection = -1
        self._recheck: set[int] = set()
        self._live: list[Trajectory] = []
        self._done: list[Trajectory] = []

    def push(self, batch: FrameBatch) -> tuple[Observation, ...]:
        """Take the shard's next frames; return the faces seen in them, frame by frame.

        Raises:
            ValueError: the batch does not come after the one before.
        """
        pts = [int(value) for value in batch.pts]
        if self._pts and pts[0] <= self._pts[-1]:
            raise ValueError("batches must be pushed in order")
        start = self._frame + 1
        self._pts.extend(pts)
        for rgb in batch.rgb:
            self._step(rgb)
        return self._observations(start)

    def finish(self) -> tuple[Track, ...]:
        """Return all tracks, each with an entry for every frame from its first to its last."""
        self._close_shot()
        faces = [t for t in (*self._done, *self._live) if t.is_face()]
        tracks: list[Track] = []
        for face in sorted(faces, key=lambda t: t.number):
            start, stop = face.span(_HOLD_FRAMES, len(self._pts))
            start, stop = _trim(face, start, stop, faces)
            tracks.append(face.to_track(self._name(face), self._pts, start, stop))
        return tuple(tracks)

    def _name(self, face: Trajectory) -> str:
        return ids.track_id(self._shard_id, face.number)

    def _observations(self, start: int) -> tuple[Observation, ...]:
        found = [
            (frame, face, sighting)
            for face in (*self._done, *self._live)
            if face.last >= start
            for frame, sighting in face.sightings.items()
            if frame >= start and sighting.points is not None
        ]
        found.sort(key=lambda item: (item[0], item[1].number))
        return tuple(
            Observation(
                frame=frame - start,
                track_id=self._name(face),
                pts=self._pts[frame],
                points=sighting.points,
                presence=sighting.presence,
                det_score=sighting.det_score,
            )
            for frame, face, sighting in found
            if sighting.points is not None
        )

    def _step(self, rgb: U8) -> None:
        cut = self._cuts.push(rgb)
        if cut:
            self._close_shot()
        self._frame += 1
        if cut:
            self._start_shot()
        if len(self._history) * rgb.nbytes > _HISTORY_BYTES and len(self._history) > 1:
            self._history.popleft()
        self._history.append(rgb)
        lost = self._follow(rgb)
        if lost:
            self._recheck.update(self._frame + later for later in _RECHECK_AFTER)
        due = self._frame - self._last_detection >= self._detect_every
        if cut or self._last_detection < 0 or due or self._frame in self._recheck:
            self._detect(rgb)
        self._retire()

    def _close_shot(self) -> None:
        """Detect in a shot's last frame: a face may have come up since the last detection."""
        if self._history and self._last_detection < self._frame:
            self._detect(self._history[-1])

    def _start_shot(self) -> None:
        for face in self._live:
            face.stop_possible = self._frame
        self._done.extend(self._live)
        self._live = []
        self._history.clear()
        self._recheck.clear()
        self._shot_start = self._frame
        self._last_detection = self._frame - 1

    def _retire(self) -> None:
        """Let go of the faces that were not found for too long, or are hidden by another."""
        for face in self._live:
            face.ended |= self._frame - face.last > self._patience
        self._done.extend(face for face in self._live if face.ended)
        self._live = [face for face in self._live if not face.ended]

    def _follow(self, rgb: U8) -> bool:
        """Look for every face where its mesh was; tell whether one was lost just now."""
        frame = self._frame
        followed = [f for f in self._live if self._last_mesh_frame(f) is not None]
        self._look(rgb, frame, followed, -1)
        self._end_strays(frame)
        return any(face.ended or face.last == frame - 1 for face in followed)

    def _last_mesh_frame(self, face: Trajectory) -> int | None:
        for frame in range(self._frame - 1, self._frame - 1 - _MESH_MEMORY_FRAMES, -1):
            if face.mesh_at(frame) is not None:
                return frame
        return None

    def _look(self, rgb: U8, frame: int, faces: Sequence[Trajectory], toward: int) -> None:
        """Fit meshes in `frame` with the ROIs of the nearest mesh on the `toward` side (-1, +1)."""
        sources: list[tuple[Trajectory, int, F32]] = []
        for face in faces:
            near = range(frame + toward, frame + toward * (_MESH_MEMORY_FRAMES + 1), toward)
            found = next((i for i in near if face.mesh_at(i) is not None), None)
            mesh = None if found is None else face.mesh_at(found)
            if found is not None and mesh is not None:
                sources.append((face, abs(frame - found), mesh))
        meshes, gaps = [mesh for _, _, mesh in sources], [gap for _, gap, _ in sources]
        fits = fit_from_meshes(self._landmarker, rgb, meshes, gaps)
        for (face, _, _), sighting in zip(sources, fits, strict=True):
            if sighting is not None:
                face.refine(frame, sighting)

    def _end_strays(self, frame: int) -> None:
        """End the faces whose mesh came to lie on another's: their own is hidden."""
        seen = [face for face in self._live if frame in face.sightings]
        boxes = np.array([face.sightings[frame].xyxy for face in seen], np.float32).reshape(-1, 4)
        for i, j in duplicates(boxes):
            if not (seen[i].ended or seen[j].ended):
                owner, stray = sorted((seen[i], seen[j]), key=lambda face: face.doubt(frame))
                stray.end(frame)
                if owner.doubt(frame)[0] >= _JUMP_SIZES:  # both came from elsewhere
                    owner.end(frame)
        for face, box in zip(seen, boxes, strict=True):
            if not face.ended and self._belongs_to_other(face, box):
                face.end(frame)

    def _belongs_to_other(self, face: Trajectory, box: F32) -> bool:
        """Tell whether a face jumped to where another one is due, that is out of sight."""
        frame = self._frame
        jump, _ = face.doubt(frame)
        lost = [f.predicted(frame) for f in self._live if frame not in f.sightings]
        return jump >= _JUMP_SIZES and any(
            _covers(due, box) and moved_sizes(due, box) < jump / 2 for due in lost
        )

    def _detect(self, rgb: U8) -> None:
        frame = self._frame
        searched_from = self._last_detection + 1
        self._last_detection = frame
        found = self._detector.detect(rgb[None])
        owner = self._match(found)
        self._confirm(found, owner)
        fresh = [i for i in range(len(found)) if self._needs_mesh(owner[i])]
        meshes = fit_from_detections(self._landmarker, rgb, found, fresh)
        grown = [self._admit(found, i, owner[i], meshes.get(i), searched_from) for i in fresh]
        self._note_misses()
        self._follow_back([face for face in grown if face is not None])

    def _needs_mesh(self, owner: Trajectory | None) -> bool:
        return owner is None or owner.mesh_at(self._frame) is None

    def _match(self, found: FaceBatch) -> list[Trajectory | None]:
        """Give each detection the face it belongs to: first those in sight, then those lost."""
        frame = self._frame
        owner: list[Trajectory | None] = [None] * len(found)
        going_on = [f for f in self._live if not f.ended]
        in_sight = [f for f in going_on if frame in f.sightings]
        lost = [f for f in going_on if frame not in f.sightings]
        for faces in (in_sight, lost):
            free = [i for i in range(len(found)) if owner[i] is None]
            boxes = [f.predicted(frame) for f in faces]
            reach = np.array([0.6 + 0.1 * min(frame - f.last, 6) for f in faces], np.float32)
            scores = affinity(np.array(boxes, np.float32).reshape(-1, 4), found.xyxy[free], reach)
            for row, column in assign(scores):
                # A wrong name is worse than a new one: persons are linked by their looks later.
                if faces is lost and ambiguous(scores, row, column):
                    continue
                owner[free[column]] = faces[row]
        return owner

    def _confirm(self, found: FaceBatch, owner: Sequence[Trajectory | None]) -> None:
        """Mark the followed faces that a detection agrees with; forget meshes that slid off."""
        frame = self._frame
        for i, face in enumerate(owner):
            sighting = None if face is None else face.sightings.get(frame)
            if face is None or sighting is None or sighting.points is None:
                continue
            score = float(found.det_score[i])
            if agrees_with_detection(sighting.points[None], found.xyxy[i : i + 1])[0]:
                face.add(
                    frame,
                    Sighting(sighting.xyxy, sighting.points, sighting.presence, score, DETECTED),
                )
            else:
                face.drop(frame)

    def _admit(
        self,
        found: FaceBatch,
        i: int,
        owner: Trajectory | None,
        mesh: Sighting | None,
        searched_from: int,
    ) -> Trajectory | None:
        """Give a detection to its face, or begin a new one; None if it shows one in sight."""
        score = float(found.det_score[i])
        sighting = mesh or Sighting(found.xyxy[i], None, 0.0, score, DETECTED)
        if owner is None:
            if self._shows_known_face(sighting.xyxy):
                return None
            number = len(self._live) + len(self._done)
            owner = Trajectory(
                number, first_possible=self._shot_start, unsearched_from=searched_from
            )
            self._live.append(owner)
        owner.add(self._frame, sighting)
        owner.missed_after = None
        return owner

    def _shows_known_face(self, xyxy: F32) -> bool:
        """Tell whether the box lies on, or within, a face already seen in this frame."""
        seen = [f.sightings[self._frame].xyxy for f in self._live if self._frame in f.sightings]
        return any(_covers(box, xyxy) for box in seen)

    def _note_misses(self) -> None:
        for face in self._live:
            if face.last == self._frame:
                face.missed_after = None
            elif face.missed_after is None:
                face.missed_after = self._frame

    def _follow_back(self, faces: Sequence[Trajectory]) -> None:
        """Look for faces that just appeared in the frames before, as far as they are kept."""
        active = [face for face in faces if face.mesh_at(self._frame) is not None]
        oldest = self._frame - len(self._history) + 1
        for frame in range(self._frame - 1, oldest - 1, -1):
            active = [face for face in active if face.mesh_at(frame) is None]
            if not active:
                return
            self._look(self._history[frame - oldest], frame, active, +1)
            for face in active:
                if face.mesh_at(frame) is not None and self._taken(frame, face):
                    face.drop(frame)
                    face.first_possible = max(face.first_possible, frame + 1)
            active = [f for f in active if f.first_possible <= frame]

    def _taken(self, frame: int, face: Trajectory) -> bool:
        """Tell whether a face followed back came to lie on another, seen then or just by then."""
        box = face.sightings[frame].xyxy
        others = [other for other in (*self._live, *self._done) if other is not face]
        return any(
            near in other.sightings and _covers(other.sightings[near].xyxy, box)
            for other in others
            for near in (frame, max(frame - 1, self._shot_start), frame + 1)
        )


def _covers(known: F32, xyxy: F32) -> bool:
    """Tell whether a box lies on a known face, or all but within it."""
    x1, y1 = np.maximum(known[:2], xyxy[:2])
    x2, y2 = np.minimum(known[2:], xyxy[2:])
    inside = max(float(x2 - x1), 0.0) * max(float(y2 - y1), 0.0)
    area = float((xyxy[2] - xyxy[0]) * (xyxy[3] - xyxy[1]))
    return inside > 0.8 * area or float(iou(known[None], xyxy[None])[0, 0]) > 0.5


def _trim(face: Trajectory, start: int, stop: int, faces: Sequence[Trajectory]) -> tuple[int, int]:
    """Take back held frames in which another face is seen in the held box's place."""

    def free(frame: int, held: F32) -> bool:
        return not any(
            _covers(other.sightings[frame].xyxy, held)
            for other in faces
            if other is not face and frame in other.sightings
        )

    first, last = face.sightings[face.first].xyxy, face.sightings[face.last].xyxy
    while start < face.first and not free(start, first):
        start += 1
    while stop > face.last + 1 and not free(stop - 1, last):
        stop -= 1
    return start, stop
