"""fsp anonymize: what is handed to the job, what goes where, and the exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from fsp_ray.core.errors import (
    FailureReason,
    FspError,
    LakeError,
    PackError,
    SettingsError,
    SourceError,
    VideoError,
)
from fsp_ray.core.progress import AuditSummary, Problem

from .conftest import BAD, FakeJob, Fsp


def test_all_published_is_0_and_says_how_many(job: FakeJob, fsp: Fsp, source: str) -> None:
    code, out, err = fsp("anonymize", source, "lake")
    assert code == 0
    assert "3 published, 1 unchanged, 0 quarantined, 0 failed" in out
    assert "5 persons, 700 faces in 300 frames; 20 s, 15.0 frames/s" in out
    assert "not published" not in err


def test_some_not_published_is_3_and_lists_them_on_stderr(
    job: FakeJob, fsp: Fsp, source: str
) -> None:
    job.answer = BAD
    code, out, err = fsp("anonymize", source, "lake")
    assert code == 3
    assert "1 published, 0 unchanged, 1 quarantined, 1 failed" in out
    assert "2 videos not published" in err
    assert "failed  a/[bold]broken.mp4  truncated: 93 of 180 frames." in err
    assert "quarantined  b.mov" in err
    assert "broken.mp4" not in out


def test_json_is_all_that_stdout_holds(job: FakeJob, fsp: Fsp, source: str) -> None:
    job.answer, job.noise = BAD, "a library says hello\n"
    code, out, err = fsp("anonymize", source, "lake", "--json")
    assert code == 3
    document = json.loads(out)
    assert document == BAD.as_dict()
    assert set(document["videos"]) == {"published", "unchanged", "quarantined", "failed"}
    assert "a library says hello" in err
    assert "broken.mp4" in err


def test_progress_is_plain_lines_on_stderr(job: FakeJob, fsp: Fsp, source: str) -> None:
    _, out, err = fsp("anonymize", source, "lake")
    assert "3 videos to do" in err
    assert "[20 s] done  3/3 videos" in err
    assert "videos to do" not in out
    assert "\x1b" not in err


def test_options_reach_the_job(job: FakeJob, fsp: Fsp, source: str) -> None:
    code, _, _ = fsp(
        *("anonymize", source, "s3://b/lake", "--pack", "mine", "--replace", "cover"),
        *("--audio", "drop", "--workers", "3", "--address", "ray://x", "--limit", "7"),
        *("--privacy", "strong", "--audit-retries", "5"),
    )
    assert code == 0
    (request,) = job.requests
    assert (request.source, request.lake) == (source, "s3://b/lake")
    assert (request.workers, request.address, request.limit) == (3, "ray://x", 7)
    assert not request.dry_run
    assert request.seed is None
    settings = request.settings
    assert (settings.pack, settings.replace, settings.audio) == ("mine", "cover", "drop")
    assert (settings.privacy, settings.audit_retries) == ("strong", 5)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--replace", "blur"),
        ("--audio", "louder"),
        ("--privacy", "secret"),
        ("--audit-retries", "-1"),
        ("--audit-retries", "11"),
        ("--workers", "0"),
        ("--workers", "many"),
        ("--limit", "-1"),
        ("--no-such-option",),
        ("one-argument-too-many",),
    ],
)
def test_wrong_options_are_2(
    job: FakeJob, fsp: Fsp, source: str, arguments: tuple[str, ...]
) -> None:
    code, out, err = fsp("anonymize", source, "lake", *arguments)
    assert code == 2
    assert not out
    assert "error: " in err
    assert not job.requests


def test_a_source_that_is_not_there_is_2_and_is_named(
    job: FakeJob, fsp: Fsp, tmp_path: Path
) -> None:
    code, out, err = fsp("anonymize", str(tmp_path / "nowhere"), "lake")
    assert (code, out) == (2, "")
    assert "nowhere" in err
    assert not job.requests


def test_a_bucket_is_not_looked_for_on_the_disk(job: FakeJob, fsp: Fsp) -> None:
    assert fsp("anonymize", "s3://bucket/archive", "lake")[0] == 0


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (SettingsError("No.", advice="Do that."), 2),
        (SourceError("No.", advice="Do that."), 1),
        (LakeError("No.", advice="Do that."), 1),
        (PackError("No.", advice="Do that."), 1),
        (VideoError(FailureReason.DECODE, "No.", advice="Do that."), 1),
        (FspError("No.", advice="Do that."), 1),
    ],
)
def test_our_errors_are_a_message_and_advice(
    job: FakeJob, fsp: Fsp, source: str, error: FspError, expected: int
) -> None:
    job.answer = error
    code, out, err = fsp("anonymize", source, "lake", "--json")
    assert (code, out) == (expected, "")
    assert err.endswith("error: No.\nDo that.\n")
    assert "Traceback" not in err


@pytest.mark.parametrize("error", [ValueError("odd\nand long"), KeyError("x"), MemoryError()])
def test_the_unforeseen_is_one_line(job: FakeJob, fsp: Fsp, source: str, error: Exception) -> None:
    job.answer = error
    code, out, err = fsp("anonymize", source, "lake")
    assert (code, out) == (1, "")
    assert f"unexpected error: {type(error).__name__}" in err
    assert "Traceback" not in err
    assert "and long" not in err


def test_the_unforeseen_with_debug_is_a_traceback(
    job: FakeJob, fsp: Fsp, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.answer = ValueError("odd [/x]")
    for arguments in (("--debug",), ()):
        code, _, err = fsp(*arguments, "anonymize", source, "lake")
        assert code == 1
        assert "Traceback" in err
        assert "conftest.py" in err
        monkeypatch.setenv("FSP_DEBUG", "1")


def test_ctrl_c_is_130(job: FakeJob, fsp: Fsp, source: str) -> None:
    job.answer = KeyboardInterrupt()
    code, out, err = fsp("anonymize", source, "lake")
    assert (code, out) == (130, "")
    assert "run the same command again" in err


AUDIT = AuditSummary(
    passed=4,
    retried=1,
    covered=2,
    quarantined=1,
    compared_frames=1500,
    searched_frames=210,
    patches=3,
    closest=0.08456,
    threshold=0.067,
)


def test_what_the_audit_came_to_is_printed(job: FakeJob, fsp: Fsp, source: str) -> None:
    job.answer = replace(job.answer, audit=AUDIT)
    _, out, _ = fsp("anonymize", source, "lake")
    assert (
        "Audit: 4 persons passed, 1 of them with another face, 2 covered, 1 quarantined; "
        "closest distance 0.085, same person under 0.067. "
        "1,500 frames compared, 210 searched for faces anew, 3 covers added.\n"
    ) in out
    _, out, _ = fsp("anonymize", source, "lake", "--json")
    assert json.loads(out)["audit"] == {
        "passed": 4,
        "retried": 1,
        "covered": 2,
        "quarantined": 1,
        "compared_frames": 1500,
        "searched_frames": 210,
        "patches": 3,
        "closest": 0.0846,
        "threshold": 0.067,
    }


def test_where_nothing_was_audited_nothing_is_said_of_it(
    job: FakeJob, fsp: Fsp, source: str
) -> None:
    job.answer = replace(job.answer, audit=AuditSummary())
    assert "Audit" not in fsp("anonymize", source, "lake")[1]


def test_audits_add_up() -> None:
    nobody = AuditSummary(compared_frames=10, threshold=0.067)
    both = AUDIT + nobody
    assert both == replace(AUDIT, compared_frames=1510)
    assert nobody + AUDIT == both


def _work() -> SimpleNamespace:
    task = SimpleNamespace(path="x/a.mp4", size_bytes=2_500_000, uri="/src/x/a.mp4")
    problem = Problem("old.mp4", "failed", "empty: no bytes.")
    gone = SimpleNamespace(source_path="gone.mp4")
    return SimpleNamespace(todo=(task,), unchanged=4, given_up=(problem,), deleted=(gone,))


def test_dry_run_plans_and_does_not_run(job: FakeJob, fsp: Fsp, source: str) -> None:
    job.work = _work()
    code, out, err = fsp("anonymize", source, "lake", "--dry-run")
    assert code == 0
    assert "x/a.mp4" in out
    assert "2.5" in out
    assert "1 video to do" in err
    assert "4 unchanged" in err
    assert "old.mp4" in err
    assert [request.dry_run for request in job.requests] == [True]


def test_dry_run_as_json(job: FakeJob, fsp: Fsp, source: str) -> None:
    job.work = _work()
    code, out, _ = fsp("anonymize", source, "lake", "--dry-run", "--json")
    assert code == 0
    assert json.loads(out) == {
        "todo": [{"path": "x/a.mp4", "uri": "/src/x/a.mp4", "size_bytes": 2_500_000}],
        "unchanged": 4,
        "given_up": [{"path": "old.mp4", "status": "failed", "reason": "empty: no bytes."}],
        "deleted": ["gone.mp4"],
    }
