"""Which faces the detections of a frame belong to, and which of them two nets agree on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from fsp_ray.core.face_types import F32, FaceBatch
from fsp_ray.faces.geometry import iou
from fsp_ray.faces.matching import affinity, ambiguous, assign, lies_on
from fsp_ray.faces.trajectory import Trajectory

# Two nets agree if their boxes overlap this much. Then hints of both do: nets that err apart.
_AGREEING_IOU: Final = 0.35


def find_owners(
    found: FaceBatch, faces: Sequence[Trajectory], frame: int
) -> list[Trajectory | None]:
    """Give each detection the face it belongs to: first those in sight, then those lost.

    Last come those of which there are but hints.
    """
    owner: list[Trajectory | None] = [None] * len(found)
    going_on = [f for f in faces if not f.ended]
    in_sight = [f for f in going_on if frame in f.sightings]
    lost = [f for f in going_on if frame not in f.sightings and f.sure]
    hinted = [f for f in going_on if frame not in f.sightings and not f.sure]
    for group in (in_sight, lost, hinted):
        free = [i for i in range(len(found)) if owner[i] is None]
        boxes = np.array([f.predicted(frame) for f in group], np.float32).reshape(-1, 4)
        reach = np.array([0.6 + 0.1 * min(frame - f.last_known, 6) for f in group], np.float32)
        scores = affinity(boxes, found.xyxy[free], reach)
        for row, column in assign(scores):
            # A wrong name is worse than a new one: persons are linked by their looks later.
            if group is in_sight or not ambiguous(scores, row, column):
                owner[free[column]] = group[row]
    return owner


def confirm_by_second(found: FaceBatch, owner: Sequence[Trajectory | None], frame: int) -> None:
    """Mark the faces of the first net that the second found as well, in the same place."""
    for i, face in enumerate(owner):
        if face is None or not face.found_by_first:
            continue
        due = face.predicted(frame)
        if float(iou(due[None], found.xyxy[i : i + 1])[0, 0]) >= _AGREEING_IOU:
            face.confirmed = face.sure = True


def trim_held(
    face: Trajectory, start: int, stop: int, faces: Sequence[Trajectory]
) -> tuple[int, int]:
    """Take back held frames in which another face is seen in the held box's place."""

    def free(frame: int, held: F32) -> bool:
        return not any(
            lies_on(held, other.sightings[frame].xyxy)
            for other in faces
            if other is not face and frame in other.sightings
        )

    while start < face.first and not free(start, face.box_near(start)):
        start += 1
    while stop > face.last + 1 and not free(stop - 1, face.box_near(stop - 1)):
        stop -= 1
    return start, stop
