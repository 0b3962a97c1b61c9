"""Read a published video back and hold it against its source."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from fsp_ray.core.config import Audio, VideoLimits
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.protocols import MediaSource
from fsp_ray.core.video_types import VideoInfo
from fsp_ray.video.audio import pick_sound, sound_packets
from fsp_ray.video.container import name_of, open_media
from fsp_ray.video.decode import MissedFrameError, walk_frames
from fsp_ray.video.index import list_frames
from fsp_ray.video.probe import probe
from fsp_ray.video.segment import stored_size

# Rounding to sound samples and to the edit list's ticks, the coarsest of which are 1/10000 s.
_MAX_SYNC_ERROR_S: Final = Fraction(1, 2000)
_MAX_ENCODER_DELAY_S: Final = Fraction(3, 100)


@dataclass(frozen=True, slots=True)
class _Sound:
    """Whether it is copied, its packets and their digest, and when it starts (None: never)."""

    copied: bool = False
    packets: int = 0
    digest: str = ""
    start_s: Fraction | None = None


class _LocalFile:
    """A published file as a MediaSource."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def uri(self) -> str:
        return str(self._path)

    @property
    def local_path(self) -> Path | None:
        return self._path

    def open(self) -> BinaryIO:
        return self._path.open("rb")


def verify(path: Path, source: MediaSource, info: VideoInfo, *, audio: Audio) -> None:
    """Check that `path` has the source's frames at the source's times, decodes, and its sound.

    Times are compared exactly, as fractions of a second from the first frame; where the sound
    starts against the picture, to half a millisecond; copied sound, byte for byte.

    Raises:
        VideoError: VERIFY, saying what differs; as `probe` if the file is no video at all.
    """
    published = _LocalFile(path)
    limits = VideoLimits(max_frames=max(2 * info.num_frames, 1000))
    got = probe(published, video_id=info.video_id, limits=limits)
    _check_picture(got, info)
    _check_times(published, got, source, info, limits)
    _check_decodes(published, got, info)
    sound = _sound_of(source) if audio == "keep" else _Sound()
    _check_streams(published, info, sound)
    if sound.start_s is not None:
        _check_sound(sound, _sound_of(published), got, info)


def _fail(info: VideoInfo, what: str) -> NoReturn:
    raise VideoError(
        FailureReason.VERIFY,
        f"the published file of {name_of(info.uri)} {what}.",
        advice="Run again; if it stays, keep the source out and report it.",
    )


def _check_picture(got: VideoInfo, info: VideoInfo) -> None:
    if stored_size(got) != stored_size(info) or got.rotation != info.rotation:
        _fail(info, f"has pictures of {got.width}x{got.height} turned by {got.rotation} degrees")
    if got.color.full_range != info.color.full_range:
        _fail(info, "has another colour range")
    if got.num_frames != info.num_frames:
        _fail(info, f"has {got.num_frames} frames, not {info.num_frames}")


def _check_times(
    published: MediaSource,
    got: VideoInfo,
    source: MediaSource,
    info: VideoInfo,
    limits: VideoLimits,
) -> None:
    with open_media(published) as media:
        there = list_frames(media, limits).from_pts(got.start_pts).pts - got.start_pts
    with open_media(source) as media:
        here = list_frames(media, limits).from_pts(info.start_pts).pts - info.start_pts
    ratio = info.time_base / got.time_base
    if len(here) != len(there) or (here * ratio.numerator != there * ratio.denominator).any():
        _fail(info, "shows frames at other times")


def _check_decodes(published: MediaSource, got: VideoInfo, info: VideoInfo) -> None:
    count = 0
    try:
        span = (got.start_pts, got.stop_pts)
        for _ in walk_frames(published, got, span, seek_pts=None, strict=True):
            count += 1
    except MissedFrameError:
        _fail(info, f"does not decode beyond frame {count}")
    if count != info.num_frames:
        _fail(info, f"decodes to {count} frames, not {info.num_frames}")


def _check_streams(published: MediaSource, info: VideoInfo, sound: _Sound) -> None:
    with open_media(published) as media:
        kinds = sorted(stream.type for stream in media.container.streams)
        chapters = media.container.chapters()
    wanted = ["audio", "video"] if sound.start_s is not None else ["video"]
    if kinds != wanted:
        _fail(info, f"holds {', '.join(kinds)}, not {' and '.join(wanted)}")
    if chapters:
        _fail(info, "holds chapters")


def _check_sound(here: _Sound, there: _Sound, got: VideoInfo, info: VideoInfo) -> None:
    if here.copied and (here.packets, here.digest) != (there.packets, there.digest):
        _fail(info, "has other sound than the source")
    if here.start_s is None or there.start_s is None:
        _fail(info, "has no sound")
    offset = here.start_s - info.start_pts * info.time_base
    error = abs(there.start_s - got.start_pts * got.time_base - offset)
    # An AAC encoder's own delay comes on top where the sound was re-encoded.
    if error > (_MAX_SYNC_ERROR_S if here.copied else _MAX_ENCODER_DELAY_S):
        _fail(info, f"has its sound {float(error):.4f} s off")


def _sound_of(source: MediaSource) -> _Sound:
    """Read all of the sound that is published of a video, or of a published one."""
    digest, count = hashlib.sha256(), 0
    start: Fraction | None = None
    with open_media(source) as media:
        sound = pick_sound(media)
        if sound is None:
            return _Sound()
        for packet in sound_packets(media, sound):
            if start is None and packet.pts is not None:
                start = packet.pts * packet.time_base
            digest.update(packet.size.to_bytes(8, "big"))
            digest.update(memoryview(packet))
            count += 1
    return _Sound(sound.copied, count, digest.hexdigest(), start)
