from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fsp_ray.core.errors import LakeError
from fsp_ray.lake import Lake
from fsp_ray.lake.storage import Storage

PUBLISH = """
import sys
from pathlib import Path
from fsp_ray.lake import Lake
Lake.open(sys.argv[1]).publish(Path(sys.argv[2]), "clip.mp4")
"""


def test_publish_puts_the_file_in_its_place_and_leaves_the_local_one(
    lake: Lake, tmp_path: Path
) -> None:
    local = tmp_path / "out.mp4"
    local.write_bytes(b"frames")
    uri = lake.publish(local, "a b/ü.mov")
    assert uri == lake.published_uri("a b/ü.mov") == f"{lake.uri}/videos/a b/ü.mov.mp4"
    assert Path(uri).read_bytes() == b"frames"
    assert local.exists()
    assert lake.storage.sha256("videos/a b/ü.mov.mp4") == hashlib.sha256(b"frames").hexdigest()
    lake.withdraw("a b/ü.mov")
    lake.withdraw("a b/ü.mov")
    assert not Path(uri).exists()


def test_a_certificate_comes_and_goes_with_its_video(lake: Lake, tmp_path: Path) -> None:
    local = tmp_path / "out.mp4"
    local.write_bytes(b"frames")
    uri = lake.publish(local, "sub/clip.mov", b"{}")
    paper = Path(f"{uri}.json")
    assert paper.read_bytes() == b"{}"
    lake.publish(local, "sub/clip.mov", b'{"second": true}')
    assert paper.read_bytes() == b'{"second": true}'
    lake.withdraw("sub/clip.mov")
    assert [p for p in (tmp_path / "lake" / "videos").rglob("*") if p.is_file()] == []


def test_no_video_stands_without_its_certificate(lake: Lake, tmp_path: Path) -> None:
    """Where publishing dies between the two, the certificate is there and the video is not."""
    with pytest.raises(LakeError):
        lake.publish(tmp_path / "missing.mp4", "clip.mp4", b"{}")
    assert not Path(lake.published_uri("clip.mp4")).exists()


def test_a_process_killed_while_publishing_leaves_the_old_version(
    lake: Lake, tmp_path: Path
) -> None:
    """The file comes through a pipe, so the kill falls into the middle for sure."""
    (tmp_path / "first.mp4").write_bytes(b"first")
    published = Path(lake.publish(tmp_path / "first.mp4", "clip.mp4"))
    pipe = tmp_path / "second.mp4"
    os.mkfifo(pipe)
    child = subprocess.Popen([sys.executable, "-c", PUBLISH, lake.uri, str(pipe)])
    with pipe.open("wb") as file:
        file.write(b"x" * (3 << 20))
        file.flush()
        waiting = Path(lake.uri) / "_staging" / "publishing"
        for _ in range(500):
            if any(path.stat().st_size for path in waiting.glob("*")):
                break
            time.sleep(0.02)
        else:
            pytest.fail("the child never began to write")
        assert published.read_bytes() == b"first"
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert published.read_bytes() == b"first"
    assert [p.name for p in published.parent.iterdir()] == ["clip.mp4"]
    (debris,) = waiting.iterdir()
    lake.collect_staging()
    assert debris.exists()  # it might still be on its way
    os.utime(debris, (1_000_000, 1_000_000))
    lake.collect_staging()
    assert not debris.exists()


def test_a_full_disk_leaves_nothing_behind(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out.mp4").write_bytes(b"frames")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LakeError, match="No space left") as caught:
        lake.publish(tmp_path / "out.mp4", "clip.mp4")
    assert "Free some space" in caught.value.advice
    left = [path for path in (Path(lake.uri) / "_staging").rglob("*") if path.is_file()]
    assert left == []
    assert not Path(lake.published_uri("clip.mp4")).exists()


def test_a_name_that_gets_too_long_says_so(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"frames")
    with pytest.raises(LakeError, match="too long") as caught:
        lake.publish(tmp_path / "out.mp4", "x" * 251 + ".mov")
    assert "Rename" in caught.value.advice
    lake.publish(tmp_path / "out.mp4", "x" * 251 + ".mp4")


def test_a_missing_local_file_is_a_lake_error(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(LakeError):
        lake.publish(tmp_path / "missing.mp4", "clip.mp4")


def test_names_and_uris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Storage.of(f"file://{tmp_path}/x").root == f"{tmp_path}/x"
    assert Storage.of("s3://bucket/a/b/").root == "s3://bucket/a/b"
    assert not Storage.of("s3://bucket").is_local
    assert Storage.of("s3://bucket").uri("videos/x") == "s3://bucket/videos/x"
    monkeypatch.chdir(tmp_path)
    assert Storage.of("x").root == f"{tmp_path}/x"
    assert Storage.of("x").names() == ()
    for uri in ["", "gs://bucket", "s3:///"]:
        with pytest.raises(LakeError):
            Storage.of(uri)


def test_plain_http_endpoints_are_allowed_to_delta(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    options = Storage.of("s3://bucket").delta_options
    assert options["aws_allow_http"] == "true"
    assert options["aws_conditional_put"] == "etag"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://s3.example.org")
    assert "aws_allow_http" not in Storage.of("s3://bucket").delta_options
