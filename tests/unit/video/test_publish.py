"""The law of the room: shards together are the video, and what is published keeps its times."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fsp_ray.core.config import VideoLimits
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.video_types import FrameBatch, VideoInfo
from fsp_ray.video import SegmentWriter, decode, mux, plan_shards, prefetch, probe, verify
from tests.fakes.media import CLIPS, Clip, LocalFile, texture, write_clip

MakeClip = Callable[[str], LocalFile]


def info_of(source: LocalFile) -> VideoInfo:
    return probe(source, video_id="v", limits=VideoLimits())


def sums(batches: Iterable[FrameBatch]) -> list[tuple[int, int]]:
    """(pts, crc) of every frame."""
    return [
        (int(pts), zlib.crc32(rgb))
        for batch in batches
        for rgb, pts in zip(batch.rgb, batch.pts, strict=True)
    ]


def publish(
    source: LocalFile,
    out: Path,
    *,
    target_frames: int = 20,
    audio: str = "keep",
    crf: int = 18,
    preset: str = "ultrafast",
) -> VideoInfo:
    info = info_of(source)
    segments: list[Path] = []
    for shard in plan_shards(source, info, target_frames=target_frames):
        segments.append(out.with_name(f"{shard.shard_id}.mp4"))
        with SegmentWriter(segments[-1], info, crf=crf, preset=preset) as writer:
            for batch in prefetch(decode(source, info, shard, batch_frames=7)):
                writer.write(batch)
    mux(segments, source, info, out, audio=audio)  # type: ignore[arg-type]
    return info


def seconds(path: Path, kind: str) -> list[Fraction]:
    """When every packet of a stream that is heard or seen is shown, read without our code."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return sorted(
            packet.pts * packet.time_base
            for packet in container.demux(stream)
            if packet.pts is not None and not packet.is_discard
        )


@pytest.mark.parametrize("name", CLIPS)
def test_shards_together_are_the_video(name: str, make_clip: MakeClip) -> None:
    source = make_clip(name)
    info = info_of(source)
    whole = sums(decode(source, info))
    assert len(whole) == info.num_frames
    assert len({crc for _, crc in whole}) == info.num_frames, "the test's frames are all different"
    for target in (1, 12, 20, 1000):
        shards = plan_shards(source, info, target_frames=target)
        assert sum(shard.num_frames for shard in shards) == info.num_frames
        parts = [sums(decode(source, info, shard)) for shard in shards]
        assert [len(part) for part in parts] == [shard.num_frames for shard in shards]
        assert [frame for part in parts for frame in part] == whole
        assert len(shards) == 1 or target < 1000
    assert source.still_open == 0


@pytest.mark.parametrize("name", [n for n in CLIPS if n != "intra_refresh.mp4"])
def test_videos_with_keyframes_are_cut(name: str, make_clip: MakeClip) -> None:
    source = make_clip(name)
    info = info_of(source)
    assert len(plan_shards(source, info, target_frames=12)) >= 3


@pytest.mark.parametrize("name", CLIPS)
def test_published_keeps_frames_times_and_sound(
    name: str, make_clip: MakeClip, tmp_path: Path
) -> None:
    source, out = make_clip(name), tmp_path / "out.mp4"
    info = publish(source, out, preset="veryfast")
    verify(out, source, info, audio="keep")
    here = seconds(source.path, "video")
    hidden = len(here) - info.num_frames
    here, there = here[hidden:], seconds(out, "video")
    assert [t - there[0] for t in there] == [t - here[0] for t in here]
    if info.has_audio:
        offset = seconds(source.path, "audio")[0] - here[0]
        assert abs(seconds(out, "audio")[0] - there[0] - offset) < Fraction(1, 1000)
    assert source.still_open == 0
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".part"] == []


@pytest.mark.parametrize("packets", [37, 61])
@pytest.mark.parametrize("name", ["stream.ts", "open_gop.ts", "hevc_open_gop.ts", "mpeg2.ts"])
def test_recordings_that_start_in_the_middle(
    name: str, packets: int, make_clip: MakeClip, tmp_path: Path
) -> None:
    """Frames before the first keyframe never decode: they are no frames of the video."""
    path = tmp_path / name
    path.write_bytes(make_clip(name).path.read_bytes()[188 * packets :])
    source, out = LocalFile(path), tmp_path / "out.mp4"
    info = publish(source, out, target_frames=12)
    assert 12 <= info.num_frames < 48
    assert len(sums(decode(source, info))) == info.num_frames
    verify(out, source, info, audio="keep")


def test_frames_that_an_edit_list_hides_at_the_end(plain: Path, tmp_path: Path) -> None:
    raw = bytearray(plain.read_bytes())
    at = raw.index(b"elst") + 12
    whole = int.from_bytes(raw[at : at + 4], "big")
    raw[at : at + 4] = (whole // 2).to_bytes(4, "big")
    (tmp_path / "in.mp4").write_bytes(raw)
    source, out = LocalFile(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    info = publish(source, out, target_frames=12)
    assert info.num_frames in (24, 25)
    assert len(sums(decode(source, info))) == info.num_frames
    verify(out, source, info, audio="keep")


def payloads(path: Path) -> list[bytes]:
    """Digests of the sound packets that are heard."""
    with av.open(str(path)) as container:
        return [
            hashlib.sha256(bytes(packet)).digest()
            for packet in container.demux(audio=0)
            if packet.size and not packet.is_discard
        ]


@pytest.mark.parametrize(
    "name", ["b_frames.mp4", "vp9.webm", "fragments.mp4", "mpeg2.ts", "mpeg4.avi", "cut_sound.mp4"]
)
def test_sound_is_copied_byte_for_byte(name: str, make_clip: MakeClip, tmp_path: Path) -> None:
    source, out = make_clip(name), tmp_path / "out.mp4"
    publish(source, out)
    assert payloads(source.path)
    assert payloads(out) == payloads(source.path)


def test_sound_that_an_edit_hides_is_not_published(make_clip: MakeClip, tmp_path: Path) -> None:
    source, out = make_clip("cut_sound.mp4"), tmp_path / "out.mp4"
    publish(source, out)
    with av.open(str(out)) as container:
        hidden = sum(p.is_discard for p in container.demux(audio=0))
    with av.open(str(source.path)) as container:
        assert sum(p.is_discard for p in container.demux(audio=0)) > 40
    assert hidden <= 4


def test_sound_that_mp4_cannot_hold_becomes_aac(make_clip: MakeClip, tmp_path: Path) -> None:
    source, out = make_clip("ntsc.mov"), tmp_path / "out.mp4"
    publish(source, out)

    def wave(path: Path) -> np.ndarray:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
        with av.open(str(path)) as container:
            frames = [r for f in container.decode(audio=0) for r in resampler.resample(f)]
        return np.concatenate([f.to_ndarray()[0] for f in frames]).astype(float)

    with av.open(str(out)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
    here, there = wave(source.path), wave(out)
    length = min(len(here), len(there)) - 4096
    assert length > 40_000
    # Best at the very same sample: the encoder's delay is taken off.
    scores = [
        np.corrcoef(here[2048 : 2048 + length], there[2048 + d :][:length])[0, 1]
        for d in range(-64, 65, 16)
    ]
    assert int(np.argmax(scores)) == 4
    assert max(scores) > 0.99


def test_dropped_sound_is_gone(make_clip: MakeClip, tmp_path: Path) -> None:
    source, out = make_clip("b_frames.mp4"), tmp_path / "out.mp4"
    info = publish(source, out, audio="drop")
    verify(out, source, info, audio="drop")
    with av.open(str(out)) as container:
        assert [s.type for s in container.streams] == ["video"]
    # With sound, the encoder of the source's AAC may name itself inside of it.
    assert b"Lavc" not in out.read_bytes()
    with pytest.raises(VideoError) as caught:
        verify(out, source, info, audio="keep")
    assert caught.value.reason is FailureReason.VERIFY


@pytest.mark.parametrize("name", ["tags.mp4", "tags.mkv", "tags.ts"])
def test_nothing_else_of_the_source_is_published(name: str, tmp_path: Path) -> None:
    clip = Clip(
        audio="aac",
        metadata={"title": "Jane Doe", "comment": "Jane Doe", "location": "+48.85+002.35/"},
        extras=True,
    )
    source = LocalFile(write_clip(tmp_path / name, clip))
    assert b"Jane Doe" in source.path.read_bytes() or name.endswith(".ts")
    out = tmp_path / "out.mp4"
    info = publish(source, out)
    verify(out, source, info, audio="keep")
    raw = out.read_bytes()
    for trace in (b"Jane", b"+48.85", b"Lavf", b"x264", b"filmed", b"attachment", b"chapter"):
        assert trace not in raw
    with av.open(str(out)) as container:
        assert sorted(s.type for s in container.streams) == ["audio", "video"]
        assert container.chapters() == []


def test_the_last_frame_is_shown_as_long(make_clip: MakeClip, tmp_path: Path) -> None:
    for name in ("plain.mp4", "vfr.mkv"):
        out = tmp_path / f"{name}.mp4"
        info = publish(make_clip(name), out)
        assert info_of(LocalFile(out)).duration_s == info.duration_s


def test_marking_is_written(make_clip: MakeClip, tmp_path: Path) -> None:
    source, out = make_clip("plain.mp4"), tmp_path / "out.mp4"
    info = info_of(source)
    segment = tmp_path / "0.mp4"
    with SegmentWriter(segment, info, crf=30, preset="ultrafast") as writer:
        for batch in decode(source, info):
            writer.write(batch)
    mux([segment], source, info, out, audio="keep", marking={"comment": "synthetic faces"})
    with av.open(str(out)) as container:
        assert container.metadata["comment"] == "synthetic faces"
    # The index stands in front, for players on the web.
    assert out.read_bytes().index(b"moov") < out.read_bytes().index(b"mdat")


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_turned_pictures_are_upright_and_published_as_stored(rotation: int, tmp_path: Path) -> None:
    clip = Clip(rotation=rotation, pts=range(8), options={"crf": "8"})
    source, out = LocalFile(write_clip(tmp_path / "in.mp4", clip)), tmp_path / "out.mp4"
    info = publish(source, out, crf=8)
    turned = rotation in (90, 270)
    assert (info.width, info.height) == ((64, 96) if turned else (96, 64))
    want = np.rot90(texture(3, 96, 64), -rotation // 90)
    for path in (source.path, out):
        got = next(decode(LocalFile(path), info_of(LocalFile(path)))).rgb[3]
        assert np.abs(got.astype(int) - want).mean() < 12
    with av.open(str(out)) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height) == (96, 64)
        assert -frame.rotation % 360 == rotation


def test_aspect_follows_the_turn(make_clip: MakeClip, tmp_path: Path) -> None:
    source, out = make_clip("turned.mp4"), tmp_path / "out.mp4"
    info = publish(source, out)
    assert info.sample_aspect_ratio == Fraction(3, 4)
    assert info_of(LocalFile(out)).sample_aspect_ratio == Fraction(3, 4)


def test_odd_sizes_repeat_the_edge(make_clip: MakeClip, tmp_path: Path) -> None:
    source, out = make_clip("odd.mp4"), tmp_path / "out.mp4"
    info = publish(source, out, crf=4)
    got = info_of(LocalFile(out))
    assert (info.width, info.height) == (95, 63)
    assert (got.width, got.height) == (96, 64)
    rgb = next(decode(LocalFile(out), got)).rgb[0].astype(int)
    assert np.abs(rgb[:, -1] - rgb[:, -2]).mean() < 6
    assert np.abs(rgb[-1] - rgb[-2]).mean() < 6


def test_rgb_video_is_published_in_bt709(tmp_path: Path) -> None:
    clip = Clip(
        "libx264rgb", {"crf": "4"}, 192, 128, pix_fmt="rgb24", matrix=0, pts=range(6)
    )  # fmt: skip
    source, out = LocalFile(write_clip(tmp_path / "in.mkv", clip)), tmp_path / "out.mp4"
    info = publish(source, out, crf=6)
    published = info_of(LocalFile(out))
    assert published.color.matrix == 1
    first = next(decode(source, info)).rgb.astype(float)
    second = next(decode(LocalFile(out), published)).rgb.astype(float)
    want = np.stack([texture(n, 192, 128) for n in range(6)]).astype(float)
    assert np.abs(first - want).mean() < 2
    assert np.abs((second - first).mean(axis=(0, 1, 2))).max() < 0.5


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [1, 2, 6, 9])
def test_colours_do_not_shift(full_range: bool, matrix: int, tmp_path: Path) -> None:
    clip = Clip(
        width=192, height=128, pts=range(6), full_range=full_range, matrix=matrix,
        options={"crf": "6"},
    )  # fmt: skip
    source, out = LocalFile(write_clip(tmp_path / "in.mp4", clip)), tmp_path / "out.mp4"
    info = publish(source, out, crf=6)
    assert info.color.full_range == full_range
    assert info.color.matrix == matrix
    published = info_of(LocalFile(out))
    assert published.color == info.color
    first = next(decode(source, info)).rgb.astype(float)
    second = next(decode(LocalFile(out), published)).rgb.astype(float)
    want = np.stack([texture(n, 192, 128) for n in range(6)]).astype(float)
    # The clip's own maker, swscale, shifts full-range colours by a step.
    assert np.abs((first - want).mean(axis=(0, 1, 2))).max() < (1.2 if full_range else 0.3)
    assert np.abs((second - first).mean(axis=(0, 1, 2))).max() < 0.25
    assert np.abs(second - first).mean() < 3


def test_pictures_that_the_decoder_has_to_make_up_do_not_verify(tmp_path: Path) -> None:
    source = LocalFile(write_clip(tmp_path / "a.mp4", Clip(width=320, height=240)))
    out = tmp_path / "p.mp4"
    info = publish(source, out, audio="drop", preset="veryfast")
    whole = out.read_bytes()
    media_data = whole.index(b"mdat") + 400
    generator = np.random.default_rng(1)
    refused = 0
    for _ in range(12):
        damaged = bytearray(whole)
        start = int(generator.integers(media_data, len(whole) - 64))
        damaged[start : start + 64] = generator.bytes(64)
        out.write_bytes(damaged)
        try:
            verify(out, source, info, audio="drop")
        except VideoError:
            refused += 1
    assert refused >= 2  # what still decodes without an error passes: bits alone do not tell
