"""A job that needs neither Ray nor models, in the place of the real one."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fsp_ray.core.progress import Problem, Progress, ProgressListener, RunSummary


def make_summary(**changes: Any) -> RunSummary:
    """Return the end of a run in which all went well."""
    values: dict[str, Any] = {
        "run_id": "20260101T000000Z-00000000",
        "lake": "lake",
        "videos": {"published": 3, "unchanged": 1},
        "persons": 5,
        "frames": 300,
        "faces": 700,
        "seconds": 20.0,
        "seconds_by_stage": {"render": 12.3456},
    }
    return RunSummary(**{**values, **changes})


BAD = make_summary(
    videos={"published": 1, "failed": 1, "quarantined": 1},
    problems=(
        Problem("a/[bold]broken.mp4", "failed", "truncated: 93 of 180 frames."),
        Problem("b.mov", "quarantined", "face_not_covered: frame 7."),
    ),
)


@dataclass
class FakeJob:
    """What the command line handed over, and what the job answers."""

    answer: RunSummary | BaseException = field(default_factory=make_summary)
    work: Any = None
    requests: list[Any] = field(default_factory=list)
    noise: str = ""

    def anonymize(self, request: Any, listener: ProgressListener) -> RunSummary:
        self.requests.append(request)
        listener(Progress("start", 0.1, videos_total=3, message="3 videos to do"))
        listener(
            Progress(
                "render",
                10.0,
                videos_done=1,
                videos_total=3,
                shards_done=2,
                shards_total=8,
                frames_done=100.0,
                frames_total=400,
            )
        )
        print(self.noise, end="")  # noqa: T201 - a library that prints
        if isinstance(self.answer, BaseException):
            raise self.answer
        listener(Progress("done", 20.0, videos_done=3, videos_total=3))
        return self.answer

    def plan(self, request: Any) -> Any:
        self.requests.append(request)
        return self.work


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> FakeJob:
    """The fake job, in the place of fsp_ray.raydata."""
    fake = FakeJob()
    spec = importlib.util.find_spec("fsp_ray.raydata")
    assert spec is not None
    module: Any = types.ModuleType("fsp_ray.raydata")
    module.__path__ = list(spec.submodule_search_locations or ())
    monkeypatch.setitem(sys.modules, "fsp_ray.raydata", module)
    module.RunRequest = importlib.import_module("fsp_ray.raydata.request").RunRequest
    module.anonymize = fake.anonymize
    module.plan = fake.plan
    return fake


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A source folder that is there."""
    folder = tmp_path / "source"
    folder.mkdir()
    return str(folder)


Fsp = Callable[..., tuple[int, str, str]]


@pytest.fixture
def fsp(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Fsp:
    """Run a command line in this process: (exit code, stdout, stderr)."""
    monkeypatch.delenv("FSP_DEBUG", raising=False)
    from fsp_ray.cli.main import run

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
