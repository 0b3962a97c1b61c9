"""The one place that opens a container: with nothing else to be opened through it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final, NoReturn

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from fsp_ray.core.beats import beat
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.protocols import MediaSource
from fsp_ray.video.sniff import check_whole

# A demuxer that reads other files by name (concat, hls, sdp) is not among them.
DEMUXERS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts"
# The codecs of cameras, phones, recorders and web downloads; not the hundreds of others, whose
# decoders see less testing.
VIDEO_CODECS: Final = frozenset(
    {"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg", "prores"}
    | {"dnxhd", "h263", "msmpeg4v2", "msmpeg4v3", "dvvideo", "ffv1", "rawvideo"}
)
OPEN_TIMEOUT_S: Final = 60.0
READ_TIMEOUT_S: Final = 60.0
_BUFFER_BYTES: Final = 1 << 18
_MAX_STREAMS: Final = 64
_MAX_PIXELS: Final = 1 << 26


@dataclass(frozen=True, slots=True)
class Media:
    """An open container and its video stream. `name` is what messages call it."""

    name: str
    container: InputContainer
    video: VideoStream


def name_of(uri: str) -> str:
    """Return the last part of a URI, for messages."""
    return PurePosixPath(uri.replace("\\", "/")).name or uri


@contextmanager
def reading(name: str, *, otherwise: FailureReason) -> Generator[None]:
    """Turn what FFmpeg and the file object raise into a VideoError.

    `otherwise` is the reason for data that make no sense; a read that fails is UNREADABLE.
    """
    try:
        yield
    except (av.error.TimeoutError, av.error.ExitError) as error:
        raise VideoError(
            FailureReason.UNREADABLE,
            f"{name} took longer than {READ_TIMEOUT_S:.0f} s to read.",
            advice="Check the storage it lies on, then run again.",
        ) from error
    except av.error.FFmpegError as error:
        # Also an OSError at times: FFmpeg's own codes come first.
        raise VideoError(otherwise, f"{name} can't be read: {_sentence(error)}") from error
    except OSError as error:
        raise VideoError(
            FailureReason.UNREADABLE,
            f"{name} can't be read: {error.strerror or type(error).__name__}.",
            advice="Check that it exists and may be read, then run again.",
        ) from error
    except UnicodeError as error:
        raise VideoError(otherwise, f"{name} holds text in no known encoding.") from error


def _sentence(error: av.error.FFmpegError) -> str:
    text = (error.strerror or type(error).__name__).rstrip(".")
    return f"{text[:1].lower()}{text[1:]}."


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise PermissionError(f"a video may not open another file ({len(url)} characters)")


def open_container(file: BinaryIO, name: str) -> InputContainer:
    """Open a file object with every other way in shut. The caller closes both.

    Raises:
        VideoError: NOT_A_VIDEO, UNSUPPORTED or UNREADABLE.
    """
    options = {
        "protocol_whitelist": "none",
        "format_whitelist": DEMUXERS,
        # FFmpeg decodes a little to learn what is in a file, before we can look at its sizes.
        "max_pixels": str(_MAX_PIXELS),
    }
    with reading(name, otherwise=FailureReason.NOT_A_VIDEO):
        try:
            return av.open(
                file,
                "r",
                options=options,
                metadata_errors="replace",
                buffer_size=_BUFFER_BYTES,
                timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S),
                io_open=_refuse,
            )
        except (av.error.InvalidDataError, av.error.ArgumentError) as error:
            raise VideoError(
                FailureReason.NOT_A_VIDEO,
                f"{name} is no video of a kind that is read (MP4, MOV, MKV, WebM, AVI, TS), "
                "or its header is damaged.",
                advice="Convert it to MP4, or remove it from the source.",
            ) from error


@contextmanager
def open_media(source: MediaSource) -> Generator[Media]:
    """Open a source video and pick its video stream; closed on leaving.

    Reads go through the source's file object alone: no protocol, no demuxer that opens others,
    a timeout on opening and on every read.

    Raises:
        VideoError: with the reason and the file's name.
    """
    name = name_of(source.uri)
    with reading(name, otherwise=FailureReason.NOT_A_VIDEO):
        file = source.open()
    with closing(file):
        with reading(name, otherwise=FailureReason.NOT_A_VIDEO):
            check_whole(file, name)
        with open_container(file, name) as container:
            video = pick_video(container, name)
            for stream in container.streams:
                if stream.index != video.index:
                    stream.discard = Discard.all
            yield Media(name, container, video)


def pick_video(container: InputContainer, name: str) -> VideoStream:
    """Return the main video stream; a cover picture is none.

    Raises:
        VideoError: NOT_A_VIDEO if there is none, UNSUPPORTED if it can't be decoded.
    """
    if len(container.streams) > _MAX_STREAMS:
        raise VideoError(
            FailureReason.LIMIT,
            f"{name} has {len(container.streams)} streams; {_MAX_STREAMS} are the limit.",
        )
    moving = [s for s in container.streams.video if not is_picture(s)]
    if not moving:
        raise VideoError(
            FailureReason.NOT_A_VIDEO,
            f"{name} has no video stream.",
            advice="Remove it from the source.",
        )
    # FFmpeg's choice weighs size and frame count; it falls back on the first.
    best = container.streams.best("video")
    video = next((s for s in moving if best is not None and s.index == best.index), moving[0])
    codec = codec_name(video)
    if codec and video.codec_tag in {"encv", "drmi"}:
        raise _encrypted(name)
    if codec not in VIDEO_CODECS:
        raise VideoError(
            FailureReason.UNSUPPORTED,
            f"{name} holds video of a kind that is not read ({codec or 'unknown'}).",
            advice="Convert it to H.264 first.",
        )
    return video


def _encrypted(name: str) -> VideoError:
    return VideoError(
        FailureReason.UNSUPPORTED,
        f"{name} is encrypted.",
        advice="Give the video without its copy protection.",
    )


def codec_name(stream: Stream) -> str:
    """Return the codec's name (not the decoder's: `av1`, not `libdav1d`), or nothing."""
    context: Any = stream.codec_context  # None where there is no decoder, whatever the stub says
    return "" if context is None else str(context.codec.canonical_name)


def is_picture(stream: Stream) -> bool:
    """Whether a video stream is a still cover picture."""
    stills = Disposition.attached_pic | Disposition.timed_thumbnails
    return bool(stream.disposition & stills)


def packets(media: Media, stream: Stream, *, flush: bool = False) -> Iterator[Packet[Stream]]:
    """Yield the stream's packets, with FFmpeg's errors as VideoError(TRUNCATED).

    The empty packet at the end, which makes a decoder give its last frames, comes with `flush`.
    """
    demuxed = media.container.demux(stream)
    while True:
        with reading(media.name, otherwise=FailureReason.TRUNCATED):
            packet = next(demuxed, None)
        if packet is None:
            return
        beat()
        if packet.has_sidedata("encryption_info"):
            raise _encrypted(media.name)
        if packet.size or flush:
            yield packet
