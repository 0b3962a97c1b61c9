from __future__ import annotations

import os
import pickle
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fsp_ray.core import ids
from fsp_ray.core.errors import FailureReason, SourceError, VideoError
from fsp_ray.lake import Lake, LocalMedia, Selection, list_source, published_path
from fsp_ray.lake.sources import log_skip
from fsp_ray.lake.walk import escaped


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def write(path: Path, content: bytes = b"video") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def paths(source: Path, **options: object) -> list[str]:
    on_skip = options.pop("on_skip", log_skip)
    selection = Selection(**options)  # type: ignore[arg-type]
    listing = list_source(str(source), selection, on_skip=on_skip)  # type: ignore[arg-type]
    return [video.path for video in listing]


def test_lists_videos_sorted_with_their_ids(source: Path) -> None:
    for name in ["b.mp4", "a/z.MOV", "a/b/c.webm", "notes.txt", ".hidden.mp4", ".git/x.mp4"]:
        write(source / name)
    videos = list_source(str(source))
    assert [v.path for v in videos] == ["a/b/c.webm", "a/z.MOV", "b.mp4"]
    assert [v.video_id for v in videos] == [ids.video_id(v.path) for v in videos]
    assert videos[2].uri == str(source / "b.mp4")
    assert videos[2].size_bytes == 5
    assert videos[2].media.local_path == source / "b.mp4"
    with pickle.loads(pickle.dumps(videos[2])).media.open() as file:
        assert file.read() == b"video"


def test_a_single_file_is_a_source(source: Path) -> None:
    write(source / "x" / "clip.mp4")
    write(source / "x" / "other.mp4")
    assert paths(source / "x" / "clip.mp4") == ["clip.mp4"]


def test_what_can_not_be_a_source(source: Path, lake: Lake) -> None:
    write(source / "notes.txt")
    write(Path(lake.uri) / "videos" / "x.mp4")
    for place, word in [
        (source / "missing", "no "),
        (source / "notes.txt", "not a video"),
        (Path(lake.uri), "lake"),
        (Path(lake.uri) / "videos", "lake"),
        (Path(lake.uri) / "videos" / "x.mp4", "lake"),
    ]:
        with pytest.raises(SourceError, match=word) as caught:
            list_source(str(place))
        assert caught.value.advice
    for uri in ["", "https://example.org/x", "s3://"]:
        with pytest.raises(SourceError):
            list_source(uri)


def test_an_empty_folder_has_no_videos(source: Path) -> None:
    assert paths(source) == []


def test_include_exclude(source: Path) -> None:
    for name in ["a.mp4", "b/c.mp4", "b/d.mkv", "e/f.mp4"]:
        write(source / name)
    assert paths(source, include=("*.mkv", "a*")) == ["a.mp4", "b/d.mkv"]
    assert paths(source, exclude=("b/",)) == ["a.mp4", "e/f.mp4"]
    assert paths(source, exclude=("*/c.mp4",)) == ["a.mp4", "b/d.mkv", "e/f.mp4"]


def test_hostile_names_keep_apart(source: Path) -> None:
    names = [" .mp4", "a\nb.mp4", "ü.mp4", "u\u0308.mp4", "-rf.mp4", "a'b\".mp4", "%41.mp4"]
    for name in names:
        write(source / name, name.encode())
    raw = os.fsencode(source) + b"/caf\xe9.mp4"
    with open(raw, "wb") as file:  # noqa: PTH123 - pathlib would do, bytes say it plainer
        file.write(b"latin")
    videos = {video.path: video for video in list_source(str(source))}
    assert set(videos) == {*names, "caf%E9.mp4"}
    for name in names:
        with videos[name].media.open() as file:
            assert file.read() == name.encode()
    with videos["caf%E9.mp4"].media.open() as file:
        assert file.read() == b"latin"
    for video in videos.values():
        video.uri.encode()
    assert len({published_path(path) for path in videos}) == len(videos)


def test_names_that_would_be_one_are_refused(source: Path) -> None:
    write(source / "caf%E9.mp4")
    with open(os.fsencode(source) + b"/caf\xe9.mp4", "wb"):  # noqa: PTH123
        pass
    with pytest.raises(SourceError, match="Two files"):
        list_source(str(source))


@pytest.mark.parametrize(
    ("key", "path"), [("a//b.mp4", "a/%/b.mp4"), ("../b.mp4", "%2E%2E/b.mp4"), ("a/b", "a/b")]
)
def test_keys_that_lead_elsewhere_are_escaped(key: str, path: str) -> None:
    assert escaped(key) == path


def test_links_do_not_lead_out(source: Path, tmp_path: Path) -> None:
    write(tmp_path / "secret.mp4")
    write(tmp_path / "outside" / "more.mp4")
    write(source / "in" / "real.mp4")
    (source / "out.mp4").symlink_to(tmp_path / "secret.mp4")
    (source / "away").symlink_to(tmp_path / "outside")
    (source / "loop").symlink_to(source)
    (source / "broken.mp4").symlink_to(source / "nothing.mp4")
    (source / "same.mp4").symlink_to(source / "in" / "real.mp4")
    skipped: dict[str, str] = {}
    assert paths(source, on_skip=skipped.__setitem__) == ["in/real.mp4", "same.mp4"]
    assert set(skipped) == {"out.mp4", "away", "loop", "broken.mp4"}
    assert "out of the source" in skipped["out.mp4"]


def test_a_link_put_in_place_later_is_not_followed(source: Path, tmp_path: Path) -> None:
    write(tmp_path / "secret.mp4")
    write(source / "a.mp4")
    (video,) = list_source(str(source))
    (source / "a.mp4").unlink()
    (source / "a.mp4").symlink_to(tmp_path / "secret.mp4")
    with pytest.raises(VideoError):
        video.media.open()


def test_lakes_pipes_and_unsupported_containers_are_left_out_aloud(source: Path) -> None:
    lake = Lake.create(str(source / "lake"))
    write(Path(lake.uri) / "videos" / "x.mp4")
    os.mkfifo(source / "pipe.mp4")
    write(source / "old.WMV")
    (source / "folder.mp4").mkdir()
    write(source / "folder.mp4" / "in.mp4")
    skipped: dict[str, str] = {}
    assert paths(source, on_skip=skipped.__setitem__) == ["folder.mp4/in.mp4"]
    assert set(skipped) == {"lake", "pipe.mp4", "old.WMV"}


def test_an_unreadable_file_is_listed(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(source / "a.mp4")
    write(source / "b.mp4")
    real = os.open

    def refuse(path: str, *args: int, **options: int) -> int:
        if str(path).endswith("a.mp4"):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **options)

    monkeypatch.setattr(os, "open", refuse)
    videos = list_source(str(source))
    assert [v.path for v in videos] == ["a.mp4", "b.mp4"]
    assert videos[0].fingerprint.startswith("unread:")
    with pytest.raises(VideoError) as caught:
        videos[0].media.open()
    assert caught.value.reason is FailureReason.UNREADABLE
    monkeypatch.undo()
    assert list_source(str(source))[0].fingerprint.startswith("sha256:")


def test_a_folder_that_can_not_be_listed_stops_it(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source / "closed" / "a.mp4")
    real = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SourceError, match="closed"):
        list_source(str(source))
    assert paths(source, exclude=("closed",)) == []


def test_has_changed(source: Path) -> None:
    write(source / "a.mp4")
    (video,) = list_source(str(source))
    assert not video.has_changed()
    write(source / "a.mp4", b"longer")
    assert video.has_changed()
    (source / "a.mp4").unlink()
    with pytest.raises(VideoError):
        video.has_changed()


def old(path: Path) -> None:
    """Make a file look settled. The change time can't be set, so the clock goes instead."""
    os.utime(path, (1_000_000, 1_000_000))


def count_hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    hashed: list[str] = []
    real = LocalMedia.content_hash

    def counted(media: LocalMedia) -> str:
        hashed.append(Path(media.path).name)
        return real(media)

    monkeypatch.setattr(LocalMedia, "content_hash", counted)
    return hashed


def test_a_second_listing_hashes_what_was_touched_and_nothing_else(
    source: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ["a.mp4", "b.mp4", "c.mp4"]:
        write(source / name, name.encode())
    now_ns = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now_ns + 60 * 10**9)
    hashed = count_hashes(monkeypatch)
    first = lake.list_source(str(source))
    assert sorted(hashed) == ["a.mp4", "b.mp4", "c.mp4"]
    hashed.clear()
    assert lake.list_source(str(source)) == first
    assert hashed == []
    old(source / "b.mp4")
    again = lake.list_source(str(source))
    assert hashed == ["b.mp4"]
    assert [v.fingerprint for v in again] == [v.fingerprint for v in first]


def test_one_byte_changed_in_place_is_seen_though_size_and_mtime_stay(
    source: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = write(source / "a.mp4", b"x" * 3_000_000)
    old(video)
    now_ns = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now_ns + 60 * 10**9)
    (first,) = lake.list_source(str(source))
    time.sleep(0.02)  # a tick of the file system's clock
    with video.open("r+b") as file:
        file.seek(1_500_000)
        file.write(b"y")
    old(video)
    (second,) = lake.list_source(str(source))
    assert second.fingerprint != first.fingerprint


def test_a_file_written_just_now_is_not_trusted(source: Path, lake: Lake) -> None:
    write(source / "a.mp4")
    lake.list_source(str(source))
    assert not (Path(lake.uri) / "_cache").exists()


def test_a_damaged_memory_only_costs_time(source: Path, lake: Lake) -> None:
    write(source / "a.mp4")
    write(Path(lake.uri) / "_cache" / "fingerprints.parquet", b"garbage")
    assert [v.path for v in lake.list_source(str(source))] == ["a.mp4"]


def test_since_is_by_the_files_own_date_and_hides_no_path(source: Path) -> None:
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    for name in ("a.mp4", "b/c.mp4", "b/d.mkv", "e/f.mp4"):
        write(source / name)
    for name, hours in (("a.mp4", -1), ("b/c.mp4", 0), ("b/d.mkv", 1), ("e/f.mp4", -2)):
        then = (noon + timedelta(hours=hours)).timestamp()
        os.utime(source / name, (then, then))
    listing = list_source(str(source), Selection(include=("?/*",), since=noon))
    assert [video.path for video in listing] == ["b/c.mp4", "b/d.mkv"]
    assert listing.paths == {"b/c.mp4", "b/d.mkv", "e/f.mp4"}
    assert listing.root == str(source)
    with pytest.raises(ValueError, match="time zone"):
        Selection(since=datetime(2026, 5, 1))
