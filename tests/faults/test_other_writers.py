"""Somebody else writes to the lake's tables while a run commits: nothing is lost or doubled."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from fsp_ray.lake import Lake
from tests.faults.runs import QUICK, command, finished, started, write_archive

pytestmark = [pytest.mark.ray, pytest.mark.faults, pytest.mark.timeout(280)]

# Replaces rows of another source's videos and joins the tables' files, again and again.
HAMMER = """
import sys, time
from fsp_ray.core import ids
from fsp_ray.lake import Lake
lake, done = Lake.create(sys.argv[1]), 0
def row(n):
    path = f"other/{n}.mp4"
    return {"video_id": ids.video_id(path), "source_path": path, "source_uri": f"/other/{path}",
        "status": "failed", "reason": "empty: it has no bytes.", "fingerprint": str(done),
        "pack": "open", "settings_hash": "0" * 16, "run_id": "r", "finished_at": "2026-05-01T12:00"}
while True:
    lake.commit(videos=[row(n) for n in range(5)])
    lake.maintain()
    done += 1
    print(done, flush=True)
"""


def test_rows_of_two_writers_are_all_there_once(tmp_path: Path) -> None:
    source, lake = tmp_path / "source", tmp_path / "lake"
    frames = write_archive(source)
    with started([sys.executable, "-c", HAMMER, str(lake)]) as hammer:
        assert hammer.stdout is not None
        assert hammer.stdout.readline() == "1\n"
        with started(command("refresh", source, lake, *QUICK)) as process:
            code, summary, err = finished(process)
        assert hammer.poll() is None, hammer.communicate()[1]
    assert (code, summary["videos"]["published"]) == (0, len(frames)), err
    rows = Lake.open(str(lake)).query("SELECT source_path FROM videos").to_pylist()
    counts = Counter(row["source_path"] for row in rows)
    assert counts == Counter([*frames, *(f"other/{n}.mp4" for n in range(5))])
    persons = Lake.open(str(lake)).query("SELECT person_id FROM persons").to_pylist()
    assert len({row["person_id"] for row in persons}) == len(persons) > 0
