"""Write a small clip from pictures and a tone: sample input, where no video is at hand."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer

from fsp_ray.core.checks import check_array
from fsp_ray.core.errors import FailureReason, VideoError

SOUND_RATE_HZ: Final = 48_000
_SOUND_BLOCK: Final = 1024  # samples in an AAC frame
_OPTIONS: Final = {"crf": "16", "preset": "veryfast"}


def write_sample(
    path: Path,
    frames: Iterable[npt.NDArray[np.uint8]],
    *,
    frame_rate: int,
    sound: npt.NDArray[np.float32] | None = None,
    recorded_on: datetime | None = None,
) -> None:
    """Write an MP4 (H.264, AAC); it appears under its name when whole.

    The same input gives the same file, byte for byte, with the same FFmpeg.

    Args:
        path: where to.
        frames: u8[H, W, 3], RGB, all of one even size.
        frame_rate: frames a second.
        sound: f32[N], mono, -1..1, SOUND_RATE_HZ samples a second; None for none.
        recorded_on: what the file says of when it was recorded; None for nothing.

    Raises:
        VideoError: ENCODE, the file can't be written.
        ValueError: no frames, or of a wrong type, or of different sizes.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with av.open(
            f"file:{part}", "w", format="mp4", container_options={"fflags": "+bitexact"}
        ) as container:
            if recorded_on is not None:
                container.metadata["creation_time"] = recorded_on.isoformat()
            _write(container, frames, frame_rate, sound)
        part.replace(path)
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(
            FailureReason.ENCODE,
            f"{path} can't be written: {error}.",
            advice="Check the space left and the right to write there.",
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _write(
    container: OutputContainer,
    frames: Iterable[npt.NDArray[np.uint8]],
    frame_rate: int,
    sound: npt.NDArray[np.float32] | None,
) -> None:
    # Any: the setters of a stream pass to its codec context, which the stubs do not say.
    video: Any = container.add_stream("libx264", rate=frame_rate, options=_OPTIONS)
    video.pix_fmt = "yuv420p"
    # One thread: how x264 shares out the bits depends on their number.
    video.codec_context.thread_count = 1
    audio: Any = None
    if sound is not None:
        check_array("sound", sound, np.float32, (None,))
        audio = container.add_stream("aac", rate=SOUND_RATE_HZ, layout="mono")
    size: tuple[int, ...] = ()
    for rgb in frames:
        check_array("frames", rgb, np.uint8, (None, None, 3))
        if not size:
            size = rgb.shape
            video.height, video.width = size[:2]
        if rgb.shape != size:
            raise ValueError(f"frames must all be {size}, not {rgb.shape}")
        container.mux(video.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
    if not size:
        raise ValueError("a sample has at least one frame")
    container.mux(video.encode(None))
    if sound is not None:
        _write_sound(container, audio, sound)


def _write_sound(container: OutputContainer, audio: Any, sound: npt.NDArray[np.float32]) -> None:
    for start in range(0, len(sound), _SOUND_BLOCK):
        block = np.ascontiguousarray(sound[None, start : start + _SOUND_BLOCK])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate = SOUND_RATE_HZ
        frame.pts, frame.time_base = start, Fraction(1, SOUND_RATE_HZ)
        container.mux(audio.encode(frame))
    container.mux(audio.encode(None))
