"""Encode the frames of one shard into a segment that joins the others without re-encoding."""

from __future__ import annotations

import queue
import threading
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import av
import av.error
from av.container import OutputContainer
from av.video.stream import VideoStream

from fsp_ray.core.beats import beat
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.video_types import FrameBatch, VideoInfo
from fsp_ray.video.color import BT709_MATRIX, RGB_MATRIX, ToYuv
from fsp_ray.video.orientation import as_stored, pad_even

# Batches that wait for the encoder: it and the caller's work overlap, and memory stays bounded.
_QUEUED_BATCHES: Final = 2
_MIN_TIMESCALE: Final = 10_000


def timescale(time_base: Fraction) -> int:
    """Return the ticks a second that FFmpeg's MP4 muxer gives a track of this time base.

    The movie's own timescale must be the same, or an edit list rounds the first frame's time.
    """
    ticks = time_base.denominator
    while ticks < _MIN_TIMESCALE:
        ticks *= 2
    return ticks


def origin_pts(info: VideoInfo) -> int:
    """Return the source's pts that is time 0 in a segment: 0, but MP4 hides what is before it."""
    return min(info.start_pts, 0)


class SegmentWriter:
    """Writes upright frames of one shard to an H.264 segment, pts as they are in the source.

    Frames are turned back to how the source stores them (`mux` carries the rotation on), and an
    odd width or height is made even by repeating the last column or row: 4:2:0 has no odd sizes.
    8-bit 4:2:0, closed GOPs, the source's colour tags. Conversion and encoding run in a thread;
    its errors are raised by the next `write`, or on leaving.

    Use as a context manager; leaving through an exception gives up and removes the file.
    """

    def __init__(
        self, path: Path, info: VideoInfo, *, crf: int, preset: str, threads: int = 1
    ) -> None:
        self.path = path
        self._info = info
        self._options = {"crf": str(crf), "preset": preset}
        self._threads = threads
        self._batches: queue.Queue[FrameBatch | None] = queue.Queue(_QUEUED_BATCHES)
        self._error: BaseException | None = None
        self._given_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="encode", daemon=True)
        self._last_pts: int | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def write(self, batch: FrameBatch) -> None:
        """Hand over the next frames; the batch must not be changed from here on.

        Raises:
            VideoError: ENCODE, also for batches handed over before.
            ValueError: the frames are not of this video's size, or not after the ones before.
        """
        wanted = (self._info.height, self._info.width, 3)
        if batch.rgb.shape[1:] != wanted:
            raise ValueError(f"frames must be {wanted}, not {batch.rgb.shape[1:]}")
        if self._last_pts is not None and batch.pts[0] <= self._last_pts:
            raise ValueError("batches must come in the order of their pts")
        self._last_pts = int(batch.pts[-1])
        self._raise_error()
        self._batches.put(batch)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._given_up.set()
        self._batches.put(None)
        self._thread.join()
        if error is not None or self._error is not None:
            self.path.unlink(missing_ok=True)
        if error is None:
            self._raise_error()

    def _raise_error(self) -> None:
        if self._error is None:
            return
        if isinstance(self._error, (av.error.FFmpegError, OSError, ValueError)):
            raise VideoError(
                FailureReason.ENCODE,
                f"a segment of {self._info.video_id} can't be written: {self._error}.",
                advice="Check the space left for staging.",
            ) from self._error
        raise self._error

    def _run(self) -> None:
        """Encode to the end mark; after an error, empty the queue, so that nobody waits."""
        try:
            self._encode_all()
        except BaseException as error:  # noqa: BLE001 - carried to the caller, who raises it
            self._error = error
            while self._batches.get() is not None:
                pass

    def _encode_all(self) -> None:
        ticks = str(timescale(self._info.time_base))
        origin = origin_pts(self._info)
        with av.open(
            f"file:{self.path}", "w", format="mp4", container_options={"movie_timescale": ticks}
        ) as container:
            stream = add_video_stream(container, self._info, self._options, self._threads)
            to_yuv = ToYuv(self._info)
            while (batch := self._batches.get()) is not None:
                for rgb, pts in zip(batch.rgb, batch.pts.tolist(), strict=True):
                    if self._given_up.is_set():
                        break
                    frame = to_yuv(pad_even(as_stored(rgb, self._info.rotation)))
                    frame.pts, frame.time_base = pts - origin, self._info.time_base
                    container.mux(stream.encode(frame))
                    beat()
            container.mux(stream.encode(None))


def stored_size(info: VideoInfo) -> tuple[int, int]:
    """Return (width, height) of the published stream: as stored, even."""
    turned = info.rotation in {90, 270}
    width, height = (info.height, info.width) if turned else (info.width, info.height)
    return width + width % 2, height + height % 2


def add_video_stream(
    container: OutputContainer, info: VideoInfo, options: dict[str, str], threads: int
) -> VideoStream:
    """Add the H.264 stream of a published video, not yet opened."""
    # Any: the setters of a stream pass to its codec context, which the stubs do not say.
    stream: Any = container.add_stream(
        "libx264", rate=info.frame_rate, options={**options, "x264-params": "open-gop=0"}
    )
    context: Any = stream.codec_context
    stream.time_base = context.time_base = info.time_base
    context.width, context.height = stored_size(info)
    context.pix_fmt = "yuv420p"
    context.thread_count = threads
    turned = info.rotation in {90, 270}
    aspect = info.sample_aspect_ratio
    context.sample_aspect_ratio = 1 / aspect if turned else aspect
    context.color_range = 2 if info.color.full_range else 1
    # An RGB source has no matrix of its own to carry on.
    matrix = info.color.matrix
    context.colorspace = BT709_MATRIX if matrix == RGB_MATRIX else matrix
    context.color_primaries = info.color.primaries
    context.color_trc = info.color.transfer
    return stream
