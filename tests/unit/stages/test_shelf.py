"""Of videos that are done stays what others are compared with, of the latest alone."""

from __future__ import annotations

from pathlib import Path

from fsp_ray.stages.audit_findings import GALLERY_NAME
from fsp_ray.stages.readings import READINGS_NAME
from fsp_ray.stages.shelf import Shelf
from fsp_ray.stages.staging import Staging


def stage(run: Path, video_id: str) -> None:
    for name in (GALLERY_NAME, READINGS_NAME, "plan.npz", "tracks/s.npz", "receipts/a.json"):
        with Staging(run / video_id).writing(name) as path:
            path.write_bytes(b"x")


def left(run: Path) -> dict[str, set[str]]:
    return {folder.name: {path.name for path in folder.rglob("*")} for folder in run.iterdir()}


def test_what_others_are_compared_with_stays(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    stage(tmp_path, "done")
    stage(tmp_path, "under way")
    shelf.put(["done", "failed before anything was staged"])
    found = left(tmp_path)
    assert found["done"] == {GALLERY_NAME, READINGS_NAME}
    assert "plan.npz" in found["under way"]


def test_the_oldest_are_forgotten(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, max_videos=3)
    for start in (0, 2):
        for video in (start, start + 1):
            stage(tmp_path, str(video))
        shelf.put([str(start), str(start + 1)])
    assert set(left(tmp_path)) == {"1", "2", "3"}
