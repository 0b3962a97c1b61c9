"""fsp maintain on lakes in buckets: what it does in a folder, it does there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fsp_ray.lake import Lake
from fsp_ray.lake.listing import listing
from tests.fakes.s3_servers import SERVERS, S3Server
from tests.unit.lake.conftest import person_row, video_row  # noqa: F401 - fixtures

pytestmark = pytest.mark.timeout(120)

Make = Callable[..., dict[str, object]]


@pytest.fixture(params=sorted(SERVERS))
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    with SERVERS[request.param]() as server:
        server.use(monkeypatch)
        yield server


def test_a_lake_in_a_bucket_is_maintained_and_verified(
    server: S3Server,
    tmp_path: Path,
    video_row: Make,  # noqa: F811 - a fixture
    person_row: Make,  # noqa: F811 - a fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FSP_STAGING", str(tmp_path / "staging"))
    lake = Lake.create(server.make_bucket("lake") + "/deep/lake")
    for number in range(4):
        path, content = f"ä b+{number}/v.mp4", f"content {number}".encode()
        local = tmp_path / "v.mp4"
        local.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        paper = {"file": {"sha256": sha256, "size_bytes": len(content)}}
        lake.publish(local, path, json.dumps(paper).encode())
        lake.commit(videos=[video_row(path, sha256=sha256)], persons=[person_row(path)])
    assert {file.path for file in listing(lake.storage, "videos")} == {
        f"videos/ä b+{number}/v.mp4{suffix}" for number in range(4) for suffix in ("", ".json")
    }
    done = lake.maintain(kept_hours=0, depth="hashes")
    assert done.findings == ()
    assert done.verification is not None
    assert (done.verification.videos, done.verification.hashed) == (4, 4)
    assert done.files_compacted >= 8
    assert done.files_removed >= 8
    assert lake.query("FROM persons").num_rows == 4

    lake.storage.remove("videos/ä b+1/v.mp4")
    lake.storage.write_bytes("videos/ä b+2/v.mp4", b"CONTENT 2")
    lake.storage.write_bytes("videos/stray.mp4", b"x")
    # Everything is younger than a day here, and would wait.
    monkeypatch.setattr("fsp_ray.lake.verify.WAITING_AGE_S", float("-inf"))
    found = {finding.path: finding.problem for finding in lake.maintain(depth="hashes").findings}
    assert (
        found
        == {
            "videos/ä b+1/v.mp4": "is published by its row, and is not there",
            "videos/ä b+2/v.mp4": "has another sha256 than its row: it was changed since",
            "videos/stray.mp4": "belongs to no published video",
        }
        or "videos/ä b+1/v.mp4.json" not in found
    )
