"""Which synthetic faces the auditor looks at, and what it sees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fsp_ray.core.face_types import F32, I64, U8, Landmarks, Track
from fsp_ray.core.protocols import Models
from fsp_ray.faces import SWAP, head_pose, iou, rois_from_landmarks
from fsp_ray.faces.geometry import box_from_points, box_size
from fsp_ray.stages.audit_findings import Looks
from fsp_ray.stages.shard_plan import PlannedTrack

MAX_LOOKS: Final = 8
"""Of one track in one shard; of a short one fewer, for its frames are alike."""

_MIN_LOOKS: Final = 3
_FRAMES_A_LOOK: Final = 12

# Points of MediaPipe's mesh: inner lips, and the lids of both eyes.
_LIPS: Final = (13, 14)
_LIDS: Final = ((159, 145), (386, 374))
_FOUND_IOU: Final = 0.3
_PRESENCE: Final = 0.5


def choose_looks(planned: PlannedTrack) -> tuple[int, ...]:
    """Return the entries of a track to look at, among those with the synthetic face.

    The ones that give most away: largest, most frontal, mouth and eyes most open and most closed;
    and the rest spread evenly over the time.
    """
    entries = np.flatnonzero((planned.modes == SWAP) & (planned.track.presence > 0))
    most = int(np.clip(_MIN_LOOKS + len(entries) // _FRAMES_A_LOOK, _MIN_LOOKS, MAX_LOOKS))
    if len(entries) <= most:
        return tuple(entries.tolist())
    points = planned.track.points[entries]
    spread = np.linspace(0, len(entries) - 1, most).round().astype(int).tolist()
    chosen = list(dict.fromkeys([*_telling(points), *spread]))[:most]
    return tuple(sorted(int(entries[i]) for i in chosen))


def _telling(points: F32) -> tuple[int, ...]:
    size = box_size(box_from_points(points))
    pose = head_pose(points)
    mouth = _gap(points, *_LIPS) / size
    eyes = sum(_gap(points, *lids) for lids in _LIDS) / size
    turned = np.abs(pose.yaw) + np.abs(pose.pitch)
    extremes = (-size, turned, -mouth, eyes, -np.asarray(eyes))
    return tuple(int(np.argmin(values)) for values in extremes)


def _gap(points: F32, upper: int, lower: int) -> F32:
    return np.linalg.norm(points[:, upper, :2] - points[:, lower, :2], axis=1)


@dataclass(slots=True)
class Looker:
    """Takes the auditor's looks at the frames that go by. Biometric: memory only."""

    models: Models
    tracks: Sequence[PlannedTrack]
    persons: Sequence[str]
    due: dict[int, list[tuple[PlannedTrack, int]]] = field(init=False)
    taken: list[Looks] = field(init=False, default_factory=list[Looks])

    def __post_init__(self) -> None:
        self.due = {}
        for planned in self.tracks:
            for entry in choose_looks(planned):
                self.due.setdefault(int(planned.track.pts[entry]), []).append((planned, entry))

    def is_due(self, pts: int) -> bool:
        """Tell whether there is a face to look at in a frame."""
        return pts in self.due

    def look(self, pts: int, before: U8, after: U8) -> None:
        """Look at the faces that are due in a frame, u8[H, W, 3] before and after."""
        due = self.due[pts]
        source = np.stack([planned.track.points[entry] for planned, entry in due])
        presence = np.array([planned.track.presence[entry] for planned, entry in due], np.float32)
        published = self._refit(after, source)
        attributes = self.models.attributes.estimate(after, published)
        self.taken.append(
            Looks(
                pts=np.full(len(due), pts, np.int64),
                person=self._persons(planned for planned, _ in due),
                source=self.models.auditor.embed(before, Landmarks(source, presence)),
                published=self.models.auditor.embed(after, published),
                found=self._found(after, [p.track for p, _ in due], [e for _, e in due]),
                age_years=attributes.age_years,
                female=attributes.female_probability,
            )
        )

    def looks(self) -> Looks:
        """Return all that was seen."""
        empty = np.zeros((0, self.models.auditor.dimensions), np.float32)
        none, no_index = np.zeros(0, np.float32), np.zeros(0, np.int64)
        start = Looks(no_index, no_index, empty, empty, np.zeros(0, np.bool_), none, none)
        parts = [start, *self.taken]
        names = Looks.__dataclass_fields__
        return Looks(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})

    def _persons(self, planned: Iterable[PlannedTrack]) -> I64:
        return np.array([self.persons.index(p.person_id) for p in planned], np.int64)

    def _refit(self, after: U8, source: F32) -> Landmarks:
        """Fit the published faces, as a stranger would; where no face is seen, the old place."""
        fit = self.models.landmarker.landmarks(after, rois_from_landmarks(source))
        lost = (fit.presence < _PRESENCE) | ~np.isfinite(fit.points).all(axis=(1, 2))
        points = np.where(lost[:, None, None], source, fit.points).astype(np.float32)
        return Landmarks(points, fit.presence)

    def _found(
        self, after: U8, tracks: Sequence[Track], entries: Sequence[int]
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        boxes = np.stack([track.xyxy[entry] for track, entry in zip(tracks, entries, strict=True)])
        detected = self.models.detector.detect(after[None]).xyxy
        if not len(detected):
            return np.zeros(len(boxes), np.bool_)
        return np.asarray(iou(boxes, detected).max(axis=1) >= _FOUND_IOU)
