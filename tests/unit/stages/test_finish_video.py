"""FINISH publishes whole, verified videos of unchanged sources, or nothing."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import av
import pytest

from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import FailureReason, LakeError, VideoError
from fsp_ray.core.face_types import Person
from fsp_ray.lake import Lake
from fsp_ray.stages.bridges import Bridge
from fsp_ray.stages.finish_video import finish_video
from fsp_ray.stages.results import DrawnVideo, RenderedShard, VideoResult
from fsp_ray.stages.staging import segment_name
from tests.fakes.audits import AUDITOR, audit, judge
from tests.fakes.media import Clip
from tests.fakes.shards import PaintSwapper, Staged, meshed_track, stage_clip

SETTINGS = RunSettings(preset="ultrafast", shard_frames=12)
CLIP = Clip(
    width=192,
    height=128,
    gop=12,
    b_frames=2,
    audio="aac",
    metadata={"creation_time": "2026-03-01T23:30:00Z", "comment": "at Jane Doe's house"},
)
OWNERS = {"a": "p", "b": "p"}
PERSON = Person("p", "v", ("a", "b"), 33.0, "female", 0.9)


@dataclass
class Shelf:
    """Where videos are published to in these tests."""

    folder: Path
    published: list[str] = field(default_factory=list)

    def publish(self, local: Path, source_path: str, certificate: bytes) -> str:
        self.published.append(source_path)
        (self.folder / "certificate.json").write_bytes(certificate)
        shutil.copy(local, self.folder / source_path)
        return f"shelf:{source_path}"


@dataclass
class Rendered:
    """A clip all of whose shards are rendered."""

    clip: Staged
    shards: Sequence[RenderedShard]
    shelf: Shelf

    def finish(self, settings: RunSettings = SETTINGS) -> VideoResult:
        return finish_video(
            self.drawn,
            self.clip.staging,
            settings=settings,
            run_id="r",
            auditor=AUDITOR,
            publish=self.shelf.publish,
        )

    @property
    def drawn(self) -> DrawnVideo:
        return DrawnVideo(self.clip.planned, (PERSON,), tuple(self.shards), rounds=1)

    def segment(self, index: int) -> Path:
        return self.clip.staging.reading(segment_name(self.shards[index].shard_id))


@pytest.fixture
def rendered(tmp_path: Path) -> Rendered:
    clip = stage_clip(tmp_path, CLIP, settings=SETTINGS)
    a = meshed_track("a", clip.pts[2:10], (60, 60, 40), presence=[1] * 6 + [0] * 2)
    b = meshed_track("b", clip.pts[14:20], (60, 60, 40))
    for index, tracks in enumerate([[a], [b], [], []]):
        clip.tracks(tracks, index)
    box = (40.0, 40.0, 80.0, 80.0)
    clip.plan(OWNERS, bridges={"p": [Bridge(clip.pts[9], clip.pts[14], box, box)]})
    shards = [clip.render(PaintSwapper(), index) for index in range(4)]
    for index in range(4):
        audit(clip, index=index)
    assert judge(clip, [PERSON]).again == frozenset()
    (tmp_path / "shelf").mkdir()
    return Rendered(clip, shards, Shelf(tmp_path / "shelf"))


def _streams(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return sorted(stream.type for stream in container.streams)


def _expect(reason: FailureReason, rendered: Rendered) -> None:
    with pytest.raises(VideoError) as caught:
        rendered.finish()
    assert caught.value.reason == reason
    assert rendered.shelf.published == []
    assert list(rendered.clip.staging.root.glob("*.mp4")) == []


def test_the_row_says_what_was_published(rendered: Rendered) -> None:
    rendered = replace(rendered, shards=rendered.shards[::-1])  # they come as they are done
    result = rendered.finish()
    published = rendered.shelf.folder / "a.mp4"
    assert (result.status, result.reason) == ("published", "")
    row = result.video
    assert row["sha256"] == hashlib.sha256(published.read_bytes()).hexdigest()
    assert row["published_uri"] == "shelf:a.mp4"
    assert (row["num_frames"], row["width"], row["height"]) == (48, 192, 128)
    assert row["duration_s"] == pytest.approx(1.6)
    assert row["frame_rate"] == pytest.approx(30)
    assert row["recorded_on"] == date(2026, 3, 1)
    assert (row["num_persons"], row["num_faces"]) == (1, 14 + 4)  # 4 at the border
    covered = sum(t.covered_frames for shard in rendered.shards for t in shard.tracks)
    assert covered >= 2
    assert row["covered_faces"] == covered + 4
    assert [r["person_id"] for r in result.persons] == ["p"]
    assert [r["track_id"] for r in result.tracks] == ["a", "b"]
    with av.open(str(published)) as container:
        times = [round(frame.time * 30) for frame in container.decode(video=0)]
    assert times == list(range(48))


def test_the_rows_fit_the_lake(rendered: Rendered, tmp_path: Path) -> None:
    lake = Lake.create(str(tmp_path / "lake"))
    planned = rendered.clip.planned
    person = replace(PERSON, video_id=planned.info.video_id)
    result = finish_video(
        replace(rendered.drawn, persons=(person,)),
        rendered.clip.staging,
        settings=SETTINGS,
        run_id="r",
        auditor=AUDITOR,
        publish=lake.publish,
    )
    lake.commit(
        videos=[result.video], persons=result.persons, tracks=result.tracks, audit=result.audit
    )
    (row,) = lake.query("select published_uri, sha256 from videos").to_pylist()
    there = Path(row["published_uri"])
    assert there == tmp_path / "lake" / "videos" / "a.mp4"
    assert row["sha256"] == hashlib.sha256(there.read_bytes()).hexdigest()
    (faces,) = lake.query(
        "select sum(t.num_frames) n from tracks t join persons using (person_id)"
    )["n"].to_pylist()
    assert faces == 8 + 6


@pytest.mark.parametrize("audio", ["keep", "drop"])
def test_sound_is_kept_or_dropped_and_the_row_says_so(rendered: Rendered, audio: str) -> None:
    result = rendered.finish(replace(SETTINGS, audio=audio))  # type: ignore[arg-type]
    kept = audio == "keep"
    assert _streams(rendered.shelf.folder / "a.mp4") == (["audio"] if kept else []) + ["video"]
    assert result.video["has_audio"] is kept


def test_it_is_marked_as_synthetic_and_carries_nothing_else(rendered: Rendered) -> None:
    rendered.finish()
    published = rendered.shelf.folder / "a.mp4"
    with av.open(str(published)) as container:
        said = container.metadata
    assert "synthetic" in said["comment"].lower()
    assert "AI-generated" in said["comment"]
    assert said["description"].endswith("/digitalsourcetype/compositeSynthetic")
    assert set(said) <= {
        "comment",
        "description",
        "major_brand",
        "minor_version",
        "compatible_brands",
    }
    assert b"Jane" not in published.read_bytes()


def test_a_missing_shard_is_not_published(rendered: Rendered) -> None:
    _expect(FailureReason.VERIFY, replace(rendered, shards=rendered.shards[:-1]))


def test_a_shard_with_frames_missing_is_not_published(rendered: Rendered) -> None:
    short = replace(rendered.shards[1], num_frames=11)
    _expect(
        FailureReason.VERIFY,
        replace(rendered, shards=[rendered.shards[0], short, *rendered.shards[2:]]),
    )


def test_a_missing_segment_is_not_published(rendered: Rendered) -> None:
    rendered.segment(2).unlink()
    _expect(FailureReason.WORKER, rendered)


@pytest.mark.parametrize("spoilt", ["twice", "cut off"])
def test_a_segment_that_is_not_what_was_audited_is_not_published(
    rendered: Rendered, spoilt: str
) -> None:
    segment = rendered.segment(2)
    whole = rendered.segment(1) if spoilt == "twice" else segment
    segment.write_bytes(whole.read_bytes()[: None if spoilt == "twice" else 1000])
    with pytest.raises(VideoError, match="not audited"):
        rendered.finish()
    assert rendered.shelf.published == []


def test_what_does_not_verify_is_not_published(
    rendered: Rendered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever gets past the joining: here, a file that holds the first shard alone."""
    from fsp_ray.stages import finish_video as module

    def too_short(segments: Sequence[Path], source: object, info: object, out: Path, **_: object):  # type: ignore[no-untyped-def]
        shutil.copy(segments[0], out)

    monkeypatch.setattr(module, "mux", too_short)
    _expect(FailureReason.VERIFY, rendered)


def test_a_source_that_was_written_to_is_not_published(rendered: Rendered) -> None:
    source = Path(rendered.clip.planned.source.uri)
    source.write_bytes(source.read_bytes() + b"more")
    _expect(FailureReason.CHANGED, rendered)


def test_a_source_that_is_gone_is_not_published(rendered: Rendered) -> None:
    Path(rendered.clip.planned.source.uri).unlink()
    _expect(FailureReason.UNREADABLE, rendered)


def test_an_error_in_publishing_is_not_swallowed(rendered: Rendered) -> None:
    def full(local: Path, source_path: str, certificate: bytes) -> str:
        raise LakeError("no space left")

    rendered.shelf.publish = full  # type: ignore[method-assign]
    with pytest.raises(LakeError, match="no space"):
        rendered.finish()
