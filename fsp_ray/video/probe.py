"""Read what a video is: sizes, times, turns and colours, before anything is planned on it."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

from av.video.frame import VideoFrame

from fsp_ray.core.config import VideoLimits
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.protocols import MediaSource
from fsp_ray.core.video_types import VideoInfo
from fsp_ray.video.color import check_matrix, color_tags
from fsp_ray.video.container import Media, codec_name, open_media, packets
from fsp_ray.video.decode import decoded
from fsp_ray.video.index import frame_rate, list_frames, over_limit
from fsp_ray.video.orientation import rotation_of

# The packets until the first frame must come out; a stream that gives none for so long is broken.
_MAX_LEADING_PACKETS: Final = 1000
_FIRST_FRAMES: Final = 8
# Cameras without a clock write 1904 or 1970.
_FIRST_YEAR: Final = 1990


def probe(source: MediaSource, *, video_id: str, limits: VideoLimits) -> VideoInfo:
    """Read one source video's properties. Lists every packet; decodes one frame.

    `width`, `height` and `sample_aspect_ratio` are those of the upright picture.

    Raises:
        VideoError: EMPTY, NOT_A_VIDEO, UNSUPPORTED, TRUNCATED, DECODE, LIMIT or UNREADABLE.
    """
    with open_media(source) as media:
        _check_headers(media, limits)
        first = _first_frame(media)
        color = color_tags(first)
        check_matrix(color, media.name)
        rotation = rotation_of(first, media.name)
        aspect = _aspect(media)
        recorded_on = _recorded_on(media.container.metadata, media.video.metadata)
        has_audio = bool(media.container.streams.audio)
        start, time_base = first.pts, media.video.time_base
    assert start is not None
    assert time_base is not None
    # A second opening instead of a seek back: it works for every container.
    with open_media(source) as media:
        index = list_frames(media, limits).from_pts(start)
        rate = frame_rate(index, time_base, media.video.average_rate)
        codec = codec_name(media.video)
    stop = int(index.pts[-1]) + index.last_duration
    if (stop - start) * time_base > limits.max_duration_s:
        raise over_limit(media.name, f"more than {limits.max_duration_s:.0f} s")
    turned = rotation in {90, 270}
    return VideoInfo(
        video_id=video_id,
        uri=source.uri,
        width=first.height if turned else first.width,
        height=first.width if turned else first.height,
        time_base=time_base,
        frame_rate=rate,
        num_frames=len(index.pts),
        start_pts=start,
        stop_pts=stop,
        codec=codec,
        rotation=rotation,
        has_audio=has_audio,
        sample_aspect_ratio=1 / aspect if turned else aspect,
        color=color,
        recorded_on=recorded_on,
    )


def _check_headers(media: Media, limits: VideoLimits) -> None:
    width, height = media.video.width, media.video.height
    if width <= 0 or height <= 0 or not media.video.time_base:
        raise VideoError(
            FailureReason.NOT_A_VIDEO,
            f"{media.name} has a video stream without a picture size, or with pictures so large "
            "that they are not opened.",
            advice="Convert it to a smaller size, or remove it from the source.",
        )
    if (
        width > limits.max_width_px
        or height > limits.max_height_px
        or width * height > limits.max_pixels
    ):
        raise over_limit(media.name, f"pictures of {width}x{height} pixels")
    duration = media.video.duration
    announced_s = float(duration * media.video.time_base) if duration else 0.0
    if announced_s > limits.max_duration_s:
        raise over_limit(media.name, f"{announced_s:.0f} s")
    if media.video.frames > limits.max_frames:
        raise over_limit(media.name, f"{media.video.frames} frames")


def _first_frame(media: Media) -> VideoFrame:
    """Decode the first frame: what comes before it in the listing never comes out of a decoder.

    A few more are decoded to see that time goes forwards: AVI has no times for B frames, and
    FFmpeg makes them up in the wrong order.
    """
    found: list[VideoFrame] = []
    for number, packet in enumerate(packets(media, media.video, flush=True)):
        found.extend(frame for frame in decoded(media, packet) if frame.pts is not None)
        if len(found) >= _FIRST_FRAMES or (not found and number > _MAX_LEADING_PACKETS):
            break
    times = [frame.pts or 0 for frame in found]
    if times != sorted(times):
        raise VideoError(
            FailureReason.UNSUPPORTED,
            f"{media.name} has no time stamps of its own for its frames.",
            advice="Remux it to MP4 with new time stamps first.",
        )
    if found:
        return found[0]
    raise VideoError(
        FailureReason.DECODE,
        f"no frame of {media.name} can be decoded.",
        advice="Check that it plays, and copy it again.",
    )


def _aspect(media: Media) -> Fraction:
    aspect = media.video.sample_aspect_ratio
    return aspect if aspect is not None and aspect > 0 else Fraction(1)


def _recorded_on(*metadata: dict[str, str]) -> str | None:
    """Return the recording time as ISO 8601 in UTC, if there is one and it can be true."""
    for tags in metadata:
        text = tags.get("creation_time", "")
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            continue
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if moment.year >= _FIRST_YEAR and moment <= datetime.now(UTC):
            return moment.replace(microsecond=0).isoformat()
    return None
