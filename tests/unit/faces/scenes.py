"""Paths of made-up faces, and which of them no track covers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fsp_ray.core.face_types import Track
from fsp_ray.faces.geometry import box_from_points, iou


def truth_box(fakes: Any, place: tuple[float, float, float]) -> np.ndarray:
    return box_from_points(fakes.mesh_of(place)[None])[0]


def missing(fakes: Any, world: Any, tracks: Sequence[Track]) -> list[tuple[int, int]]:
    """Return (frame, face) of each visible face that no track's box covers."""
    boxes: dict[int, list[np.ndarray]] = {}
    for track in tracks:
        for pts, xyxy in zip(track.pts, track.xyxy, strict=True):
            boxes.setdefault((int(pts) - 1000) // 512, []).append(xyxy)
    return [
        (frame, face)
        for frame in range(world.num_frames)
        for face, place in world.visible(frame).items()
        if not any(
            iou(box[None], truth_box(fakes, place)[None])[0, 0] > 0.3
            for box in boxes.get(frame, ())
        )
    ]


def moving(x: float, y: float, size: float, dx: float = 0.0, dy: float = 0.0) -> Any:
    return lambda frame: (x + dx * frame, y + dy * frame, size)


def between(start: int, stop: int, face: Any) -> Any:
    return lambda frame: face(frame) if start <= frame < stop else None
