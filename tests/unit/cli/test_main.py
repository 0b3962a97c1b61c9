"""The entry point: help, weight, and what no command is to blame for."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fsp_ray import __version__

from .conftest import Fsp

COMMANDS = [
    ("demo",),
    ("anonymize",),
    ("query",),
    ("demographics",),
    ("packs", "list"),
    ("packs", "show"),
    ("packs", "install"),
    ("packs", "verify"),
    ("faces", "build"),
    ("doctor",),
    ("evaluate",),
    ("look",),
]
HEAVY = ("ray", "torch", "onnxruntime", "onnx", "cv2", "av", "pyarrow", "duckdb", "pandas")


def _python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(fsp: Fsp, command: tuple[str, ...]) -> None:
    for option in ("--help", "-h"):
        code, out, err = fsp(*command, option)
        assert (code, err) == (0, "")
        assert f"Example: fsp {' '.join(command)}" in " ".join(out.split())


def test_the_help_names_the_commands_and_exit_codes(fsp: Fsp) -> None:
    code, out, _ = fsp("--help")
    assert code == 0
    for word in ("demo", "anonymize", "query", "demographics", "packs", "faces", "doctor"):
        assert word in out
    assert "look" not in out
    assert "3 finished, but some" in " ".join(out.split())


def test_no_command_shows_the_help(fsp: Fsp) -> None:
    for command in ((), ("packs",), ("faces",)):
        code, out, err = fsp(*command)
        assert code == 2
        assert "Usage: fsp" in out + err
        assert "error" not in err


def test_an_unknown_command_is_2(fsp: Fsp) -> None:
    code, out, err = fsp("anonymise")
    assert (code, out) == (2, "")
    assert "No such command 'anonymise'" in err


def test_the_version_is_a_result(fsp: Fsp) -> None:
    assert fsp("--version") == (0, f"fsp {__version__}\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["anonymize", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys, json\n"
        "from fsp_ray.cli.main import run\n"
        "code = run(sys.argv[1:])\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "print(json.dumps([code, heavy]), file=sys.stderr)\n"
    )
    done = _python(code, *arguments)
    assert json.loads(done.stderr) == [0, []]


def test_the_module_runs_like_the_script() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fsp_ray.cli.main", "anonymize", "/no/such/folder", "lake"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "/no/such/folder" in done.stderr


def test_the_job_is_the_command() -> None:
    job = Path(__file__).parents[3] / "jobs" / "anonymize.py"
    for arguments, code in ((["--help"], 0), (["/no/such/folder", "lake"], 2)):
        done = subprocess.run(
            [sys.executable, str(job), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code
    assert "/no/such/folder" in done.stderr


# What a shell started in the background ignores SIGINT, and so would all below it.
_SLEEPER = """
import signal, sys, time, types
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
import fsp_ray.cli.anonymize as anonymize
fake = types.ModuleType("fsp_ray.raydata")
fake.RunRequest = lambda *a, **k: types.SimpleNamespace(dry_run=False)
def run_job(request, listener):
    Path(sys.argv[2]).touch()
    time.sleep(50)
fake.anonymize = run_job
sys.modules["fsp_ray.raydata"] = fake
from fsp_ray.cli.main import run
sys.exit(run(["anonymize", sys.argv[1], "lake"]))
"""


def test_sigint_ends_with_130_and_no_traceback(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("source")
    started = folder / "started"
    process = subprocess.Popen(
        [sys.executable, "-c", _SLEEPER, str(folder), str(started)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not started.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert out == ""
    assert "interrupted" in err
    assert "Traceback" not in err


def test_a_reader_that_goes_away_is_no_fault() -> None:
    code = (
        "import sys\n"
        "from fsp_ray.cli.rows import RowFormat, print_rows\n"
        "from fsp_ray.cli import main, query\n"
        "def query(*a, **k): print_rows(('x',), [{'x': i} for i in range(10**5)], RowFormat.CSV)\n"
        "main.app.command(name='much')(lambda: query())\n"
        "sys.argv = ['fsp', 'much']\n"
        "main.main()\n"
    )
    pipe = f'{sys.executable} -c "$CODE" | head -1'
    done = subprocess.run(
        ["bash", "-c", pipe],
        env={"CODE": code, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "x\n"
    assert done.stderr == ""
