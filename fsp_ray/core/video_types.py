"""Value types of video: what came in, how it is cut, and the frames of a cut."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.checks import check_array

ROTATIONS: Final = (0, 90, 180, 270)
UNSPECIFIED: Final = 2  # ITU-T H.273: code point 2 means "unspecified" for all three tags


@dataclass(frozen=True, slots=True)
class ColorTags:
    """How sample values mean colours: code points of ITU-T H.273, as the container stores them."""

    full_range: bool = False
    matrix: int = UNSPECIFIED
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """One probed source video.

    `width` and `height` are those a viewer sees: upright, after `rotation` (clockwise degrees
    that a player turns the stored picture by). `num_frames` is the number of frames that decode,
    and `start_pts`, `stop_pts` their half-open span, in units of `time_base`.
    """

    video_id: str
    uri: str
    width: int
    height: int
    time_base: Fraction
    frame_rate: Fraction
    num_frames: int
    start_pts: int
    stop_pts: int
    codec: str
    rotation: int = 0
    has_audio: bool = False
    sample_aspect_ratio: Fraction = Fraction(1)
    color: ColorTags = field(default_factory=ColorTags)
    recorded_on: str | None = None
    """ISO 8601 UTC time at which the container says it was recorded, if it does."""

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f"a video can't be {self.width}x{self.height} pixels")
        if self.time_base <= 0 or self.frame_rate <= 0:
            raise ValueError("time_base and frame_rate must be positive")
        if self.num_frames <= 0 or self.stop_pts <= self.start_pts:
            raise ValueError("a video must have at least one frame and a span")
        if self.rotation not in ROTATIONS:
            raise ValueError(f"rotation must be one of {ROTATIONS}, not {self.rotation}")

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame's start to the last frame's end."""
        return float((self.stop_pts - self.start_pts) * self.time_base)

    def seconds(self, pts: int) -> float:
        """Return the time of `pts` in seconds from the first frame."""
        return float((pts - self.start_pts) * self.time_base)


@dataclass(frozen=True, slots=True)
class Shard:
    """A keyframe-exact span [start_pts, stop_pts) of one video; the unit of work.

    The shards of a video are disjoint and cover all of its frames; decoding one gives exactly
    `num_frames` frames, the first of which is a keyframe at `start_pts`.
    """

    shard_id: str
    video_id: str
    index: int
    start_pts: int
    stop_pts: int
    num_frames: int

    def __post_init__(self) -> None:
        if self.index < 0:
            raise ValueError("a shard's index counts from 0")
        if self.stop_pts <= self.start_pts or self.num_frames <= 0:
            raise ValueError(f"shard {self.shard_id} is empty")


@dataclass(frozen=True, slots=True, eq=False)
class FrameBatch:
    """Consecutive frames, upright.

    Attributes:
        rgb: u8[N, H, W, 3], C-contiguous, writable.
        pts: i64[N], strictly increasing, in units of the video's time base.
    """

    rgb: npt.NDArray[np.uint8]
    pts: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        check_array("rgb", self.rgb, np.uint8, (None, None, None, 3))
        check_array("pts", self.pts, np.int64, (len(self.rgb),))
        if len(self.pts) == 0:
            raise ValueError("a batch holds at least one frame")
        if (np.diff(self.pts) <= 0).any():
            raise ValueError("pts must increase strictly")

    def __len__(self) -> int:
        return len(self.pts)
