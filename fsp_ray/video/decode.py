"""Decode a shard, or the whole video, to upright RGB: exactly its frames, or an error."""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterator
from contextlib import closing
from fractions import Fraction
from typing import Final, Literal

import av.error
import numpy as np
from av.packet import Packet
from av.stream import Stream
from av.video.frame import PictureType, VideoFrame

from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.protocols import MediaSource
from fsp_ray.core.video_types import FrameBatch, Shard, VideoInfo
from fsp_ray.video.color import ToRgb
from fsp_ray.video.container import Media, codec_name, name_of, open_media, packets, reading
from fsp_ray.video.index import is_shown
from fsp_ray.video.orientation import upright

ThreadType = Literal["SLICE", "FRAME", "AUTO"]
# Where a seek to the shard's first frame fails, again from so many seconds before it, and at
# last from the video's start.
_EARLIER_S: Final = (Fraction(0), Fraction(1, 4), Fraction(2), Fraction(20))
# A decoder rounds sizes up to macroblocks; beyond that, a picture that grows is refused.
_SIZE_MARGIN_PX: Final = 256


class MissedFrameError(Exception):
    """A decoder gave another frame than the packets announced."""


def decode(
    source: MediaSource,
    info: VideoInfo,
    shard: Shard | None = None,
    *,
    batch_frames: int = 32,
    batch_bytes: int = 64 << 20,
    threads: int = 1,
    thread_type: ThreadType = "SLICE",
) -> Iterator[FrameBatch]:
    """Yield the frames of `shard` (None: of the whole video), upright, in order.

    A batch holds at most `batch_frames` frames and `batch_bytes` bytes, but at least one frame;
    its array is the caller's to change. `threads` are the decoder's (0: one a core).

    Raises:
        VideoError: DECODE if a frame that the packets announce doesn't come out, even from the
            video's start; TRUNCATED or UNREADABLE if reading fails.
    """
    to_rgb = ToRgb(info)
    frame_bytes = info.width * info.height * 3
    size = max(1, min(batch_frames, batch_bytes // frame_bytes))
    span = (info.start_pts, info.stop_pts) if shard is None else (shard.start_pts, shard.stop_pts)
    left = info.num_frames if shard is None else shard.num_frames
    with closing(_retrying(source, info, span, left, threads, thread_type)) as frames:
        while left > 0:
            rgb = np.empty((min(size, left), info.height, info.width, 3), np.uint8)
            pts = np.empty(len(rgb), np.int64)
            for i in range(len(rgb)):
                frame = next(frames)
                assert frame.pts is not None
                rgb[i] = upright(to_rgb(frame), info.rotation)
                pts[i] = frame.pts
            left -= len(rgb)
            yield FrameBatch(rgb, pts)


def _retrying(
    source: MediaSource,
    info: VideoInfo,
    span: tuple[int, int],
    count: int,
    threads: int,
    thread_type: ThreadType,
) -> Generator[VideoFrame]:
    """Yield `count` frames of the span; after a miss, go on from an earlier keyframe."""
    last = span[0] - 1
    for seek_pts in _seek_points(info, span[0]):
        walk = walk_frames(
            source, info, span, seek_pts=seek_pts, threads=threads, thread_type=thread_type
        )
        with closing(walk):
            try:
                for frame in walk:
                    assert frame.pts is not None
                    if frame.pts <= last:
                        continue
                    last = frame.pts
                    count -= 1
                    yield frame
                    if count == 0:
                        return
            except MissedFrameError:
                continue
    raise VideoError(
        FailureReason.DECODE,
        f"{name_of(info.uri)} can't be decoded after {info.seconds(last):.3f} s: {count} of the "
        "frames that it announces don't come out.",
        advice="Check that it plays there, and copy it again.",
    )


def _seek_points(info: VideoInfo, start_pts: int) -> Iterator[int | None]:
    """Where to start from, nearest first; None is the video's start, without a seek."""
    if start_pts > info.start_pts:
        for seconds in _EARLIER_S:
            point = start_pts - round(seconds / info.time_base)
            if point > info.start_pts:
                yield point
    yield None


def walk_frames(
    source: MediaSource,
    info: VideoInfo,
    span: tuple[int, int],
    *,
    seek_pts: int | None,
    threads: int = 1,
    thread_type: ThreadType = "SLICE",
    strict: bool = False,
) -> Generator[VideoFrame]:
    """Yield the frames of [start, stop) as stored, after one seek.

    `strict` takes a damaged picture for a missing one, instead of what the decoder makes up.

    Raises:
        MissedFrameError: a frame that was announced by its packet did not come, or the first frame
            is not the span's start.
        VideoError: reading failed, or the picture's size changes.
    """
    with open_media(source) as media:
        _prepare(media, info, threads, thread_type)
        if strict:
            media.video.codec_context.options |= {"err_detect": "explode"}
        if seek_pts is not None:
            _seek(media, seek_pts)
        yield from _matched(media, info, span)


def _prepare(media: Media, info: VideoInfo, threads: int, thread_type: ThreadType) -> None:
    context = media.video.codec_context
    context.thread_count = threads
    context.thread_type = thread_type
    pixels = (info.width + _SIZE_MARGIN_PX) * (info.height + _SIZE_MARGIN_PX)
    context.options = {"max_pixels": str(pixels)}


def _matched(media: Media, info: VideoInfo, span: tuple[int, int]) -> Iterator[VideoFrame]:
    """Decode, and hold every frame of the span against the packets read so far.

    A decoder gives frames in the order of their pts, so each must be the least of those that
    were put in and have not come out.
    """
    start, stop = span
    turned = info.rotation in {90, 270}
    size = (info.height, info.width) if turned else (info.width, info.height)
    codec = codec_name(media.video)
    awaited = [start]
    for packet in packets(media, media.video, flush=True):
        pts = packet.pts
        if pts is not None and start < pts < stop and is_shown(packet, codec):
            heapq.heappush(awaited, pts)
        for frame in decoded(media, packet):
            if frame.pts is None or frame.pts < start:
                continue
            if frame.pts >= stop:
                if awaited:
                    raise MissedFrameError
                return
            if not awaited or heapq.heappop(awaited) != frame.pts:
                raise MissedFrameError
            if (frame.width, frame.height) != size:
                raise VideoError(
                    FailureReason.UNSUPPORTED,
                    f"{media.name} changes its picture size at {info.seconds(frame.pts):.3f} s.",
                    advice="Cut it there into two videos.",
                )
            yield frame
    if awaited:
        raise MissedFrameError


def decoded(media: Media, packet: Packet[Stream]) -> list[VideoFrame]:
    """Return the frames that come out for one packet; none where its data make no sense."""
    try:
        with reading(media.name, otherwise=FailureReason.DECODE):
            return [frame for frame in packet.decode() if isinstance(frame, VideoFrame)]
    except VideoError as error:
        if error.reason is FailureReason.UNREADABLE:
            raise
        # The frame that this cost is missed as soon as the next one comes out.
        return []


def lands(source: MediaSource, info: VideoInfo, pts: int, *, max_skipped: int) -> bool:
    """Whether decoding can begin at the frame `pts`: it comes out, and as a clean keyframe.

    The frames that come out before it are skipped when it is decoded, which is why only
    `max_skipped` are put up with: MPEG-TS has no index, and seeks there land late or early.
    """
    for point in _seek_points(info, pts):
        if point is None:
            return False
        try:
            with closing(_lead(source, info, point)) as frames:
                for number, frame in enumerate(frames):
                    if frame.pts is not None and frame.pts >= pts:
                        if frame.pts == pts:
                            return _is_clean_key(frame)
                        break
                    if number == max_skipped:
                        break
        except MissedFrameError:
            continue
    return False


def _lead(source: MediaSource, info: VideoInfo, seek_pts: int) -> Generator[VideoFrame]:
    """Yield whatever comes out after a seek."""
    with open_media(source) as media:
        _prepare(media, info, 1, "SLICE")
        _seek(media, seek_pts)
        for packet in packets(media, media.video, flush=True):
            yield from decoded(media, packet)


def _is_clean_key(frame: VideoFrame) -> bool:
    """Whether a decoder can start there: I-type, for intra refresh marks P frames as keyframes."""
    intra = frame.pict_type == PictureType.I
    return bool(frame.key_frame and intra and not frame.is_corrupt)


def _seek(media: Media, pts: int) -> None:
    try:
        media.container.seek(pts, stream=media.video)
    except av.error.FFmpegError as error:
        # This container can't seek there: an earlier point may do.
        raise MissedFrameError from error
