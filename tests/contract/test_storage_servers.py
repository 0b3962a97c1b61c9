"""A folder, moto and SeaweedFS keep the same promises to the lake."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from fsp_ray.core.config import VideoLimits
from fsp_ray.core.errors import FailureReason, LakeError, SourceError, VideoError
from fsp_ray.lake import BucketMedia, Lake, list_source
from fsp_ray.lake.exclusive import create, read_aged
from fsp_ray.lake.objects import Objects
from fsp_ray.lake.storage import Storage
from fsp_ray.video import decode, probe
from tests.fakes.media import Clip, LocalFile, write_clip
from tests.fakes.s3_servers import Place, S3Server
from tests.unit.lake.conftest import person_row, video_row  # noqa: F401 - fixtures

pytestmark = pytest.mark.timeout(120)

Make = Callable[..., dict[str, object]]

ODD_NAMES = (
    "plain",
    "a b",
    "a+b",
    "a%20b",
    "a%",
    "a#b",
    "a?versionId=x",
    "a&b=c",
    "ü",
    "映画",
    "'\"",
    "[1]",
    "x*",
    "x1",
    "sub/a",
    "sub/deep/b",
)


def test_files_come_back_under_whatever_name(storage: Storage) -> None:
    assert not storage.exists()
    assert storage.names() == ()
    for name in ODD_NAMES:
        assert not storage.exists(name)
        storage.write_bytes(name, b"old")
        storage.write_bytes(name, name.encode())
    for name in ODD_NAMES:
        assert storage.exists(name)
        assert storage.read_bytes(name) == name.encode()
        assert storage.sha256(name) == hashlib.sha256(name.encode()).hexdigest()
    flat = {name for name in ODD_NAMES if "/" not in name}
    assert set(storage.names()) - {"_staging"} == flat | {"sub"}
    assert storage.names("sub") == ("a", "deep")
    assert storage.exists("sub")
    assert storage.exists()
    storage.check_reachable()


def test_what_is_removed_is_that_and_nothing_else(storage: Storage) -> None:
    for name in ODD_NAMES:
        storage.write_bytes(name, b"x")
    storage.write_bytes("subway", b"x")
    for name in ("x*", "a?versionId=x", "[1]", "missing"):
        storage.remove(name)
    storage.remove("sub")
    left = {n for n in ODD_NAMES if "/" not in n} - {"x*", "a?versionId=x", "[1]"} | {"subway"}
    assert not storage.exists("sub")
    # SeaweedFS has folders, and lists this empty one for a while.
    assert set(storage.names()) - {"_staging", "sub"} == left


def test_a_missing_file_is_an_error_that_names_it(storage: Storage) -> None:
    with pytest.raises(LakeError, match="missing"):
        storage.read_bytes("missing")


def test_a_file_in_many_parts_arrives_whole(storage: Storage, tmp_path: Path) -> None:
    local = tmp_path / "big"
    local.write_bytes(os.urandom(33 << 20) + b"tail")
    sha256 = hashlib.sha256(local.read_bytes()).hexdigest()
    assert storage.put(local, "big") == sha256
    assert storage.sha256("big") == sha256
    with storage.open("big") as file:
        assert file.seek(-4, os.SEEK_END) == (33 << 20)
        assert file.read() == b"tail"
        file.seek((1 << 20) - 3)
        assert file.read(6) == local.read_bytes()[(1 << 20) - 3 : (1 << 20) + 3]


def test_a_listing_names_the_version_that_is_read(
    server: S3Server, storage: Storage, tmp_path: Path
) -> None:
    local = tmp_path / "big.mp4"
    local.write_bytes(os.urandom(9 << 20))  # in parts: its etag is no MD5
    storage.put(local, "big.mp4")
    (listed,) = list_source(storage.root)
    (single,) = list_source(storage.uri("big.mp4"))
    assert single.path == listed.path == "big.mp4"
    for video in (listed, single):
        assert not video.has_changed()
        with video.media.open() as file:
            assert file.read() == local.read_bytes()
    storage.write_bytes("small.mp4", b"one")
    (_, listed) = list_source(storage.root)
    storage.write_bytes("small.mp4", b"another one")
    assert listed.has_changed()
    with pytest.raises(VideoError) as caught, listed.media.open() as file:
        file.read(1)
    assert caught.value.reason is FailureReason.CHANGED


def test_more_than_a_page_of_files(storage: Storage) -> None:
    names = [f"{number:05d}" for number in range(1_050)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: storage.write_bytes(f"many/{name}.mp4", b"x"), names))
    assert len(storage.names("many")) == len(names)
    assert len(list_source(storage.uri("many"))) == len(names)
    storage.remove("many")
    assert not storage.exists("many")


def test_nothing_shows_before_all_of_it_is_there(
    server: S3Server, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = tmp_path / "big.mp4"
    local.write_bytes(b"x" * (17 << 20))
    shown: list[bool] = []
    complete = Objects._complete

    def look(objects: Objects, *arguments: Any) -> None:
        shown.append(lake.storage.exists("videos/clip.mp4"))
        complete(objects, *arguments)

    monkeypatch.setattr(Objects, "_complete", look)
    lake.publish(local, "clip.mp4")
    assert shown == [False]
    assert lake.storage.exists("videos/clip.mp4")


def test_an_upload_that_fails_leaves_the_old_version_and_no_parts(
    server: S3Server, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = tmp_path / "big.mp4"
    local.write_bytes(b"old")
    lake.publish(local, "clip.mp4")
    local.write_bytes(b"new" * (6 << 20))

    def fail(*_: Any) -> NoReturn:
        raise OSError("the disk went")

    monkeypatch.setattr(Objects, "_complete", fail)
    with pytest.raises(LakeError, match="the disk went"):
        lake.publish(local, "clip.mp4")
    assert lake.storage.read_bytes("videos/clip.mp4") == b"old"
    assert _uploads(server) == []


def test_uploads_of_the_dead_are_taken_back_and_no_others(server: S3Server, lake: Lake) -> None:
    prefix = lake.uri.removeprefix("s3://place/")
    client = server.client()
    for key in (f"{prefix}/videos/a.mp4", f"{prefix}/tables/x", f"{prefix}-other/b", "c"):
        client.create_multipart_upload(Bucket="place", Key=key)
    if server.name != "moto":  # where every upload was begun in 2010
        assert lake.storage.abort_uploads() == 0
    assert lake.storage.abort_uploads(older_than=timedelta(0)) == 2
    assert set(_uploads(server)) == {f"{prefix}-other/b", "c"}


def _uploads(server: S3Server) -> list[str]:
    found = server.client().list_multipart_uploads(Bucket="place").get("Uploads", ())
    return [upload["Key"] for upload in found]


def test_a_source_is_listed_and_its_changes_are_seen(storage: Storage) -> None:
    for name in ("a b.mp4", "sub/ü+%41#.mov", "notes.txt", ".hidden.mp4"):
        storage.write_bytes(name, b"content")
    listed = list(list_source(storage.root))
    assert [video.path for video in listed] == ["a b.mp4", "sub/ü+%41#.mov"]
    assert [video.fingerprint for video in list_source(storage.root)] == [
        video.fingerprint for video in listed
    ]
    storage.write_bytes("a b.mp4", b"content, changed")
    assert [video.has_changed() for video in listed] == [True, False]


def test_a_source_that_is_not_there_says_so(place: Place) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        list_source(place.uri("nowhere"))


def test_a_video_decodes_as_from_a_file(storage: Storage, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", Clip(b_frames=2, audio="aac"))
    storage.put(path, "ü clip.mp4")
    (video,) = list_source(storage.root)
    local = LocalFile(path)
    info = probe(video.media, video_id=video.video_id, limits=VideoLimits())
    frames = [batch.rgb for batch in decode(video.media, info)]
    wanted = probe(local, video_id=video.video_id, limits=VideoLimits())
    assert replace(info, uri="") == replace(wanted, uri="")
    for one, other in zip(frames, decode(local, wanted), strict=True):
        assert (one == other.rgb).all()


def test_a_video_replaced_in_mid_read_is_refused_never_mixed(
    server: S3Server, storage: Storage, tmp_path: Path
) -> None:
    clip = Clip(options={"crf": "0"}, width=320, height=240)
    path = write_clip(tmp_path / "clip.mp4", clip)
    size = path.stat().st_size
    assert size > (3 << 20)  # several requests
    storage.put(path, "clip.mp4")
    media = BucketMedia(storage.uri("clip.mp4"), "clip.mp4")
    info = probe(media, video_id="v", limits=VideoLimits())
    first = path.read_bytes()
    other = write_clip(tmp_path / "other.mp4", replace(clip, pts=range(49))).read_bytes()
    storage.write_bytes("clip.mp4", first + b"\0" * 64)  # nothing of this version is remembered
    frames = decode(media, info, batch_frames=1)
    next(frames)
    storage.write_bytes("clip.mp4", other)
    with pytest.raises(VideoError) as caught:
        list(frames)
    assert caught.value.reason in (FailureReason.CHANGED, FailureReason.UNREADABLE)
    # What was raised while one video was read is not raised again by the next one.
    storage.write_bytes("clip.mp4", first)
    assert sum(len(batch.pts) for batch in decode(media, info)) == info.num_frames


def test_reads_are_of_one_version(server: S3Server, storage: Storage) -> None:
    storage.write_bytes("x", b"a" * (3 << 20))
    with storage.open("x") as file:
        assert file.read(1) == b"a"
        storage.write_bytes("x", b"b" * (3 << 20))
        with pytest.raises(OSError, match=r"pre-conditions|another version"):
            file.read(2 << 20)


def test_publish_and_withdraw(lake: Lake, tmp_path: Path) -> None:
    local = tmp_path / "out.mp4"
    local.write_bytes(b"frames")
    lake.publish(local, "a/ü*.mov", b"{}")
    lake.publish(local, "a/ü1.mov", b"{}")
    assert set(lake.storage.names("videos/a")) == {
        "ü*.mov.mp4",
        "ü*.mov.mp4.json",
        "ü1.mov.mp4",
        "ü1.mov.mp4.json",
    }
    lake.withdraw("a/ü*.mov")
    lake.withdraw("a/ü*.mov")
    assert lake.storage.names("videos/a") == ("ü1.mov.mp4", "ü1.mov.mp4.json")


def test_tables(lake: Lake, video_row: Make, person_row: Make) -> None:  # noqa: F811
    lake.commit(videos=[video_row("a.mp4", "r1")], persons=[person_row("a.mp4", 0, "r1")])
    lake.commit(videos=[video_row("a.mp4", "r2")], persons=[person_row("a.mp4", 0, "r2")])
    assert [entry.source_path for entry in lake.ledger().values()] == ["a.mp4"]
    sql = "SELECT v.run_id FROM videos v JOIN persons p USING (video_id, run_id)"
    assert lake.query(sql).to_pylist() == [{"run_id": "r2"}]
    assert Lake.exists(lake.uri)
    lake.maintain()
    assert Lake.open(lake.uri).query(sql).to_pylist() == [{"run_id": "r2"}]


def test_writers_that_race_double_no_row(
    lake: Lake,
    video_row: Make,  # noqa: F811
    person_row: Make,  # noqa: F811
) -> None:
    def write(writer: int) -> None:
        run = f"r{writer}"
        for path in ("shared.mp4", f"own{writer}.mp4"):
            lake.commit(videos=[video_row(path, run)], persons=[person_row(path, 0, run)])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    counts = (
        "SELECT count(*) n, count(DISTINCT v.video_id) videos, count(DISTINCT p.video_id) persons"
        " FROM videos v JOIN persons p USING (video_id, run_id)"
    )
    assert lake.query(counts).to_pylist() == [{"n": 3, "videos": 3, "persons": 3}]
    assert lake.query("SELECT count(*) n FROM persons").to_pylist() == [{"n": 3}]


def test_only_one_can_create(storage: Storage) -> None:
    ready = threading.Barrier(6)

    def take(number: int) -> bool:
        ready.wait(10)
        return create(storage, "lease", str(number).encode())

    with ThreadPoolExecutor(6) as pool:
        took = list(pool.map(take, range(6)))
    assert took.count(True) == 1
    found = read_aged(storage, "lease")
    assert found is not None
    assert found.data == str(took.index(True)).encode()
    assert 0 <= found.age_s < 60
