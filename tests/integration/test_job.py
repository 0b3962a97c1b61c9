"""The whole job on a small archive: real footage, sound, and files that lie."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from fsp_ray.core.config import RunSettings
from fsp_ray.core.progress import Progress, RunSummary
from fsp_ray.lake import Lake
from fsp_ray.raydata import RunRequest, anonymize
from tests.fakes.hostile import write_hostile
from tests.fakes.media import Clip, write_clip
from tests.fakes.samples import carphone

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(280)]


@dataclass(frozen=True)
class Job:
    source: Path
    lake: Path
    hostile: tuple[str, ...]
    summary: RunSummary
    progress: tuple[Progress, ...]


def _run(source: Path, lake: Path, **options: object) -> tuple[RunSummary, tuple[Progress, ...]]:
    seen: list[Progress] = []
    request = RunRequest(str(source), str(lake), RunSettings(**options))  # type: ignore[arg-type]
    return anonymize(request, seen.append), tuple(seen)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    source, lake = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("lake")
    shutil.copy(carphone(), source / "carphone.mp4")
    (source / "sub").mkdir()
    sound = write_clip(source / "sub" / "sound.mp4", Clip(audio="aac", b_frames=2))
    hostile = write_hostile(source, sound)
    summary, progress = _run(source, lake)
    return Job(source, lake, hostile, summary, progress)


def _times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


def _rows(lake: Path, sql: str) -> list[dict[str, object]]:
    return Lake.open(str(lake)).query(sql).to_pylist()


def test_every_source_has_one_row_and_lies_are_named(job: Job) -> None:
    rows = _rows(job.lake, "select source_uri, status, reason from videos")
    by_name = {Path(str(row["source_uri"])).name: row for row in rows}
    assert len(rows) == len(by_name) == 2 + len(job.hostile)
    assert {n for n, row in by_name.items() if row["status"] == "published"} == {
        "carphone.mp4",
        "sound.mp4",
    }
    reasons = {name: str(by_name[name]["reason"]).partition(":")[0] for name in job.hostile}
    assert reasons == {
        "text.mp4": "not_a_video",
        "empty.mp4": "empty",
        "concat.mp4": "not_a_video",
        "playlist.mp4": "not_a_video",
        "session.mp4": "not_a_video",
        "truncated.mp4": "truncated",
    }
    assert job.summary.videos["published"] == 2
    assert job.summary.videos["failed"] == len(job.hostile)
    assert {problem.path for problem in job.summary.problems} == set(job.hostile)


@pytest.mark.parametrize("name", ["carphone.mp4", "sub/sound.mp4"])
def test_published_videos_keep_frames_and_times(job: Job, name: str) -> None:
    source, published = _times(job.source / name), _times(job.lake / "videos" / name)
    assert published == pytest.approx(source, abs=1e-6)


def test_sound_is_copied_packet_by_packet(job: Job) -> None:
    def packets(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(p) for p in container.demux(audio=0) if p.size]

    name = "sub/sound.mp4"
    assert packets(job.lake / "videos" / name) == packets(job.source / name)


def test_the_person_in_the_car_is_swapped_in_every_frame(job: Job) -> None:
    persons = _rows(job.lake, "select * from persons order by num_frames desc")
    assert persons[0]["gender"] == "male"
    assert persons[0]["replaced"] == "synthetic"
    (frames,) = _rows(job.lake, "select num_frames from videos where num_persons > 0")
    assert persons[0]["num_frames"] == frames["num_frames"]
    tracks = _rows(job.lake, "select sum(swapped_frames) s, sum(num_frames) n from tracks")
    assert int(str(tracks[0]["s"])) > 0.9 * int(str(tracks[0]["n"]))


def test_nothing_but_the_lake_is_left(job: Job) -> None:
    names = {path.name for path in job.lake.iterdir()}
    assert {"videos", "tables"} <= names
    left = [path for path in (job.lake / "_staging").rglob("*") if path.is_file()]
    assert left == []


def test_the_tables_hold_nothing_biometric(job: Job) -> None:
    for table in ("videos", "persons", "tracks", "audit", "runs"):
        for row in _rows(job.lake, f"select * from {table}"):
            assert not any(isinstance(value, bytes | list) for value in row.values())
    (run,) = _rows(job.lake, "select * from runs")
    assert "secret" not in str(run)
    assert run["finished_at"] is not None


def test_progress_counts_up_to_all_frames(job: Job) -> None:
    done = [step.frames_done for step in job.progress]
    assert done == sorted(done)
    last = job.progress[-1]
    assert last.phase == "done"
    assert last.frames_done == last.frames_total == job.summary.frames
    assert last.videos_done == last.videos_total == 2 + len(job.hostile)


def test_a_second_run_does_nothing_and_a_changed_file_is_done_again(job: Job) -> None:
    before = (job.lake / "videos" / "carphone.mp4").stat().st_mtime_ns
    again, _ = _run(job.source, job.lake)
    assert again.videos.get("published", 0) == 0
    assert again.videos["unchanged"] == 2
    assert again.videos["failed"] == len(job.hostile)
    write_clip(job.source / "sub" / "sound.mp4", Clip(pts=tuple(range(30))))
    changed, _ = _run(job.source, job.lake)
    assert changed.videos.get("published") == 1
    assert (job.lake / "videos" / "carphone.mp4").stat().st_mtime_ns == before
    rows = _rows(
        job.lake, "select num_frames, has_audio from videos where source_uri like '%sound%'"
    )
    assert rows == [{"num_frames": 30, "has_audio": False}]
    assert len(_times(job.lake / "videos" / "sub" / "sound.mp4")) == 30
