"""The scripts under jobs/: where they run, and what their log ends with."""

from __future__ import annotations

import ast
import runpy
import sys
from pathlib import Path

import pytest

from fsp_ray.cli.exits import ExitCode
from fsp_ray.cli.job import MEANINGS, job_arguments, run_job
from fsp_ray.core.progress import Problem

from .conftest import FakeJob, make_summary

JOBS = sorted((Path(__file__).parents[3] / "jobs").glob("*.py"))
RAY_JOB = {"RAY_JOB_CONFIG_JSON_ENV_VAR": "{}", "RAY_ADDRESS": "10.0.0.1:6379"}
ARGUMENTS = ["archive", "lake"]


def test_a_ray_job_joins_the_ray_that_runs_it() -> None:
    assert job_arguments("anonymize", ARGUMENTS, RAY_JOB) == [*ARGUMENTS, "--address", "auto"]


@pytest.mark.parametrize("given", [["--address", "head:6379"], ["--address=head:6379"]])
def test_an_address_that_is_given_stays(given: list[str]) -> None:
    assert job_arguments("anonymize", [*ARGUMENTS, *given], RAY_JOB) == [*ARGUMENTS, *given]


@pytest.mark.parametrize("missing", list(RAY_JOB))
def test_outside_of_a_ray_job_nothing_is_added(missing: str) -> None:
    environment = {name: value for name, value in RAY_JOB.items() if name != missing}
    assert job_arguments("anonymize", ARGUMENTS, environment) == ARGUMENTS


@pytest.mark.parametrize("command", ["evaluate", "no-such-command"])
def test_a_command_that_joins_no_ray_is_not_told_to(command: str) -> None:
    assert job_arguments(command, ARGUMENTS, RAY_JOB) == ARGUMENTS


def test_the_job_takes_the_address(
    job: FakeJob, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in RAY_JOB.items():
        monkeypatch.setenv(name, value)
    assert run_job("anonymize", [source, "lake"]) == ExitCode.DONE
    assert job.requests[0].address == "auto"


def test_a_job_that_went_well_says_nothing_of_its_code(
    job: FakeJob, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run_job("anonymize", [source, "lake"])
    assert "Exit code" not in capsys.readouterr().err


def test_the_log_ends_with_what_the_exit_code_means(
    job: FakeJob, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = Problem("a.mp4", "failed", "truncated")
    job.answer = make_summary(videos={"failed": 1}, problems=(problem,))
    assert run_job("anonymize", [source, "lake"]) == ExitCode.INCOMPLETE
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last == "Exit code 3: finished, with the problems listed above."


def test_every_exit_code_has_its_words() -> None:
    assert set(MEANINGS) == set(ExitCode) - {ExitCode.DONE}


@pytest.mark.parametrize("script", JOBS, ids=lambda path: path.stem)
def test_a_script_is_the_command_of_its_name(
    script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")
    assert ended.value.code == 0
    assert f"Usage: fsp {script.stem} " in capsys.readouterr().out


@pytest.mark.parametrize("script", JOBS, ids=lambda path: path.stem)
def test_the_submission_that_a_script_shows_is_of_itself(script: Path) -> None:
    (line,) = [
        line
        for line in (ast.get_docstring(ast.parse(script.read_text("utf-8"))) or "").splitlines()
        if line.startswith("ray job submit ")
    ]
    assert f"-- python jobs/{script.name} " in line
