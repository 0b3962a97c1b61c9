"""The list of a video's frames, from its packets: nothing is decoded to make it."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from av.packet import Packet
from av.stream import Stream

from fsp_ray.core.checks import check_array
from fsp_ray.core.config import VideoLimits
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.video.container import Media, codec_name, packets


@dataclass(frozen=True, slots=True, eq=False)
class FrameIndex:
    """Every frame that the packets announce.

    Attributes:
        pts: i64[N], strictly increasing, in units of the stream's time base.
        key_pts: i64[K], those whose packet is marked a keyframe (it may still not land).
        last_duration: of the last frame, in the same units; at least 1.
    """

    pts: npt.NDArray[np.int64]
    key_pts: npt.NDArray[np.int64]
    last_duration: int

    def __post_init__(self) -> None:
        check_array("pts", self.pts, np.int64, (None,))
        check_array("key_pts", self.key_pts, np.int64, (None,))

    def from_pts(self, start_pts: int) -> FrameIndex:
        """Return the index without what comes before `start_pts`."""
        return FrameIndex(
            self.pts[self.pts >= start_pts],
            self.key_pts[self.key_pts >= start_pts],
            self.last_duration,
        )


def is_shown(packet: Packet[Stream], codec: str) -> bool:
    """Whether a packet gives a frame.

    Not one that an edit list hides, nor a VP8 reference frame that is never shown (RFC 6386,
    9.1: bit 4 of the first byte). VP9 and AV1 pack such frames together with a shown one.
    """
    if packet.is_discard or packet.size == 0:
        return False
    return not (codec == "vp8" and not memoryview(packet)[0] & 0x10)


def list_frames(media: Media, limits: VideoLimits) -> FrameIndex:
    """Read all packets of the video stream and list their frames; 16 bytes a frame are held.

    Raises:
        VideoError: LIMIT, TRUNCATED, or UNSUPPORTED for frames without a time of their own.
    """
    codec = codec_name(media.video)
    pts, keys = array("q"), array("q")
    seen, last, last_duration = 0, -(1 << 63), 0
    for packet in packets(media, media.video):
        seen += 1
        if not is_shown(packet, codec):
            continue
        if packet.pts is None:
            raise VideoError(
                FailureReason.UNSUPPORTED,
                f"{media.name} has frames without a time stamp.",
                advice="Remux it to MP4 first.",
            )
        pts.append(packet.pts)
        if packet.is_keyframe:
            keys.append(packet.pts)
        if packet.pts > last:
            last, last_duration = packet.pts, packet.duration or 0
        if len(pts) > limits.max_frames:
            raise over_limit(media.name, f"more than {limits.max_frames} frames")
    _check_count(media, seen, len(pts))
    return FrameIndex(_strictly(pts, media.name), _sorted(keys), _duration(pts, last_duration))


def over_limit(name: str, what: str) -> VideoError:
    """Return the error for a video beyond the limits."""
    return VideoError(
        FailureReason.LIMIT, f"{name} has {what}.", advice="Cut it, or raise the limits."
    )


def _check_count(media: Media, seen: int, shown: int) -> None:
    # The index after edit lists, which the header's number leaves out. Only MP4's index is whole:
    # those of AVI and Matroska are a guess, off by one, or of keyframes alone.
    announced = len(media.video.index_entries) if "mp4" in media.container.format.name else 0
    if seen < announced:
        raise VideoError(
            FailureReason.TRUNCATED,
            f"{media.name} is cut off: it announces {announced} frames, and {seen} are there.",
            advice="Copy it again from where it was recorded.",
        )
    if shown == 0:
        raise VideoError(FailureReason.EMPTY, f"{media.name} has no frame.")


def _sorted(values: array[int]) -> npt.NDArray[np.int64]:
    return np.unique(np.frombuffer(values, np.int64)) if values else np.empty(0, np.int64)


def _strictly(values: array[int], name: str) -> npt.NDArray[np.int64]:
    unique = _sorted(values)
    if len(unique) != len(values):
        raise VideoError(
            FailureReason.UNSUPPORTED,
            f"{name} has {len(values) - len(unique)} frames with the time stamp of another.",
            advice="Remux it to MP4 with new time stamps first.",
        )
    return unique


def _duration(pts: array[int], announced: int) -> int:
    """How long the last frame is shown: as announced, else as the median frame, at least 1."""
    if announced > 0:
        return announced
    return max(1, int(np.median(np.diff(_sorted(pts))))) if len(pts) > 1 else 1


def frame_rate(index: FrameIndex, time_base: Fraction, announced: Fraction | None) -> Fraction:
    """Return frames a second: as announced, if that is near what is there, else the mean."""
    span = int(index.pts[-1] - index.pts[0]) + index.last_duration
    mean = Fraction(len(index.pts)) / (span * time_base)
    if announced is not None and announced > 0 and abs(announced / mean - 1) < Fraction(1, 20):
        return announced
    return max(mean, Fraction(1, 1000)).limit_denominator(1001)
