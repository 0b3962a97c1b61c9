"""Videos that crash or hang a decoder's native code, and bombs: a failed row each, and no more."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

import tests.fakes
from fsp_ray.core.config import RunSettings
from fsp_ray.lake import Lake
from fsp_ray.raydata import RunRequest, anonymize
from fsp_ray.raydata.resources import Layout
from tests.fakes.media import Clip, write_clip
from tests.faults.invariants import check_done, num_frames

pytestmark = [pytest.mark.ray, pytest.mark.faults, pytest.mark.timeout(290)]

STALL_S = 15.0
HUNG = "worker_error: A worker took no step for 15 s at fsp_ray.video."
CRASHED = "worker_error: 2 workers crashed at fsp_ray.video."
KILLED = "worker_error: 3 workers were killed on this video. If the machine is short of memory,"
BOMBS = {
    "bomb.mp4": "over_limit: bomb.mp4 has pictures of 10000x10000 pixels",
    "bomb.mkv": "not_a_video: bomb.mkv has a video stream without a picture size, or with pictures",
    "ten hours.mkv": "over_limit: ten hours.mkv has more than 21600 s",
}


def _bomb(path: Path, codec: str, pix_fmt: str) -> None:
    """Write a picture of 300 MB, once it is decoded."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=1)
        stream.width = stream.height = 10_000
        stream.pix_fmt = pix_fmt
        if codec == "libx264":
            stream.options = {"preset": "ultrafast"}
        frame = av.VideoFrame(10_000, 10_000, pix_fmt)
        frame.pts = 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    assert path.stat().st_size < 4 << 20


def _run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], layout: Layout = "shards"
) -> dict[str, str]:
    """Do an archive of a good video and those; return the reasons by path."""
    source, lake = tmp_path / "source", tmp_path / "lake"
    source.mkdir()
    _bomb(source / "bomb.mp4", "libx264", "yuv420p")
    _bomb(source / "bomb.mkv", "mjpeg", "yuvj420p")
    long = Clip(pts=range(0, 36_000_001, 3_000_000), time_base=Fraction(1, 1000))
    write_clip(source / "ten hours.mkv", long)
    for name in ("good.mp4", *names):
        write_clip(source / name, Clip())
    poison = Path(str(next(iter(tests.fakes.__path__)))) / "poison"
    monkeypatch.setenv("PYTHONPATH", str(poison))
    settings = RunSettings(replace="cover", preset="ultrafast", shard_frames=24)
    start = time.monotonic()
    summary = anonymize(
        RunRequest(str(source), str(lake), settings, workers=2, layout=layout, stall_s=STALL_S),
        lambda _: None,
    )
    assert time.monotonic() - start < 240
    assert summary.videos["published"] == 1
    bad = {*names, *BOMBS}
    frames = {path.name: 0 if path.name in bad else num_frames(path) for path in source.iterdir()}
    check_done(str(lake), frames, unpublished=bad)
    rows = Lake.open(str(lake)).query("SELECT source_path, reason FROM videos").to_pylist()
    return {row["source_path"]: row["reason"] for row in rows if row["reason"]}


def test_poison_costs_its_own_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {
        "segv.mp4": CRASHED,
        "hang gil.mp4": HUNG,
        "killed.mp4": KILLED,
        "late segv.mp4": CRASHED,
        "late hang.mp4": HUNG,
        **BOMBS,
    }
    names = [name for name in expected if name not in BOMBS]
    reasons = _run(tmp_path, monkeypatch, names)
    assert reasons.keys() == expected.keys()
    for name, reason in reasons.items():
        assert reason.startswith(expected[name]), reason


@pytest.mark.faults_long
def test_poison_in_a_decoding_task_costs_its_own_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The task decodes in its main thread: `late` would do nothing there.
    expected = {"segv.mp4": CRASHED, "hang.mp4": HUNG, **BOMBS}
    reasons = _run(tmp_path, monkeypatch, ["segv.mp4", "hang.mp4"], "frames")
    for name, reason in reasons.items():
        assert reason.startswith(expected[name]), reason
