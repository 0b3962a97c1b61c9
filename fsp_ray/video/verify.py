"""Read a published video back and hold it against its source."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from fsp_ray.core.config import Audio, VideoLimits
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.protocols import MediaSource
from fsp_ray.core.video_types import VideoInfo
from fsp_ray.video.audio import pick_sound, sound_packets, start_time
from fsp_ray.video.container import name_of, open_media
from fsp_ray.video.decode import MissedFrameError, walk_frames
from fsp_ray.video.index import list_frames
from fsp_ray.video.probe import probe
from fsp_ray.video.segment import stored_size

# Rounding to sound samples and to the edit list's ticks, the coarsest of which are 1/10000 s.
_MAX_SYNC_ERROR_S: Final = Fraction(1, 2000)
_MAX_ENCODER_DELAY_S: Final = Fraction(3, 100)


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
    _check_streams(published, info, audio)
    if audio == "keep" and info.has_audio:
        _check_sound(published, got, source, info)


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
        for _ in walk_frames(published, got, (got.start_pts, got.stop_pts), seek_pts=None):
            count += 1
    except MissedFrameError:
        _fail(info, f"does not decode beyond frame {count}")
    if count != info.num_frames:
        _fail(info, f"decodes to {count} frames, not {info.num_frames}")


def _check_streams(published: MediaSource, info: VideoInfo, audio: Audio) -> None:
    with open_media(published) as media:
        kinds = sorted(stream.type for stream in media.container.streams)
        chapters = media.container.chapters()
    wanted = ["audio", "video"] if audio == "keep" and info.has_audio else ["video"]
    if kinds != wanted:
        _fail(info, f"holds {', '.join(kinds)}, not {' and '.join(wanted)}")
    if chapters:
        _fail(info, "holds chapters")


def _check_sound(
    published: MediaSource, got: VideoInfo, source: MediaSource, info: VideoInfo
) -> None:
    copied, here, start_here = _sound_of(source)
    _, there, start_there = _sound_of(published)
    if copied and here != there:
        _fail(info, "has other sound than the source")
    if start_here is None or start_there is None:
        return
    offset = start_here - info.start_pts * info.time_base
    error = abs(start_there - got.start_pts * got.time_base - offset)
    # An AAC encoder's own delay comes on top where the sound was re-encoded.
    if error > (_MAX_SYNC_ERROR_S if copied else _MAX_ENCODER_DELAY_S):
        _fail(info, f"has its sound {float(error):.4f} s off")


def _sound_of(source: MediaSource) -> tuple[bool, tuple[int, str], Fraction | None]:
    """Return whether it is copied, (packets, digest), and when it starts, in seconds."""
    with open_media(source) as media:
        sound = pick_sound(media)
        if sound is None:
            return False, (0, ""), None
        digest, count = hashlib.sha256(), 0
        for packet in sound_packets(media, sound):
            digest.update(packet.size.to_bytes(8, "big"))
            digest.update(memoryview(packet))
            count += 1
    with open_media(source) as media:
        again = pick_sound(media)
        start = None if again is None else start_time(media, again)
    return sound.copied, (count, digest.hexdigest()), start
