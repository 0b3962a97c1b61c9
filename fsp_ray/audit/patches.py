"""Leaks, and the covers that stop them: boxes with the span of frames that they lie over.

A leak is seen in one frame. Its patch lies over every frame up to the neighbouring ones that were
looked at, since between them nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from fsp_ray.core.face_types import F32

Box = tuple[float, float, float, float]

GROWTH: Final = 1.3
"""A patch's box against the leak's: the face moves until the next frame that was looked at."""

_JOIN_IOU: Final = 0.5
_INSIDE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Leak:
    """A face of the source that a published frame still shows.

    Attributes:
        pts: of the frame.
        first_pts, last_pts: span to cover, from the frame after the one that was looked at before
            to the frame before the next one.
        xyxy: box of the face, pixels.
        person_id: whose it is, None if no track of the analysis is there.
    """

    pts: int
    first_pts: int
    last_pts: int
    xyxy: Box
    person_id: str | None = None

    def __post_init__(self) -> None:
        if not self.first_pts <= self.pts <= self.last_pts:
            raise ValueError("a leak lies in its span")


@dataclass(frozen=True, slots=True)
class Patch:
    """A cover beyond those of the tracks, over the frames first_pts..last_pts (both included).

    `solid` patches take over where a mosaic did not do.
    """

    first_pts: int
    last_pts: int
    xyxy: Box
    solid: bool = False

    def covers(self, pts: int) -> bool:
        """Return True for a frame that it lies over."""
        return self.first_pts <= pts <= self.last_pts

    @property
    def box(self) -> F32:
        """f32[4], pixels."""
        return np.array(self.xyxy, np.float32)

    def as_dict(self) -> dict[str, object]:
        """Return JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Patch:
        """Read what `as_dict` gave, after JSON made a list of its tuple."""
        x1, y1, x2, y2 = (float(v) for v in values["xyxy"])
        return cls(values["first_pts"], values["last_pts"], (x1, y1, x2, y2), values["solid"])


@dataclass(frozen=True, slots=True)
class Patching:
    """Patches for some leaks.

    Attributes:
        patches: the new ones.
        hopeless: leaks that show through a solid patch.
    """

    patches: tuple[Patch, ...]
    hopeless: tuple[Leak, ...]


def patch(leaks: Iterable[Leak], existing: Sequence[Patch]) -> Patching:
    """Return what to lay over some leaks: first a mosaic, then a solid patch, then no more."""
    fresh: list[Patch] = []
    hopeless: list[Leak] = []
    for leak in sorted(leaks, key=lambda item: (item.first_pts, item.pts, item.xyxy)):
        under = [p for p in existing if p.covers(leak.pts) and _inside(leak.xyxy, p.xyxy)]
        if any(p.solid for p in under):
            hopeless.append(leak)
            continue
        _add(fresh, Patch(leak.first_pts, leak.last_pts, _grown(leak.xyxy), solid=bool(under)))
    return Patching(tuple(fresh), tuple(hopeless))


def _add(patches: list[Patch], new: Patch) -> None:
    """Join a patch to one that it goes on from, or append it."""
    for i, old in enumerate(patches):
        touches = new.first_pts <= old.last_pts + 1 and old.solid == new.solid
        if touches and _iou(old.xyxy, new.xyxy) >= _JOIN_IOU:
            patches[i] = replace(
                old,
                first_pts=min(old.first_pts, new.first_pts),
                last_pts=max(old.last_pts, new.last_pts),
                xyxy=_union(old.xyxy, new.xyxy),
            )
            return
    patches.append(new)


def _grown(box: Box) -> Box:
    x1, y1, x2, y2 = box
    dx, dy = (x2 - x1) * (GROWTH - 1) / 2, (y2 - y1) * (GROWTH - 1) / 2
    return x1 - dx, y1 - dy, x2 + dx, y2 + dy


def _union(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _area(box: Box) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def _shared(a: Box, b: Box) -> float:
    return _area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))


def _inside(box: Box, patch_box: Box) -> bool:
    return _shared(box, patch_box) >= _INSIDE * _area(box)


def _iou(a: Box, b: Box) -> float:
    shared = _shared(a, b)
    return shared / (_area(a) + _area(b) - shared)
