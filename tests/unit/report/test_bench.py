from __future__ import annotations

import sys
from pathlib import Path

import av
import pytest

from fsp_ray.core.errors import SettingsError
from fsp_ray.lake import list_source
from fsp_ray.report.bench import Measured, first_frame, floor
from fsp_ray.report.bench_table import as_json, as_markdown
from fsp_ray.report.processes import MeasureError, measure
from tests.fakes.media import Clip, write_clip


def test_memory_counts_the_children_and_stdout_comes_back() -> None:
    child = "b = bytearray(96 << 20); import time; time.sleep(2.2)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}]); print(7)"
    usage = measure([sys.executable, "-c", program], timeout_s=60)
    assert usage.stdout.strip() == "7"
    assert 96 << 20 < usage.peak_bytes < 400 << 20
    assert 2.2 <= usage.wall_s < 30


def test_a_failing_or_endless_command_is_an_error() -> None:
    with pytest.raises(MeasureError, match="no such thing"):
        measure([sys.executable, "-c", "raise SystemExit('no such thing')"], timeout_s=60)
    with pytest.raises(MeasureError, match="longer than"):
        measure([sys.executable, "-c", "import time; time.sleep(60)"], timeout_s=0.2)


def test_the_clip_that_start_up_is_measured_with_has_one_frame(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", Clip(b_frames=2))
    assert first_frame(list_source(str(clip))[0].media, tmp_path / "tiny.mp4") == 48
    with av.open(str(tmp_path / "tiny.mp4")) as container:
        assert len(list(container.decode(video=0))) == 1


def test_start_up_is_left_out_and_ratios_are_to_deface() -> None:
    rows = [
        Measured("a.mp4", "fsp_ray", 1, 100, 15.0, 5.0, 20.0, 8.0, 2 << 30, {"track": 2.0}),
        Measured("a.mp4", "deface", 1, 100, 21.0, 1.0, 40.0, 1.0, 1 << 30),
    ]
    table = as_markdown(rows)
    assert "| a.mp4 | 1 | 100 | fsp_ray | 10.0 | 2.0x |" in table
    assert "| a.mp4 | fsp_ray | 20.0 |" in table
    assert rows[0].work_cpu_s == 12
    assert len(as_json(rows)["measured"]) == 2  # type: ignore[arg-type]


def test_processor_time_counts_children_that_end_and_that_outlive_their_parent() -> None:
    busy = "import time; end = time.process_time() + 1\nwhile time.process_time() < end: pass"
    orphan = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {busy!r}])"
    program = f"""
import subprocess, sys, time
subprocess.run([sys.executable, "-c", {busy!r}], check=True)
# A shell that stays for a moment, so that it is seen with its child, and leaves that behind.
subprocess.run([sys.executable, "-c", {orphan!r} + "; import time; time.sleep(.5)"], check=True)
time.sleep(3)
"""
    usage = measure([sys.executable, "-c", program], timeout_s=60)
    assert 1.6 < usage.cpu_s < 4


def test_a_folder_is_not_for_those_that_do_files(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is a folder"):
        floor(tmp_path, tmp_path)
