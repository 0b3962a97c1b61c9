"""fsp doctor: what it finds, and what it makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsp_ray.cli import checkup, doctor
from fsp_ray.cli.checkup import Finding
from fsp_ray.core.errors import FspError

from .conftest import Fsp


def _checks(*findings: Finding) -> tuple[checkup.Check, ...]:
    def check() -> Iterator[Finding]:
        yield from findings

    return (check,)


FINE = Finding("ok", "Python", "3.11")
SO_SO = Finding("warn", "Memory", "1.0 GiB free", "Close programs.")
BAD = Finding("fail", "Codecs", "no [libx264]", "Install it.")


@pytest.mark.parametrize(
    ("findings", "expected"), [((FINE,), 0), ((FINE, SO_SO), 0), ((FINE, BAD, SO_SO), 1)]
)
def test_only_a_failure_is_1(
    fsp: Fsp, monkeypatch: pytest.MonkeyPatch, findings: tuple[Finding, ...], expected: int
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", _checks(*findings))
    code, out, err = fsp("doctor")
    assert (code, err) == (expected, "")
    for finding in findings:
        assert f"{finding.status:<5}{finding.check}: {finding.detail}" in out
        assert finding.advice in out
    code, out, _ = fsp("doctor", "--json")
    assert code == expected
    assert [row["status"] for row in json.loads(out)] == [f.status for f in findings]


def test_this_machine_is_fit() -> None:
    for check in (checkup.check_python, checkup.check_packages, checkup.check_codecs):
        assert [finding.status for finding in check()] == ["ok"]
    names = [finding.check for finding in checkup.check_machine()]
    assert names[:2] == ["CPUs", "Memory"]
    assert "/dev/shm" in names


def test_a_missing_and_a_wrong_package_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["numpy>=1", "numpy>=1000", "no-such-package", 'torch; extra == "torch"']
    monkeypatch.setattr(checkup.metadata, "requires", lambda _: wanted)
    findings = list(checkup.check_packages())
    assert [finding.status for finding in findings] == ["fail", "fail"]
    assert "numpy is " in findings[0].detail
    assert "not >=1000" in findings[0].detail
    assert findings[1].detail == "no-such-package is missing"


def test_missing_codecs_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "_CODECS", "import av; av.codec.Codec('no-such-codec', 'w')")
    (finding,) = checkup.check_codecs()
    assert finding.status == "fail"
    assert "no-such-codec" in finding.detail


def test_little_room_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "MIN_MEMORY_GIB", 1e9)
    memory = next(f for f in checkup.check_machine() if f.check == "Memory")
    assert memory.status == "warn"
    assert memory.advice


def test_a_cache_that_cannot_be_written_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FSP_RAY_CACHE", str(tmp_path / "file" / "cache"))
    (finding,) = checkup.check_cache()
    assert finding.status == "fail"
    assert "FSP_RAY_CACHE" in finding.advice
    monkeypatch.setenv("FSP_RAY_CACHE", str(tmp_path / "cache"))
    (finding,) = checkup.check_cache()
    assert finding.status == "ok"
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_pack_not_installed_is_a_warning_with_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FSP_RAY_CACHE", str(tmp_path))
    findings = {finding.check: finding for finding in checkup.check_packs()}
    assert findings["Pack open"].status == "warn"
    assert "fsp packs install open" in findings["Pack open"].advice


def test_a_ray_that_does_not_start_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise FspError("No Ray.", advice="Start one.")

    monkeypatch.setattr("fsp_ray.raydata.cluster.cluster", refuse)
    (finding,) = checkup.check_ray()
    assert (finding.status, finding.detail, finding.advice) == ("fail", "No Ray.", "Start one.")
