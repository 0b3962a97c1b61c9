"""Following faces from frame to frame: by their meshes, and where there is none, by their looks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from fsp_ray.core.face_types import F32, U8
from fsp_ray.core.protocols import FaceLandmarker
from fsp_ray.faces.fitting import fit_from_meshes
from fsp_ray.faces.geometry import overlap_of_smaller
from fsp_ray.faces.matching import lies_on
from fsp_ray.faces.template import SAME_CORRELATION, cut_template
from fsp_ray.faces.trajectory import Trajectory

# Frames kept for following backwards, and the memory they may take.
_HISTORY_FRAMES: Final = 32
_HISTORY_BYTES: Final = 160 << 20
# After so many frames without a mesh, the old ROI is of no use.
_MESH_MEMORY_FRAMES: Final = 6
# A flash or a hand hides a place for so long; after more, it is another place.
_MAX_UNLIKE_FRAMES: Final = 3
# What looks the same farther back was searched by so many detections that it is no face.
_MAX_LOOKS_BACK: Final = 16
_MAX_OVERLAP: Final = 0.35


class History:
    """The last frames of the shot, up to the one at hand."""

    def __init__(self) -> None:
        self._frames: deque[U8] = deque(maxlen=_HISTORY_FRAMES)
        self.newest = -1
        """Number of the frame at hand, counted from the shard's first."""

    def push(self, rgb: U8) -> None:
        """Take the next frame."""
        if len(self._frames) * rgb.nbytes > _HISTORY_BYTES and len(self._frames) > 1:
            self._frames.popleft()
        self._frames.append(rgb)
        self.newest += 1

    def clear(self) -> None:
        """Forget all frames: the next one begins a shot."""
        self._frames.clear()

    @property
    def oldest(self) -> int:
        """Number of the first frame that is kept; one too many if there is none."""
        return self.newest - len(self._frames) + 1

    def at(self, frame: int) -> U8:
        """Return the frame u8[H, W, 3] of that number."""
        return self._frames[frame - self.oldest]


def last_mesh_frame(face: Trajectory, before: int) -> int | None:
    """Return the last of the frames just before one that has a mesh, if it is not too old."""
    near = range(before - 1, before - 1 - _MESH_MEMORY_FRAMES, -1)
    return next((frame for frame in near if face.mesh_at(frame) is not None), None)


def follow_meshes(
    landmarker: FaceLandmarker, rgb: U8, frame: int, faces: Sequence[Trajectory], toward: int
) -> None:
    """Fit meshes in `frame` with the ROIs of the nearest mesh on the `toward` side (-1, +1)."""
    sources: list[tuple[Trajectory, int, F32]] = []
    for face in faces:
        near = range(frame + toward, frame + toward * (_MESH_MEMORY_FRAMES + 1), toward)
        found = next((i for i in near if face.mesh_at(i) is not None), None)
        mesh = None if found is None else face.mesh_at(found)
        if found is not None and mesh is not None:
            sources.append((face, abs(frame - found), mesh))
    meshes, gaps = [mesh for _, _, mesh in sources], [gap for _, gap, _ in sources]
    fits = fit_from_meshes(landmarker, rgb, meshes, gaps)
    for (face, _, _), sighting in zip(sources, fits, strict=True):
        if sighting is not None:
            face.refine(frame, sighting)


def follow_meshes_back(
    landmarker: FaceLandmarker,
    history: History,
    faces: Iterable[Trajectory],
    others: Sequence[Trajectory],
) -> None:
    """Look for faces with a mesh in the newest frame in those before, as far as they are kept."""
    active = [face for face in faces if face.mesh_at(history.newest) is not None]
    for frame in range(history.newest - 1, history.oldest - 1, -1):
        active = [face for face in active if face.mesh_at(frame) is None]
        if not active:
            return
        follow_meshes(landmarker, history.at(frame), frame, active, +1)
        for face in active:
            mesh = face.mesh_at(frame)
            if mesh is not None and _taken(frame, face, face.sightings[frame].xyxy, others):
                face.drop(frame)
                face.first_possible = max(face.first_possible, frame + 1)
        active = [face for face in active if face.first_possible <= frame]


def follow_looks(
    history: History, faces: Iterable[Trajectory], others: Sequence[Trajectory]
) -> None:
    """Find the places of faces without a sighting in the newest frame again."""
    frame = history.newest
    for face in faces:
        _keep_looks(face, history)
        if face.template is None or frame in face.sightings:
            continue
        if face.gone or frame - face.last_known > _MAX_UNLIKE_FRAMES:
            face.template = None
            continue
        box, likeness = face.template.find(history.at(frame), face.predicted(frame))
        if likeness >= SAME_CORRELATION and not _on_other(frame, face, box, others):
            face.guesses[frame] = box


def follow_looks_back(
    history: History, faces: Iterable[Trajectory], others: Sequence[Trajectory]
) -> None:
    """Find the places of faces again in the frames before their first sighting."""
    for face in faces:
        face.traced = True
        first = face.first
        if first < history.oldest:
            continue
        box = face.sightings[first].xyxy
        template = cut_template(history.at(first), box)
        unlike = 0
        oldest = max(history.oldest, face.first_possible, first - _MAX_LOOKS_BACK)
        for frame in range(first - 1, oldest - 1, -1):
            if template is None or unlike >= _MAX_UNLIKE_FRAMES:
                break
            found, likeness = template.find(history.at(frame), box)
            unlike += 1
            if likeness < SAME_CORRELATION:
                continue
            if _on_other(frame, face, found, others) or _taken(frame, face, found, others):
                break
            face.guesses[frame] = box = found
            unlike = 0


def _keep_looks(face: Trajectory, history: History) -> None:
    """Cut the template of a face whose mesh was there in the frame before, and is not any more."""
    frame = history.newest
    if frame in face.sightings or face.mesh_at(frame - 1) is None or frame <= history.oldest:
        return
    face.template = cut_template(history.at(frame - 1), face.sightings[frame - 1].xyxy)


def _on_other(frame: int, face: Trajectory, box: F32, others: Sequence[Trajectory]) -> bool:
    """Tell whether a place that was followed by its looks was drawn onto another face."""
    seen = [f.sightings[frame].xyxy for f in others if f is not face and frame in f.sightings]
    if not seen:
        return False
    return float(overlap_of_smaller(box[None], np.stack(seen)).max()) > _MAX_OVERLAP


def _taken(frame: int, face: Trajectory, box: F32, others: Sequence[Trajectory]) -> bool:
    """Tell whether a face followed back came to lie on another, seen then or just by then."""
    return any(
        near in other.sightings and lies_on(box, other.sightings[near].xyxy)
        for other in others
        if other is not face and other.sure
        for near in (frame, max(frame - 1, face.first_possible), frame + 1)
    )
