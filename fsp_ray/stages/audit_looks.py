"""Which synthetic faces the auditor looks at, and what it sees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fsp_ray.core.face_types import F32, I64, U8, Landmarks, Track
from fsp_ray.core.protocols import Models
from fsp_ray.faces import SWAP, head_pose, iou, rois_from_landmarks
from fsp_ray.faces.geometry import box_from_points, box_size
from fsp_ray.stages.audit_findings import Bools, Looks
from fsp_ray.stages.shard_plan import PlannedTrack
from fsp_ray.swap.choosing_costs import likeness_unit

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
    """Takes the auditor's looks at the frames that go by. Biometric: memory only.

    Attributes:
        models: who looks.
        tracks: of the shard.
        persons: of the shard, in the order that looks count them in.
        whom: persons to look at.
        rehearsing: let the judges that choose faces compare, too; leave out whether a detector
            finds the face. An audit hears the auditor alone.
    """

    models: Models
    tracks: Sequence[PlannedTrack]
    persons: Sequence[str]
    whom: AbstractSet[str]
    rehearsing: bool = False
    due: dict[int, list[tuple[PlannedTrack, int]]] = field(init=False)
    taken: list[Looks] = field(init=False, default_factory=list[Looks])

    def __post_init__(self) -> None:
        self.due = {}
        for planned in self.tracks:
            for entry in choose_looks(planned) if planned.person_id in self.whom else ():
                self.due.setdefault(int(planned.track.pts[entry]), []).append((planned, entry))

    def is_due(self, pts: int) -> bool:
        """Tell whether there is a face to look at in a frame."""
        return pts in self.due

    def look(self, pts: int, before: U8, after: U8) -> None:
        """Look at the faces that are due in a frame, u8[H, W, 3] before and after."""
        due = self.due[pts]
        source = np.stack([planned.track.points[entry] for planned, entry in due])
        presence = np.array([planned.track.presence[entry] for planned, entry in due], np.float32)
        bare, published = Landmarks(source, presence), self._refit(after, source)
        read = self.models.attributes.estimate(after, published)
        older_years = likeness = np.full(len(due), np.nan, np.float32)
        found = np.zeros(len(due), np.bool_)
        if self.rehearsing:
            was = self.models.attributes.estimate(before, bare)
            older_years = np.asarray(read.age_years - was.age_years, np.float32)
            likeness = self._likeness(before, bare, after, published)
        else:
            found = self._found(after, [p.track for p, _ in due], [e for _, e in due])
        self.taken.append(
            Looks(
                pts=np.full(len(due), pts, np.int64),
                person=self._persons(planned for planned, _ in due),
                source=self.models.auditor.embed(before, bare),
                published=self.models.auditor.embed(after, published),
                found=found,
                age_years=read.age_years,
                female=read.female_probability,
                older_years=older_years,
                likeness=likeness,
            )
        )

    def looks(self) -> Looks:
        """Return all that was seen."""
        return Looks.joined([Looks.none(self.models.auditor.dimensions), *self.taken])

    def _persons(self, planned: Iterable[PlannedTrack]) -> I64:
        return np.array([self.persons.index(p.person_id) for p in planned], np.int64)

    def _refit(self, after: U8, source: F32) -> Landmarks:
        """Fit the published faces, as a stranger would; where no face is seen, the old place."""
        fit = self.models.landmarker.landmarks(after, rois_from_landmarks(source))
        lost = (fit.presence < _PRESENCE) | ~np.isfinite(fit.points).all(axis=(1, 2))
        points = np.where(lost[:, None, None], source, fit.points).astype(np.float32)
        return Landmarks(points, fit.presence)

    def _likeness(self, before: U8, bare: Landmarks, after: U8, published: Landmarks) -> F32:
        """Return how like the faces before and after are, by the judge that says most."""
        said = [
            (judge.embed(before, bare) * judge.embed(after, published)).sum(axis=1)
            / likeness_unit(judge)
            for judge in self.models.judges
        ]
        return np.max(said, axis=0).astype(np.float32)

    def _found(self, after: U8, tracks: Sequence[Track], entries: Sequence[int]) -> Bools:
        boxes = np.stack([track.xyxy[entry] for track, entry in zip(tracks, entries, strict=True)])
        detected = self.models.detector.detect(after[None]).xyxy
        if not len(detected):
            return np.zeros(len(boxes), np.bool_)
        return np.asarray(iou(boxes, detected).max(axis=1) >= _FOUND_IOU)
