"""Which frames a leak is to be covered in: from the one in which it is seen to where it may end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from fsp_ray.audit import Leak
from fsp_ray.core.face_types import F32
from fsp_ray.faces.geometry import box_size, moved_sizes

# A leak between two frames that hold was one all the same; a cover of one frame would only flicker.
_HOLD_FRAMES: Final = 2
# Where every frame is searched, the search may have missed a face in so many of them in a row.
_MISSED_FRAMES: Final = 4
# A face that is found again within so many frames, not farther away than so many of its sizes, was
# on its way there.
_WAY_FRAMES: Final = 15
_MOVE_A_FRAME: Final = 0.25
_MAX_MOVE: Final = 1.5
# Between two looks a face hardly comes that much nearer: another size is another face.
_MAX_GROWTH: Final = 1.6


class Sight(NamedTuple):
    """A face of the source that shows in one frame: box f32[4]; whose track is there, if any."""

    pts: int
    xyxy: F32
    person_id: str | None


@dataclass(slots=True)
class Timeline:
    """The frames that went by, and the shots that they lie in."""

    pts: list[int] = field(default_factory=list[int])
    shots: list[int] = field(default_factory=list[int])
    """pts of the first frame of each shot."""

    def push(self, pts: int, *, cut: bool) -> None:
        """Take the next frame."""
        self.pts.append(pts)
        if cut:
            self.shots.append(pts)

    def shot(self, pts: int) -> tuple[int, int]:
        """Return the first and the last pts of the shot that a frame is in."""
        starts = [start for start in self.shots if start <= pts]
        later = [start for start in self.shots if start > pts]
        return starts[-1], later[0] - 1 if later else self.pts[-1]

    def around(self, pts: int, frames: int) -> tuple[int, int]:
        """Return the pts of so many frames before and after one, but not beyond its shot."""
        place = self.pts.index(pts)
        start, stop = self.shot(pts)
        last = min(place + frames, len(self.pts) - 1)
        return max(self.pts[max(place - frames, 0)], start), min(self.pts[last], stop)


def leaks_found(
    shown: Iterable[Sight], found: Mapping[int, F32], timeline: Timeline
) -> Iterator[Leak]:
    """Cover faces that a search found, until the next frame that was searched.

    Each is covered from the frame searched before to the one after, but not beyond the shot; and
    all the way to where it is found next, and from where it was before.

    Args:
        shown: those that show.
        found: by pts of the frames that were searched, f32[M, 4], all faces there.
        timeline: of all frames.
    """
    checked = sorted(found)
    for sight in shown:
        yield _until_searched(sight, checked, timeline)
        yield from _on_its_way(sight, found, timeline)


def leaks_followed(followed: Iterable[Sight], timeline: Timeline) -> Iterator[Leak]:
    """Cover faces that show where a track is: it is compared in every frame."""
    for pts, box, person in followed:
        yield Leak(pts, *timeline.around(pts, _HOLD_FRAMES), four(box), person)


def four(box: F32) -> tuple[float, float, float, float]:
    """Return a box as plain numbers."""
    x1, y1, x2, y2 = (float(v) for v in box)
    return x1, y1, x2, y2


def _until_searched(sight: Sight, checked: Sequence[int], timeline: Timeline) -> Leak:
    pts, box, person = sight
    place = checked.index(pts)
    start, stop = timeline.shot(pts)
    before = checked[place - 1] + 1 if place else start
    after = checked[place + 1] - 1 if place + 1 < len(checked) else stop
    first, last = timeline.around(pts, _MISSED_FRAMES)
    return Leak(pts, max(min(before, first), start), min(max(after, last), stop), four(box), person)


def _on_its_way(sight: Sight, found: Mapping[int, F32], timeline: Timeline) -> Iterator[Leak]:
    pts, box, person = sight
    place = timeline.pts.index(pts)
    for step in (-1, 1):
        other, there = _next_place(place, box, step, found, timeline)
        first, last = min(place, other) + 1, max(place, other) - 1
        if first <= last:
            way = np.concatenate([np.minimum(box, there)[:2], np.maximum(box, there)[2:]])
            start, stop = timeline.pts[first], timeline.pts[last]
            yield Leak(start, start, stop, four(way), person)


def _next_place(
    place: int, box: F32, step: int, found: Mapping[int, F32], timeline: Timeline
) -> tuple[int, F32]:
    """Return the number of the next frame with a face that may be the same; its box there."""
    start, stop = timeline.shot(timeline.pts[place])
    for frames in range(1, _WAY_FRAMES + 1):
        number = place + step * frames
        if not 0 <= number < len(timeline.pts) or not start <= timeline.pts[number] <= stop:
            break
        alike = [other for other in found.get(timeline.pts[number], ()) if _alike(box, other)]
        nearest = min(alike, key=lambda other: moved_sizes(box, other), default=None)
        reach = min(_MOVE_A_FRAME * (frames + 1), _MAX_MOVE)
        if nearest is not None and moved_sizes(box, nearest) <= reach:
            return number, nearest
    return place, box


def _alike(box: F32, other: F32) -> bool:
    first, second = box_size(np.stack([box, other])).tolist()
    return max(first, second) <= _MAX_GROWTH * min(first, second)
