"""Following every face through a shard: detect now and then, follow by mesh in between.

After MediaPipe's landmark graph (Grishchenko et al. 2020: the next frame's ROI comes from this
frame's landmarks), with detections associated as in ByteTrack (Zhang et al. 2022: weak ones may
continue a track, only sure ones make one). Heads without a mesh are followed by their looks, and
every new face is followed backwards too, so that no frame before its first detection goes without.
A second net, which errs independently, is asked now and then, and about heads in doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fsp_ray.core import ids
from fsp_ray.core.checks import check_array
from fsp_ray.core.face_types import DETECTED, F32, NUM_POINTS, U8, FaceBatch, Track
from fsp_ray.core.protocols import FaceDetector, FaceLandmarker
from fsp_ray.core.video_types import FrameBatch
from fsp_ray.faces.association import confirm_by_second, find_owners, trim_held
from fsp_ray.faces.cuts import CutFinder
from fsp_ray.faces.fitting import Sighting, fit_from_detections
from fsp_ray.faces.following import (
    History,
    follow_looks,
    follow_looks_back,
    follow_meshes,
    follow_meshes_back,
    last_mesh_frame,
)
from fsp_ray.faces.geometry import moved_sizes
from fsp_ray.faces.matching import duplicates, lies_on
from fsp_ray.faces.plausibility import agrees_with_detection
from fsp_ray.faces.template import cut_template
from fsp_ray.faces.trajectory import Trajectory

# Under it, a detection is a hint: it continues a face, but is none without a second opinion.
_SURE_SCORE: Final = 0.5
# The second net is asked in the time of two rounds, at both ends of a shot, and twice about a
# head that the first is sure of and no mesh fits.
_SECOND_EVERY_ROUNDS: Final = 2
_SECOND_LOOKS: Final = 2
# Beyond the last evidence, a cover stays on for so many frames more.
_HOLD_FRAMES: Final = 2
# A face that is not found again within so many detection rounds begins a new track.
_PATIENCE_ROUNDS: Final = 4
_HINT_PATIENCE_ROUNDS: Final = 2
# A face that moved by this much of its size at once may be another one.
_JUMP_SIZES: Final = 0.2
# Detections at once, and again, after a face was lost.
_RECHECK_AFTER: Final = (0, 2)
# And after a shot's first frame in which none was found.
_RECHECK_EMPTY_AFTER: Final = (1, 3)


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
            each shot, and where a face was lost. Scores under .5 are taken for hints.
        landmarker: asked once or twice a frame, for all of its faces together.
        second: another net that errs independently; None does without.
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
        second: FaceDetector | None = None,
    ) -> None:
        if detect_every < 1:
            raise ValueError("detect_every must be at least 1 frame")
        self._detector = detector
        self._landmarker = landmarker
        self._second = second
        self._shard_id = shard_id
        self._detect_every = detect_every
        self._patience = max(_PATIENCE_ROUNDS * detect_every, 12)
        self._cuts = CutFinder()
        self._history = History()
        self._pts: list[int] = []
        self._shot_start = 0
        self._last_detection = -1
        self._last_second = -1
        self._recheck: set[int] = set()
        self._live: list[Trajectory] = []
        self._done: list[Trajectory] = []

    @property
    def _frame(self) -> int:
        return self._history.newest

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
            start, stop = trim_held(face, start, stop, faces)
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
            self._start_shot()
        self._history.push(rgb)
        if self._follow(rgb):
            self._recheck.update(self._frame + later for later in _RECHECK_AFTER)
        starts = self._frame == self._shot_start
        due = self._frame - self._last_detection >= self._detect_every
        if starts or due or self._frame in self._recheck:
            self._detect(rgb, second=starts or self._second_due())
        if starts and not self._live:
            self._recheck.update(self._frame + later for later in _RECHECK_EMPTY_AFTER)
        self._retire()

    def _second_due(self) -> bool:
        return self._frame - self._last_second >= _SECOND_EVERY_ROUNDS * self._detect_every

    def _close_shot(self) -> None:
        """Detect in a shot's last frame: a face may have come up since the last detection."""
        if self._frame >= 0 and self._last_detection < self._frame:
            self._detect(self._history.at(self._frame), second=True)

    def _start_shot(self) -> None:
        """Begin anew: nothing is followed into the next frame."""
        self._shot_start = self._frame + 1
        for face in self._live:
            face.stop_possible = self._shot_start
        self._done.extend(self._live)
        self._live = []
        self._history.clear()
        self._recheck.clear()
        self._last_detection = self._frame

    def _retire(self) -> None:
        """Let go of the faces that were not found for too long, or are hidden by another."""
        for face in self._live:
            patience = self._patience if face.sure else _HINT_PATIENCE_ROUNDS * self._detect_every
            face.ended |= self._frame - face.last > patience
        self._done.extend(face for face in self._live if face.ended)
        self._live = [face for face in self._live if not face.ended]

    def _follow(self, rgb: U8) -> bool:
        """Look for every face where it was; tell whether one's mesh was lost just now."""
        frame = self._frame
        followed = [f for f in self._live if last_mesh_frame(f, frame) is not None]
        follow_meshes(self._landmarker, rgb, frame, followed, -1)
        self._end_strays(frame)
        going_on = [face for face in self._live if face.sure and not face.ended]
        follow_looks(self._history, going_on, going_on)
        return any(face.ended or face.last == frame - 1 for face in followed)

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
        lost = [f.predicted(frame) for f in self._live if f.sure and frame not in f.sightings]
        return jump >= _JUMP_SIZES and any(
            lies_on(box, due) and moved_sizes(due, box) < jump / 2 for due in lost
        )

    def _detect(self, rgb: U8, *, second: bool) -> None:
        searched_from = self._last_detection + 1
        self._last_detection = self._frame
        found = self._detector.detect(rgb[None])
        if not len(found) and any(face.last_known == self._frame for face in self._live):
            self._recheck.add(self._frame + 1)  # what failed here may do better there
        owner = find_owners(found, self._live, self._frame)
        self._confirm(found, owner)
        fresh = self._take(rgb, found, owner, searched_from)
        for face in fresh:
            face.found_by_first = True
        if self._second and (second or self._in_doubt(fresh)):
            self._last_second = self._frame
            found = self._second.detect(rgb[None])
            owner = find_owners(found, self._live, self._frame)
            confirm_by_second(found, owner, self._frame)
            fresh += self._take(rgb, found, owner, searched_from)
        self._note_misses()
        follow_meshes_back(self._landmarker, self._history, fresh, self._sure())
        untraced = [f for f in self._live if f.sure and not f.traced]
        follow_looks_back(self._history, untraced, self._sure())

    def _sure(self) -> list[Trajectory]:
        return [face for face in (*self._live, *self._done) if face.sure]

    def _in_doubt(self, faces: Sequence[Trajectory]) -> bool:
        """Tell whether the second net should look at faces just found; it does so only twice."""
        doubtful = [
            face
            for face in faces
            if face.sure
            and not face.confirmed
            and face.mesh_at(self._frame) is None
            and face.second_looks < _SECOND_LOOKS
        ]
        for face in doubtful:
            face.second_looks += 1
        return bool(doubtful)

    def _take(
        self,
        rgb: U8,
        found: FaceBatch,
        owner: Sequence[Trajectory | None],
        searched_from: int,
    ) -> list[Trajectory]:
        """Give detections to their faces, and begin new ones; return those not in sight before."""
        fresh = [i for i in range(len(found)) if self._is_news(owner[i])]
        sure = [i for i in fresh if self._is_sure(float(found.det_score[i]), owner[i])]
        meshes = fit_from_detections(self._landmarker, rgb, found, sure)
        taken = [self._admit(found, i, owner[i], meshes.get(i), searched_from) for i in fresh]
        faces = [face for face in taken if face is not None]
        for face in faces:
            if face.mesh_at(self._frame) is None:
                face.template = cut_template(rgb, face.sightings[self._frame].xyxy)
        return faces

    def _is_news(self, owner: Trajectory | None) -> bool:
        return owner is None or self._frame not in owner.sightings

    def _is_sure(self, score: float, owner: Trajectory | None) -> bool:
        return score >= _SURE_SCORE or (owner is not None and owner.sure)

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
            elif score >= _SURE_SCORE:
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
        owner.sure |= score >= _SURE_SCORE
        return owner

    def _shows_known_face(self, xyxy: F32) -> bool:
        """Tell whether the box lies on, or within, a face already seen in this frame."""
        seen = [f.sightings[self._frame].xyxy for f in self._live if self._frame in f.sightings]
        return any(lies_on(xyxy, box) for box in seen)

    def _note_misses(self) -> None:
        for face in self._live:
            # Detections close together fail together: in blur, or in what made the first one fail.
            close = face.misses and self._frame - face.misses[-1] < self._detect_every
            if face.last < self._frame and not close:
                face.misses.append(self._frame)
