"""The audit fails closed on real footage: whatever breaks, no original face is published."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from fsp_ray.audit import likeness
from fsp_ray.core.config import RunSettings
from fsp_ray.core.face_types import F32, U8, FaceBatch, Landmarks, SourceFace, SyntheticFace
from fsp_ray.core.progress import RunSummary
from fsp_ray.core.protocols import FaceDetector, FaceEmbedder, Models
from fsp_ray.lake import Lake
from fsp_ray.models import load_models
from fsp_ray.raydata import RunRequest, anonymize, workers
from fsp_ray.stages import heads
from fsp_ray.stages.change_faces import Changes
from fsp_ray.video.sample import write_sample
from tests.fakes.local_ray import without_ray
from tests.fakes.processes import command, descendants, kill
from tests.fakes.samples import carphone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]

FRAMES = 24
QUICK: dict[str, Any] = {"preset": "ultrafast", "audit_retries": 1}


@dataclass
class Job:
    source: Path
    lake: Path

    def run(self, **options: Any) -> RunSummary:
        settings = RunSettings(**{**QUICK, **options})
        request = RunRequest(str(self.source), str(self.lake), settings, workers=1, seed=3)
        return anonymize(request, lambda _: None)

    def rows(self, table: str) -> list[dict[str, Any]]:
        return Lake.open(str(self.lake)).query(f"select * from {table}").to_pylist()

    @property
    def published(self) -> Path:
        return self.lake / "videos" / "drive.mp4"

    def leaks(self) -> int:
        """Count the frames that show the original, by a look of this test's own."""
        before, after = _frames(self.source / "drive.mp4"), _frames(self.published)
        assert len(before) == len(after) == FRAMES
        boxes = [_models().recall_detector.detect(rgb[None]).xyxy for rgb in before]
        assert all(len(b) for b in boxes)
        return sum(
            bool(likeness(a, b, box).shows_original.any())
            for a, b, box in zip(before, after, boxes, strict=True)
        )


@cache
def _models() -> Models:
    return load_models("open")


def _frames(path: Path, count: int | None = None) -> list[npt.NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        pictures = zip(range(count), frames, strict=False) if count else enumerate(frames)
        return [frame.to_ndarray(format="rgb24") for _, frame in pictures]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    source = tmp_path / "source"
    source.mkdir()
    write_sample(source / "drive.mp4", _frames(carphone(), FRAMES), frame_rate=25)
    return Job(source, tmp_path / "lake")


@pytest.fixture
def here(job: Job, monkeypatch: pytest.MonkeyPatch) -> Job:
    """The job, in this process."""
    without_ray(monkeypatch)
    return job


class IdleSwapper:
    """Says that it has put a face on, and has not."""

    def __init__(self, *_: object) -> None:
        pass

    def session(self, face: SyntheticFace, source: SourceFace) -> IdleSwapper:
        return self

    def apply(self, rgb: U8, points: F32) -> None:
        pass


class Spoilt:
    """The pack's models, less one that is broken."""

    def __init__(self, models: Models, **broken: FaceDetector | FaceEmbedder) -> None:
        self._models, self._broken = models, broken

    def __getattr__(self, role: str) -> Any:
        return self._broken.get(role) or getattr(self._models, role)


class BlindDetector:
    def detect(self, rgb: U8) -> FaceBatch:
        none = np.zeros((0, 4), np.float32)
        return FaceBatch(
            np.zeros(0, np.int64), none, np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32)
        )


class CredulousAuditor:
    """Takes everybody for the same person."""

    dimensions = 2
    same_person_distance = 0.1

    def match_distance(self, far: float) -> float:
        return 0.1

    def embed(self, rgb: U8, landmarks: Landmarks) -> F32:
        return np.tile(np.float32([1, 0]), (len(landmarks), 1))


def test_a_person_who_passes_and_the_certificate(here: Job) -> None:
    summary = here.run()
    assert summary.videos == {"unchanged": 0, "published": 1}
    (row, *_) = here.rows("audit")
    assert (row["verdict"], row["leaked_frames"], row["matched_frames"]) == ("pass", 0, 0)
    assert row["distance_min"] > row["threshold"] == pytest.approx(0.067, abs=0.01)
    assert row["distance_mean"] >= row["distance_min"]
    assert row["detected_after"] == 1
    assert row["gender_after"] == "male"
    assert row["auditor"].startswith("dlib")
    assert here.leaks() == 0
    assert summary.audit.passed >= 1
    assert summary.audit.compared_frames == FRAMES
    paper = json.loads(Path(f"{here.published}.json").read_text(encoding="ascii"))
    (video,) = here.rows("videos")
    assert paper["file"]["sha256"] == video["sha256"]
    assert video["sha256"] == hashlib.sha256(here.published.read_bytes()).hexdigest()
    assert paper["file"] == {
        "name": "drive.mp4",
        "sha256": video["sha256"],
        "size_bytes": here.published.stat().st_size,
    }
    assert paper["made_by"]["settings_hash"] == video["settings_hash"]
    assert paper["made_by"]["run_id"] == summary.run_id
    assert paper["audit"]["verdict"] == "pass"
    assert paper["audit"]["leaked_frames"] == 0
    assert paper["audit"]["closest_distance"] == pytest.approx(row["distance_min"])
    assert "compositeSynthetic" in paper["synthetic_media"]["digital_source_type"]
    assert str(here.source) not in json.dumps(paper)
    with av.open(str(here.published)) as container:
        assert "compositeSynthetic" in container.metadata["description"]


def test_a_swapper_that_does_nothing(here: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "MeshSwapper", IdleSwapper)
    # Choosing needs a swapper, too; which face it is does not matter to one that does nothing.
    again: list[Changes] = []
    monkeypatch.setattr(
        workers, "change_faces", lambda _p, _s, changes, *_, **__: again.append(changes)
    )
    summary = here.run()
    (person,) = [row["person_id"] for row in here.rows("persons")]
    assert [dict(changes.rejected) for changes in again] == [{person: 1}]
    (row,) = here.rows("audit")
    assert (row["verdict"], row["retries"], row["distance_min"]) == ("cover", 1, None)
    assert [p["replaced"] for p in here.rows("persons")] == ["cover"]
    assert summary.videos["published"] == 1
    assert summary.audit.covered == 1
    assert here.leaks() == 0


def test_a_cover_that_does_nothing(here: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "cover", lambda *_, **__: None)
    summary = here.run(replace="cover")
    assert summary.videos == {"unchanged": 0, "quarantined": 1}
    (problem,) = summary.problems
    assert problem.reason.startswith(f"face_not_covered: In {FRAMES} frames")
    (row,) = here.rows("videos")
    assert (row["status"], row["reason"], row["published_uri"]) == (
        "quarantined",
        problem.reason,
        None,
    )
    assert {a["verdict"] for a in here.rows("audit")} == {"quarantined"}
    assert here.rows("persons") == []
    assert [p for p in (here.lake / "videos").rglob("*") if p.is_file()] == []
    assert [p for p in (here.lake / "_staging").rglob("*") if p.is_file()] == []


def test_an_analysis_that_sees_nothing(here: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    analyse, blind = workers.analyse_shard, BlindDetector()

    def blindly(*what: Any, models: Models, **options: Any) -> object:
        roles = [name for name in dir(models) if name.endswith("detector") and name[0] != "_"]
        spoilt = Spoilt(models, **dict.fromkeys(roles, blind))
        return analyse(*what, models=spoilt, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(workers, "analyse_shard", blindly)
    summary = here.run()
    assert here.rows("persons") == []
    assert summary.videos["published"] == 1
    assert summary.audit.patches >= 1
    assert here.leaks() == 0


def test_an_auditor_who_recognises_everybody(here: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        workers,
        "load_models",
        lambda pack, threads=1: Spoilt(
            load_models(pack, threads=threads), auditor=CredulousAuditor()
        ),
    )
    workers._models.cache_clear()
    try:
        here.run(audit_retries=0)
    finally:
        workers._models.cache_clear()
    assert {a["verdict"] for a in here.rows("audit")} == {"cover"}
    assert here.leaks() == 0


def test_a_withdrawn_video_takes_its_certificate_along(
    here: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.run(replace="cover")
    assert here.published.exists()
    monkeypatch.setattr(heads, "cover", lambda *_, **__: None)
    here.run(replace="cover", crf=20)
    assert [p for p in (here.lake / "videos").rglob("*") if p.is_file()] == []


class Assassin(threading.Thread):
    """Kills the worker that audits the first rendered shard."""

    def __init__(self, staging: Path) -> None:
        super().__init__(daemon=True)
        self.staging = staging
        self.killed: int | None = None

    def run(self) -> None:
        deadline = time.monotonic() + 200
        while self.killed is None and time.monotonic() < deadline:
            rendered = list(self.staging.glob("*/*/segments/*.mkv"))
            busy = [p for p in descendants(os.getpid()) if "ray::MapWorker" in command(p)]
            if rendered and not list(self.staging.glob("*/*/audit/*.npz")) and busy:
                kill(busy[:1])
                self.killed = busy[0]
            time.sleep(0.02)


@pytest.mark.ray
def test_a_worker_killed_in_the_audit_costs_nothing_but_time(job: Job) -> None:
    assassin = Assassin(job.lake / "_staging")
    assassin.start()
    summary = job.run(replace="cover")
    assert assassin.killed is not None
    assert summary.videos["published"] == 1
    assert len(job.rows("videos")) == 1
    assert len(job.rows("audit")) == len(job.rows("persons")) == summary.persons
    assert job.leaks() == 0
