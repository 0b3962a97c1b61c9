"""The whole job over buckets: from S3 to S3, and with a folder at either end."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fsp_ray.lake import Lake
from tests.fakes.media import Clip, write_clip
from tests.fakes.s3_servers import S3Server, seaweedfs
from tests.faults.invariants import check_done

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(280)]

FRAMES = {"a b+c.mp4": 24, "sub/ü %41#1.mov": 30, "plain.mp4": 12}


@dataclass(frozen=True)
class Ground:
    """Where archives and lakes lie: the same archive in a folder and in a bucket."""

    server: S3Server
    folder: Path

    def source(self, kind: str) -> str:
        return "s3://archive/videos" if kind == "s3" else str(self.folder / "source")

    def lake(self, kind: str, name: str) -> str:
        return f"s3://lakes/{name}" if kind == "s3" else str(self.folder / name)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("ground")
    (folder / "source" / "sub").mkdir(parents=True)
    for name, frames in FRAMES.items():
        write_clip(folder / "source" / name, Clip(audio="aac", pts=range(frames)))
    with ExitStack() as stack:
        server = stack.enter_context(seaweedfs())
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        server.use(patch)
        patch.setenv("FSP_STAGING", str(folder / "staging"))
        server.make_bucket("lakes")
        server.upload(folder / "source", server.make_bucket("archive") + "/videos")
        yield Ground(server, folder)


def _run(source: str, lake: str) -> Mapping[str, Any]:
    """Do the job as a user would; return what it says."""
    words = ["anonymize", source, lake, "--replace", "cover", "--workers", "2", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "fsp_ray.cli.main", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def _stored(ground: Ground, lake: str) -> dict[str, object]:
    """Return what lies in a lake and when it was written, but for the leases."""
    if lake.startswith("s3://"):
        found: dict[str, object] = dict(ground.server.objects(lake))
    else:
        files = (path for path in Path(lake).rglob("*") if path.is_file())
        found = {
            path.relative_to(lake).as_posix(): (path.stat().st_mtime_ns, path.stat().st_size)
            for path in files
        }
    return {name: what for name, what in found.items() if "_lease/" not in name}


@pytest.mark.parametrize(
    ("source_kind", "lake_kind"), [("s3", "s3"), ("folder", "s3"), ("s3", "folder")]
)
def test_the_job_and_then_nothing_left_to_do(
    ground: Ground, source_kind: str, lake_kind: str
) -> None:
    source = ground.source(source_kind)
    lake = ground.lake(lake_kind, f"from-{source_kind}")
    assert _run(source, lake)["videos"]["published"] == len(FRAMES)
    check_done(lake, FRAMES)
    rows = Lake.open(lake).query("SELECT source_uri, published_uri FROM videos").to_pylist()
    assert {row["source_uri"] for row in rows} == {f"{source}/{name}" for name in FRAMES}
    assert all(row["published_uri"].startswith(f"{lake}/videos/") for row in rows)
    before = _stored(ground, lake)
    again = _run(source, lake)["videos"]
    assert (again["unchanged"], again.get("published", 0)) == (len(FRAMES), 0)
    assert _stored(ground, lake) == before
    staging = ground.folder / "staging"
    assert [path for path in staging.rglob("*") if path.is_file()] == []
    _nothing_secret(ground, lake)


def _nothing_secret(ground: Ground, lake: str) -> None:
    """No key is in a table, a certificate or a marker."""
    folder = ground.folder / "copy"
    if lake.startswith("s3://"):
        client = ground.server.client()
        for key in ground.server.objects(lake):
            target = folder / key
            target.parent.mkdir(parents=True, exist_ok=True)
            client.download_file("lakes", key, str(target))
    else:
        shutil.copytree(lake, folder)
    for path in folder.rglob("*"):
        if path.is_file():
            assert ground.server.secret_key.encode() not in path.read_bytes(), path
            assert ground.server.access_key.encode() not in path.read_bytes(), path
    shutil.rmtree(folder)
