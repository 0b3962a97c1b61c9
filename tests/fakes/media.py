"""Makes test clips, in code: moving texture, so that every frame differs from every other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
import numpy.typing as npt


class LocalFile:
    """A file as a MediaSource; counts how often it was opened, and what is still open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened: list[BinaryIO] = []

    @property
    def uri(self) -> str:
        return str(self.path)

    @property
    def local_path(self) -> Path | None:
        return self.path

    def open(self) -> BinaryIO:
        file = self.path.open("rb")
        self.opened.append(file)
        return file

    @property
    def still_open(self) -> int:
        return sum(not file.closed for file in self.opened)


@dataclass(frozen=True)
class Clip:
    """What a test clip is; the suffix of its path says the container."""

    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=dict)
    width: int = 96
    height: int = 64
    pix_fmt: str = "yuv420p"
    rate: int = 30
    time_base: Fraction | None = None
    pts: Sequence[int] | None = None
    """Of every frame, in units of time_base; None: 48 frames from 0 on."""
    gop: int = 12
    b_frames: int = 0
    rotation: int = 0
    mirrored: bool = False
    full_range: bool = False
    matrix: int = 2
    aspect: Fraction | None = None
    container_options: dict[str, str] = field(default_factory=dict)
    audio: str | None = None
    audio_start_s: Fraction = Fraction(0)
    metadata: dict[str, str] = field(default_factory=dict)
    extras: bool = False
    """Chapters, an attachment (Matroska only) and a data stream (MPEG-TS only)."""


def texture(number: int, width: int, height: int) -> npt.NDArray[np.uint8]:
    """Return frame `number`, u8[H, W, 3]: coloured waves and grain, moving, and a bright mark.

    The mark (8x8, red) is at the upper left of frame 0 and tells which way is up.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    t = np.float32(number)
    grain = np.random.default_rng(7).integers(-12, 12, (height, width), np.int16)
    grain = np.roll(grain, (number, 3 * number), (0, 1))
    waves = [
        128 + 70 * np.sin((x + 3 * t) / 9),
        128 + 60 * np.sin((y + 2 * t) / 7 + t / 5),
        120 + 50 * np.sin((x + y) / 13 - t / 3),
    ]
    rgb = np.clip(np.stack(waves, axis=-1) + grain[..., None], 0, 255).astype(np.uint8)
    rgb[:8, :8] = (250, 10, 10)
    return rgb


def write_clip(path: Path, clip: Clip) -> Path:
    """Encode a clip; returns its path."""
    time_base = clip.time_base or Fraction(1, clip.rate)
    pts = list(range(48)) if clip.pts is None else list(clip.pts)
    options = {"movie_timescale": "90000"} if path.suffix == ".mp4" else {}
    options |= clip.container_options
    with av.open(str(path), "w", container_options=options) as out:
        out.metadata.update(clip.metadata)
        stream = _add_video(out, clip, time_base)
        sound = _add_sound(out, clip)
        data = _add_extras(out, clip, path)
        # Sound and pictures in turn, so that the muxer never holds much.
        for number, at in enumerate(pts):
            if sound is not None and number == 0:
                _write_sound(out, sound, clip, float((pts[-1] - pts[0]) * time_base) + 0.2)
            rgb = texture(number, clip.width, clip.height)
            out.mux(stream.encode(_frame(rgb, clip, at, time_base)))
            if data is not None and number % 10 == 0:
                packet = av.Packet(b"where it was filmed")
                packet.stream, packet.time_base = data, time_base
                packet.pts = packet.dts = at
                out.mux(packet)
        out.mux(stream.encode(None))
    return path


def _add_video(out: Any, clip: Clip, time_base: Fraction) -> Any:
    options = dict(clip.options)
    if clip.codec == "libx264":
        options = {"preset": "ultrafast", "bf": str(clip.b_frames), **options}
    if clip.codec == "libvpx-vp9":
        options = {"deadline": "realtime", "cpu-used": "8", **options}
    stream = out.add_stream(clip.codec, rate=clip.rate, options=options)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = clip.width, clip.height, clip.pix_fmt
    context.time_base = stream.time_base = time_base
    context.gop_size = clip.gop
    context.max_b_frames = clip.b_frames
    context.thread_count = 1
    context.color_range = 2 if clip.full_range else 1
    context.colorspace = clip.matrix
    if clip.aspect is not None:
        context.sample_aspect_ratio = clip.aspect
    if clip.rotation or clip.mirrored:
        stream.set_display_rotation(-clip.rotation, hflip=clip.mirrored)
    return stream


_MATRICES = {1: 1, 2: 5, 5: 5, 6: 5, 9: 9}


def _frame(rgb: npt.NDArray[np.uint8], clip: Clip, pts: int, time_base: Fraction) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
    if clip.pix_fmt != "rgb24":
        frame = frame.reformat(
            format=clip.pix_fmt,
            dst_colorspace=_MATRICES[clip.matrix],
            src_color_range=2,
            dst_color_range=2 if clip.full_range else 1,
        )
    frame.pts, frame.time_base = pts, time_base
    return frame


def _add_sound(out: Any, clip: Clip) -> Any:
    if clip.audio is None:
        return None
    stream = out.add_stream(clip.audio, rate=48_000)
    stream.codec_context.layout = "stereo"
    return stream


def _write_sound(out: Any, stream: Any, clip: Clip, seconds: float) -> None:
    rate, size = 48_000, 960
    time = np.arange(int(seconds * rate)) / rate
    wave = (9000 * np.sin(2 * np.pi * (300 + 200 * time) * time)).astype(np.int16)
    resampler = av.AudioResampler(
        format=stream.codec_context.format, layout="stereo", rate=rate, frame_size=None
    )
    for at in range(0, len(wave), size):
        part = np.repeat(wave[at : at + size], 2)[None]
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout="stereo")
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = at + round(clip.audio_start_s * rate)
        for resampled in resampler.resample(frame):
            out.mux(stream.encode(resampled))
    out.mux(stream.encode(None))


def _add_extras(out: Any, clip: Clip, path: Path) -> Any:
    if not clip.extras:
        return None
    for stream in out.streams:
        stream.metadata["title"] = "the stream of Jane Doe"
        stream.metadata["handler_name"] = "the handler of Jane Doe"
    out.set_chapters(
        [
            {
                "id": 1,
                "start": 0,
                "end": 500,
                "time_base": Fraction(1, 1000),
                "metadata": {"title": "the chapter of Jane Doe"},
            }
        ]
    )
    if path.suffix == ".mkv":
        out.add_attachment("portrait.txt", "text/plain", b"the attachment of Jane Doe")
    return out.add_data_stream("klv") if path.suffix == ".ts" else None


_OPEN_X264 = {"x264-params": "open-gop=1:keyint=12:scenecut=0:bframes=3:b-adapt=0"}
_OPEN_X265 = {
    "preset": "ultrafast",
    "x265-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3:b-adapt=0:"
    "log-level=none:pools=none:frame-threads=1",
}
_VFR = [0, 512, 1024, 1300, 1301, 3000, 3512, 9000, *range(9700, 37000, 700)]
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
_TICKS_90K = Fraction(1, 90_000)

CLIPS: dict[str, Clip] = {
    "plain.mp4": Clip(),
    "b_frames.mp4": Clip(b_frames=3, audio="aac"),
    "open_gop.mkv": Clip(b_frames=3, options=_OPEN_X264),
    "open_gop.ts": Clip(b_frames=3, options=_OPEN_X264, audio="aac"),
    "intra_refresh.mp4": Clip(options={"x264-params": "intra-refresh=1:keyint=12"}),
    "hevc_open_gop.mp4": Clip(codec="libx265", options=_OPEN_X265),
    "hevc_open_gop.ts": Clip(codec="libx265", options=_OPEN_X265),
    "ten_bit.mkv": Clip(codec="libx265", pix_fmt="yuv420p10le", options=_OPEN_X265),
    "vp9.webm": Clip(codec="libvpx-vp9", audio="libopus"),
    "vp8_hidden.webm": Clip(
        codec="libvpx",
        options={"deadline": "good", "cpu-used": "4", "auto-alt-ref": "1", "lag-in-frames": "16"},
    ),
    "av1.mkv": Clip(codec="libsvtav1", options={"preset": "12", "svtav1-params": "lp=1"}),
    "stream.ts": Clip(b_frames=2, audio="aac"),
    "mpeg2.ts": Clip(codec="mpeg2video", b_frames=2, audio="ac3"),
    "fragments.mp4": Clip(b_frames=2, audio="aac", container_options=_FRAGMENTS),
    "vfr.mp4": Clip(time_base=Fraction(1, 15_360), pts=_VFR, b_frames=2),
    "vfr.mkv": Clip(time_base=Fraction(1, 1000), pts=[p // 8 for p in _VFR if p != 1301]),
    "edit_list.mp4": Clip(
        time_base=_TICKS_90K, pts=range(-9009, 135_135, 3003), b_frames=2, audio="aac"
    ),
    "late_picture.mp4": Clip(
        time_base=_TICKS_90K, pts=range(40_017, 184_161, 3003), b_frames=2, audio="aac"
    ),
    "late_sound.mp4": Clip(b_frames=2, audio="aac", audio_start_s=Fraction(1, 3)),
    "cut_sound.mp4": Clip(audio="aac", audio_start_s=Fraction(-1)),
    "ntsc.mov": Clip(time_base=Fraction(1001, 30_000), audio="pcm_s16le"),
    "mpeg4.avi": Clip(codec="mpeg4", audio="libmp3lame"),
    "odd.mp4": Clip(width=95, height=63, pix_fmt="yuv444p"),
    "turned.mp4": Clip(rotation=90, audio="aac", aspect=Fraction(4, 3)),
}
