"""The sound of a source video: copied packet for packet, or re-encoded where MP4 can't hold it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import av
import av.error
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Discard

from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.video.container import Media, codec_name, packets, reading

# What MP4 holds and players read.
COPIED: Final = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "alac", "flac"})
_AAC_BITS_A_SECOND: Final = 160_000
# Opus wants 80 ms (four packets) to settle, AAC two or three.
_PREROLL_PACKETS: Final = 4


@dataclass(frozen=True, slots=True)
class Sound:
    """The audio stream that is published, and how."""

    stream: AudioStream
    copied: bool


def pick_sound(media: Media) -> Sound | None:
    """Return the main audio stream, or None; from here on, that is what is read of the file.

    Raises:
        VideoError: UNSUPPORTED if it can't even be decoded.
    """
    best: Any = media.container.streams.best("audio")
    if best is None:
        return None
    codec = codec_name(best)
    if not codec or best.codec_tag == "enca":
        raise VideoError(
            FailureReason.UNSUPPORTED,
            f"{media.name} has sound of a kind that can't be read.",
            advice="Publish it without sound (--audio drop).",
        )
    best.discard = Discard.default
    # Its packets need not even be read where there is an index.
    media.video.discard = Discard.all
    return Sound(best, codec in COPIED)


def sound_packets(media: Media, sound: Sound) -> Iterator[Packet[Any]]:
    """Yield the packets as MP4 holds them: with a time, not cut away by an edit, without ADTS.

    Of what an edit list cuts away before the start, the last few packets stay (hidden again in the
    published file), because a decoder needs them to be right from the first sample on.
    """
    strip = None
    if codec_name(sound.stream) == "aac" and not sound.stream.codec_context.extradata:
        strip = BitStreamFilterContext("aac_adtstoasc", sound.stream)
    for packet in _heard(media, sound):
        if strip is None:
            yield packet
            continue
        time_base = packet.time_base  # the filter takes all of the packet, this included
        with reading(media.name, otherwise=FailureReason.DECODE):
            stripped = strip.filter(packet)
        for bare in stripped:
            bare.time_base = time_base
            yield bare


def _heard(media: Media, sound: Sound) -> Iterator[Packet[Any]]:
    before: deque[Packet[Any]] = deque(maxlen=_PREROLL_PACKETS)
    heard = False
    for packet in packets(media, sound.stream):
        if packet.pts is None:
            continue
        if packet.is_discard:
            if not heard:
                before.append(packet)
            continue
        if not heard:
            yield from before
            heard = True
        yield packet


def start_time(media: Media, sound: Sound) -> Fraction | None:
    """Return the time of the first packet in seconds, or None if there is no packet."""
    first = next(sound_packets(media, sound), None)
    return None if first is None or first.pts is None else first.pts * first.time_base


def add_sound_stream(out: OutputContainer, sound: Sound) -> AudioStream:
    """Add the published audio stream: the source's parameters, or an AAC encoder's."""
    if sound.copied:
        stream: Any = out.add_stream_from_template(sound.stream)
        return stream
    source: Any = sound.stream.codec_context
    rate = source.sample_rate if source.sample_rate in _AAC_RATES else 48_000
    stream = out.add_stream("aac", rate=rate, bit_rate=_AAC_BITS_A_SECOND)
    stream.codec_context.layout = "mono" if source.layout.nb_channels == 1 else "stereo"
    stream.codec_context.time_base = Fraction(1, rate)
    return stream


_AAC_RATES: Final = frozenset({8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000})


def encoded_packets(media: Media, sound: Sound, out: AudioStream) -> Iterator[Packet[Any]]:
    """Yield the sound re-encoded by the stream `out`, at the times of the source."""
    encoder: Any = out.codec_context
    resampler = av.AudioResampler(
        format=encoder.format, layout=encoder.layout, rate=encoder.sample_rate
    )
    for packet in packets(media, sound.stream, flush=True):
        for frame in _decoded(packet):
            for resampled in resampler.resample(frame):
                yield from out.encode(resampled)
    for resampled in resampler.resample(None):
        yield from out.encode(resampled)
    yield from out.encode(None)


def _decoded(packet: Packet[Any]) -> list[Any]:
    try:
        return packet.decode()
    except av.error.InvalidDataError:
        # A damaged packet is a gap in the sound, which the next packet's time keeps.
        return []
