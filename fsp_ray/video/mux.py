"""Join segments and sound into the published MP4, with nothing else of the source in it."""

from __future__ import annotations

import heapq
import math
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.packet import Packet

from fsp_ray.core.beats import beat
from fsp_ray.core.config import Audio
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.protocols import MediaSource
from fsp_ray.core.video_types import VideoInfo
from fsp_ray.video.audio import (
    Sound,
    add_sound_stream,
    encoded_packets,
    pick_sound,
    sound_packets,
    start_time,
)
from fsp_ray.video.container import Media, name_of, open_media
from fsp_ray.video.segment import origin_pts, timescale

# NAL units of type 6 (SEI): x264 writes its version and settings into one.
_STRIP_SEI: Final = "filter_units=remove_types=6"
_MAX_SAMPLE_S: Final = Fraction(1, 8000)


def mux(
    segments: Sequence[Path],
    source: MediaSource,
    info: VideoInfo,
    out: Path,
    *,
    audio: Audio,
    marking: Mapping[str, str] | None = None,
) -> None:
    """Write `out` from the segments of all shards, in their order, and the source's sound.

    Nothing is re-encoded but sound that MP4 can't hold. Of the source come over the pictures'
    times, the turn, the pixel shape, the colour tags, and one audio stream; no metadata, no
    chapters, no subtitles, no attachments, no data. The file appears under its name when whole.

    Args:
        segments: files of SegmentWriter.
        source: where the sound comes from.
        info: of the source.
        out: the MP4 to write; replaced if it exists.
        audio: keep or drop.
        marking: container tags to write, of those MP4 knows (comment, title, description, …).

    Raises:
        VideoError: ENCODE if the segments do not make up the video or can't be written; as
            `open_media` for the source.
    """
    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        try:
            order = _read_pts(segments, info)
            with ExitStack() as stack:
                _write(stack, segments, source, info, part, order, audio, marking or {})
        except (av.error.FFmpegError, OSError) as error:
            raise VideoError(
                FailureReason.ENCODE,
                f"the published file of {name_of(info.uri)} can't be written: "
                f"{error.strerror or type(error).__name__}.",
                advice="Check the space left for staging; if the sound is damaged, drop it "
                "(--audio drop).",
            ) from error
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _write(
    stack: ExitStack,
    segments: Sequence[Path],
    source: MediaSource,
    info: VideoInfo,
    part: Path,
    order: npt.NDArray[np.int64],
    audio: Audio,
    marking: Mapping[str, str],
) -> None:
    out = stack.enter_context(
        av.open(
            f"file:{part}",
            "w",
            format="mp4",
            container_options={
                "movflags": "+faststart",
                "fflags": "+bitexact",
                "movie_timescale": str(timescale(info.time_base)),
            },
        )
    )
    out.metadata.update(marking)
    media = stack.enter_context(open_media(source)) if audio == "keep" else None
    sound = pick_sound(media) if media is not None else None
    first = stack.enter_context(_open_segment(segments[0]))
    video: Any = out.add_stream_from_template(first.streams.video[0], opaque=True)
    strip = BitStreamFilterContext(_STRIP_SEI, first.streams.video[0], video)
    video.time_base = info.time_base
    if info.rotation:
        video.set_display_rotation(-info.rotation)
    tracks: list[Iterator[tuple[Fraction, Packet[Any]]]] = []
    zero = info.start_pts
    start = _sound_start(source) if sound is not None else None
    if media is not None and sound is not None and start is not None:
        stream = add_sound_stream(out, sound)
        zero = _zero(info, start)
        tracks.append(_sound_track(media, sound, stream, zero * info.time_base))
    tracks.insert(0, _video_track(segments, info, order, zero, video, strip))
    for _, packet in heapq.merge(*tracks, key=lambda timed: timed[0]):
        out.mux_one(packet)


def _open_segment(path: Path) -> InputContainer:
    # Our own file, but from storage: as careful as with a source.
    return av.open(
        f"file:{path}",
        "r",
        format="mp4",
        options={"protocol_whitelist": "file", "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2"},
    )


def _sound_start(source: MediaSource) -> Fraction | None:
    """Return when the sound starts, in seconds, or None if there is none to hear."""
    with open_media(source) as media:
        sound = pick_sound(media)
        return start_time(media, sound) if sound is not None else None


def _zero(info: VideoInfo, sound_start: Fraction) -> int:
    """Return the source's pts that becomes time 0: where the earlier of picture and sound starts.

    Sound that starts before 0 or before the picture by an encoder's delay keeps that as an edit.
    """
    lead = info.start_pts * info.time_base
    heard = max(sound_start, min(Fraction(0), lead))
    return min(info.start_pts, int(heard // info.time_base))


def _read_pts(segments: Sequence[Path], info: VideoInfo) -> npt.NDArray[np.int64]:
    """Return the pts of all packets in the order of decoding, and hold them against the video."""
    found: list[int] = []
    extradata: set[bytes] = set()
    for path in segments:
        beat()
        with _open_segment(path) as container:
            stream = container.streams.video[0]
            extradata.add(stream.codec_context.extradata or b"")
            found.extend(_source_pts(p, info) for p in container.demux(stream) if p.size)
    order = np.array(found, np.int64)
    whole = (
        len(order) == info.num_frames
        and int(order.min()) == info.start_pts
        and int(order.max()) < info.stop_pts
        and len(np.unique(order)) == len(order)
    )
    if not whole:
        raise VideoError(
            FailureReason.ENCODE,
            f"the segments of {name_of(info.uri)} hold {len(order)} frames, not the "
            f"{info.num_frames} of the video.",
            advice="Render its shards again.",
        )
    if len(extradata) != 1:
        raise VideoError(
            FailureReason.ENCODE,
            f"the segments of {name_of(info.uri)} were encoded with different settings.",
            advice="Render its shards again.",
        )
    return order


def _source_pts(packet: Packet[Any], info: VideoInfo) -> int:
    assert packet.pts is not None
    pts = packet.pts * packet.time_base / info.time_base
    if pts.denominator != 1:
        raise VideoError(
            FailureReason.ENCODE, f"a segment of {name_of(info.uri)} has rounded time stamps."
        )
    return int(pts) + origin_pts(info)


def _video_track(
    segments: Sequence[Path],
    info: VideoInfo,
    order: npt.NDArray[np.int64],
    zero: int,
    stream: Any,
    strip: BitStreamFilterContext,
) -> Iterator[tuple[Fraction, Packet[Any]]]:
    """Yield the packets of all segments with times in the source's time base, from `zero` on.

    Each segment was encoded alone, so its decoding times may overlap with the one's before. They
    are made anew: packet i is decoded when frame i - delay is shown.
    """
    shown = np.sort(order)
    ranks = np.searchsorted(shown, order)
    delay = int(np.max(np.arange(len(order)) - ranks))
    durations = np.diff(np.append(shown, info.stop_pts))
    step = int(np.median(durations))
    lead = shown[0] - step * np.arange(delay, 0, -1)
    decoded = np.concatenate([lead, shown])[: len(order)] - zero
    number = 0
    for path in segments:
        with _open_segment(path) as container:
            for packet in container.demux(container.streams.video[0]):
                beat()
                for bare in strip.filter(packet) if packet.size else ():
                    bare.stream = stream
                    bare.time_base = info.time_base
                    bare.pts = int(order[number]) - zero
                    bare.dts = int(decoded[number])
                    bare.duration = int(durations[ranks[number]])
                    yield bare.dts * info.time_base, bare
                    number += 1


def _sound_track(
    media: Media, sound: Sound, stream: Any, zero: Fraction
) -> Iterator[tuple[Fraction, Packet[Any]]]:
    """Yield the packets of the sound, from `zero` seconds on."""
    made = sound_packets(media, sound) if sound.copied else encoded_packets(media, sound, stream)
    last: int | None = None
    for packet in made:
        assert packet.pts is not None
        time_base = packet.time_base
        shift = round(zero / time_base)
        packet.stream = stream
        packet.pts -= shift
        if last is not None and packet.pts <= last:
            # Damaged times: MP4 wants them to increase, and every packet is kept. Less than a
            # sample would be rounded away.
            packet.pts = last + max(1, math.ceil(_MAX_SAMPLE_S / time_base))
        last = packet.pts
        packet.dts = packet.pts
        yield packet.pts * time_base, packet
