"""Where a synthetic face can go on, and where only a cover is safe."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import U8, Track
from fsp_ray.faces.geometry import box_from_points, box_size, head_pose
from fsp_ray.faces.plausibility import PRESENCE_GATE

COVER: Final = 0
SWAP: Final = 1

Bools = npt.NDArray[np.bool_]

# As the mesh reads it, which flattens towards its training poses: heads at 60 to 70 degrees read
# 44 to 48, with full presence and the far side off the face. Looked at on film: from 42 on, the
# nose and cheek line of the original stand out against the background beside the drawn face.
_COVER_OVER_YAW_DEG: Final = 42.0
_SWAP_UNDER_YAW_DEG: Final = 37.0
_COVER_OVER_PITCH_DEG: Final = 55.0
_SWAP_UNDER_PITCH_DEG: Final = 48.0
_COVER_UNDER_PX: Final = 18.0
_SWAP_OVER_PX: Final = 22.0
# Shorter stretches would flicker.
_MIN_SWAP_FRAMES: Final = 6
_MIN_COVER_FRAMES: Final = 4


def replacement_modes(track: Track) -> U8:
    """Return u8[T], SWAP or COVER for each frame of a track.

    A frame is swapped if it has a mesh, the net is sure of it, the face is not turned too far
    and not tiny; each limit has a hysteresis, so that a head at the limit does not flicker. Every
    doubt ends in a cover: a short swap between covers is covered, a short cover is lengthened.
    """
    possible, easy = _limits(track)
    swap = _with_hysteresis(possible, easy)
    swap = _lengthen_covers(swap)
    return _without_short_swaps(swap).astype(np.uint8)


def _limits(track: Track) -> tuple[Bools, Bools]:
    """Return bool[T] twice: may go on being swapped, and may begin to be."""
    pose = head_pose(track.points)
    yaw, pitch = np.abs(pose.yaw), np.abs(pose.pitch)
    size = box_size(box_from_points(track.points))
    meshed = (track.presence >= PRESENCE_GATE) & (size > 0)
    possible = meshed & (yaw <= _COVER_OVER_YAW_DEG) & (pitch <= _COVER_OVER_PITCH_DEG)
    easy = meshed & (yaw <= _SWAP_UNDER_YAW_DEG) & (pitch <= _SWAP_UNDER_PITCH_DEG)
    return possible & (size >= _COVER_UNDER_PX), easy & (size >= _SWAP_OVER_PX)


def _with_hysteresis(possible: Bools, easy: Bools) -> Bools:
    """Keep those runs of `possible` frames, from their first `easy` one on."""
    swap = np.zeros(len(possible), np.bool_)
    on = False
    for i in range(len(swap)):
        on = bool(possible[i]) and (on or bool(easy[i]))
        swap[i] = on
    return swap


def _lengthen_covers(swap: Bools) -> Bools:
    out = swap.copy()
    for start, stop in _runs(~swap):
        missing = max(_MIN_COVER_FRAMES - (stop - start), 0)
        out[max(start - (missing + 1) // 2, 0) : stop + (missing + 1) // 2] = False
    return out


def _without_short_swaps(swap: Bools) -> Bools:
    out = swap.copy()
    for start, stop in _runs(swap):
        whole = start == 0 and stop == len(swap)
        if stop - start < _MIN_SWAP_FRAMES and not whole:
            out[start:stop] = False
    return out


def _runs(flags: Bools) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
