"""Rows of the tables add up, whatever the time base, and fit the lake."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.core import ids
from fsp_ray.core.config import RunSettings
from fsp_ray.core.face_types import Person
from fsp_ray.core.video_types import VideoInfo
from fsp_ray.lake import Lake, SourceVideo
from fsp_ray.lake.media import LocalMedia
from fsp_ray.stages.results import RenderedShard, TrackCounts
from fsp_ray.stages.rows import persons_rows, tracks_rows, video_row

VIDEO = ids.video_id("a.mp4")
PERSON = ids.person_id(VIDEO, 0)
OTHER = ids.person_id(VIDEO, 1)
FRAME = 3003  # pts from one frame to the next
INFO = VideoInfo(
    video_id=VIDEO,
    uri="/source/a.mp4",
    width=192,
    height=128,
    time_base=Fraction(1, 90_000),
    frame_rate=Fraction(30_000, 1001),
    num_frames=300,
    start_pts=40_017,
    stop_pts=40_017 + 300 * FRAME,
    codec="h264",
)
FRAME_S = 1001 / 30_000
SOURCE = SourceVideo(
    "a.mp4", VIDEO, "/source/a.mp4", 1, "sha256:0", "s", LocalMedia("/source/a.mp4", "a.mp4")
)


def counts(
    first: int,
    last: int,
    *,
    shard: int = 0,
    number: int = 0,
    person: str = PERSON,
    covered: int = 0,
) -> TrackCounts:
    """Return the counts of a track from one frame of the video to another, both included."""
    n = last - first + 1
    return TrackCounts(
        track_id=ids.track_id(ids.shard_id(VIDEO, shard), number),
        person_id=person,
        start_pts=INFO.start_pts + first * FRAME,
        last_pts=INFO.start_pts + last * FRAME,
        num_frames=n,
        swapped_frames=n - covered,
        covered_frames=covered,
        interpolated_frames=covered // 2,
        mean_det_score=0.5 + 0.1 * shard,
        median_face_px=40.0 + 10 * shard,
    )


def shards(*tracks: list[TrackCounts], num_frames: int = 100) -> list[RenderedShard]:
    return [
        RenderedShard(ids.shard_id(VIDEO, n), VIDEO, n, num_frames, tuple(t), 0, {})
        for n, t in enumerate(tracks)
    ]


def person(person_id: str = PERSON, *track_ids: str, age: float | None = 34.56) -> Person:
    known = age is not None
    return Person(
        person_id,
        VIDEO,
        track_ids or ("t",),
        age,
        "female" if known else None,
        0.87654 if known else None,
        4.26 if known else None,
    )


def test_a_track_cut_by_shard_borders_is_one_again() -> None:
    rendered = shards(
        [counts(20, 99, covered=4)],
        [counts(100, 199, shard=1, covered=10)],
        [counts(200, 209, shard=2)],
    )
    (row,) = tracks_rows(INFO, rendered, "r")
    assert row["track_id"] == rendered[0].tracks[0].track_id
    assert row["person_id"] == PERSON
    assert row["num_frames"] == 190
    assert row["swapped_frames"] == 176
    assert row["covered_frames"] == 14
    assert row["interpolated_frames"] == 7
    assert row["start_s"] == pytest.approx(20 * FRAME_S)
    assert row["end_s"] == pytest.approx(210 * FRAME_S)
    assert row["mean_det_score"] == pytest.approx((80 * 0.5 + 100 * 0.6 + 10 * 0.7) / 190, abs=1e-3)
    assert row["median_face_px"] == pytest.approx((80 * 40 + 100 * 50 + 10 * 60) / 190, abs=0.06)


@pytest.mark.parametrize(
    "after",
    [
        counts(100, 150, shard=1, person=OTHER),  # somebody else took the place
        counts(103, 150, shard=1),  # gone for a while
        counts(100, 150, shard=0, number=1),  # a cut within the shard
    ],
)
def test_what_is_not_one_trajectory_is_not_joined(after: TrackCounts) -> None:
    before = counts(20, 99)
    number = int(after.track_id.rsplit("-", 2)[1])
    rendered = shards(*([[before, after]] if number == 0 else [[before], [after]]))
    rows = tracks_rows(INFO, rendered, "r")
    assert {row["track_id"] for row in rows} == {before.track_id, after.track_id}
    assert [row["num_frames"] for row in rows] == [80, after.num_frames]


spans = st.lists(
    st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 2), st.floats(0, 1)),
    max_size=4,
)


@given(st.lists(spans, min_size=1, max_size=3))
def test_frames_in_are_frames_out(made: list[list[tuple[int, int, int, float]]]) -> None:
    people = [ids.person_id(VIDEO, n) for n in range(3)]
    tracks = [
        [
            counts(
                100 * index + min(a, b),
                100 * index + max(a, b),
                shard=index,
                number=number,
                person=people[who],
                covered=round(share * (abs(a - b) + 1)),
            )
            for number, (a, b, who, share) in enumerate(spans)
        ]
        for index, spans in enumerate(made)
    ]
    everything = [t for of_shard in tracks for t in of_shard]
    rendered = shards(*tracks)
    rows = tracks_rows(INFO, rendered, "r")
    for name in ("num_frames", "swapped_frames", "covered_frames", "interpolated_frames"):
        assert sum(int(str(row[name])) for row in rows) == sum(getattr(t, name) for t in everything)
    assert len({row["track_id"] for row in rows}) == len(rows)
    seen = sorted({t.person_id for t in everything})
    for row in persons_rows(INFO, [person(p) for p in seen], rendered, "r"):
        own = [t for t in everything if t.person_id == row["person_id"]]
        assert row["num_frames"] == sum(t.num_frames for t in own)
        assert row["visible_s"] == pytest.approx(sum(t.num_frames for t in own) * FRAME_S)
        assert row["first_seen_s"] == pytest.approx(
            (min(t.start_pts for t in own) - INFO.start_pts) / 90_000
        )


def test_a_persons_seconds_count_from_the_first_frame() -> None:
    rendered = shards([counts(0, 9)], [counts(150, 159, shard=1)], [counts(290, 299, shard=2)])
    (row,) = persons_rows(INFO, [person()], rendered, "r")
    assert row["first_seen_s"] == 0
    assert row["last_seen_s"] == pytest.approx(300 * FRAME_S)
    assert row["last_seen_s"] == pytest.approx(INFO.duration_s)
    assert row["visible_s"] == pytest.approx(30 * FRAME_S)
    assert row["num_frames"] == 30
    assert row["median_face_px"] == pytest.approx(50)


@pytest.mark.parametrize("first", [0, 5])
def test_uneven_frames_give_the_seconds_that_the_clock_says(first: int) -> None:
    """Ten frames of a tenth of a second, then ten of one second: the mean rate says neither."""
    at = [40_017 + pts for pts in (*range(0, 90_000, 9000), *range(90_000, 990_000, 90_000))]
    info = replace(INFO, num_frames=20, stop_pts=40_017 + 990_000, frame_rate=Fraction(20, 11))
    seen = replace(
        counts(0, 19 - first),
        start_pts=at[first],
        last_pts=at[19],
    )
    (row,) = persons_rows(info, [person()], shards([seen]), "r")
    assert row["first_seen_s"] == pytest.approx(first / 10)
    assert row["last_seen_s"] == pytest.approx(10.55)  # the last frame counts as a mean one
    assert row["visible_s"] == pytest.approx(10.55 - first / 10)
    (track,) = tracks_rows(info, shards([seen]), "r")
    assert (track["start_s"], track["end_s"]) == (row["first_seen_s"], row["last_seen_s"])


def test_nobody_is_seen_beyond_the_end() -> None:
    """The last frame of an uneven video may be shorter than the mean one."""
    info = replace(INFO, stop_pts=INFO.start_pts + 299 * FRAME + 10)
    (row,) = persons_rows(info, [person()], shards([counts(290, 299)]), "r")
    assert row["last_seen_s"] == info.duration_s
    assert 0 < float(str(row["visible_s"])) < 10 * FRAME_S


def test_what_was_not_read_stays_unknown() -> None:
    (row,) = persons_rows(INFO, [person(age=None)], shards([counts(0, 9)]), "r")
    names = ("age_years", "age_std_years", "age_group", "gender", "gender_confidence")
    unread = {row[name] for name in names}
    assert unread == {None}


def test_what_was_read_is_rounded_alike() -> None:
    (row,) = persons_rows(INFO, [person(age=34.56)], shards([counts(0, 9)]), "r")
    assert (row["age_years"], row["age_std_years"], row["age_group"]) == (34.6, 4.3, "35-44")
    assert (row["gender"], row["gender_confidence"]) == ("female", 0.877)


@pytest.mark.parametrize(("covered", "word"), [(0, "synthetic"), (9, "synthetic"), (10, "cover")])
def test_replaced_says_synthetic_only_if_a_face_was_ever_put_on(covered: int, word: str) -> None:
    rendered = shards([counts(0, 9, covered=covered)])
    (row,) = persons_rows(INFO, [person()], rendered, "r")
    assert row["replaced"] == word


def test_the_figures_fit_the_lake_and_come_back_by_sql(tmp_path: Path) -> None:
    lake = Lake.create(str(tmp_path / "lake"))
    rendered = shards(
        [counts(20, 99, covered=4), counts(0, 9, number=1, person=OTHER, covered=10)],
        [counts(100, 199, shard=1)],
    )
    persons = [person(PERSON, "t", age=34.5), person(OTHER, "u", age=None)]
    settings = RunSettings()
    video = video_row(SOURCE, settings, "r", status="published", reason="")
    video |= {
        "published_uri": "/lake/videos/a.mp4",
        "sha256": "0" * 64,
        "duration_s": INFO.duration_s,
        "num_frames": 300,
        "width": 192,
        "height": 128,
        "frame_rate": float(INFO.frame_rate),
        "has_audio": False,
        "num_persons": 2,
        "num_faces": 190,
        "covered_faces": 14,
    }
    in_tables = persons_rows(INFO, persons, rendered, "r"), tracks_rows(INFO, rendered, "r")
    lake.commit(videos=[video], persons=in_tables[0], tracks=in_tables[1])
    for table, rows, key in zip(
        ("persons", "tracks"), in_tables, ("person_id", "track_id"), strict=True
    ):
        back = lake.query(f"select * from {table} order by {key}").to_pylist()
        ordered = sorted(rows, key=lambda row, key=key: str(row[key]))
        assert [{k: v for k, v in row.items() if k != "commit_id"} for row in back] == ordered
    (row,) = lake.query("select settings_hash, pack, run_id, reason from videos").to_pylist()
    assert row == {"settings_hash": settings.hash, "pack": "open", "run_id": "r", "reason": None}


def test_a_failed_videos_row_fits_the_lake(tmp_path: Path) -> None:
    lake = Lake.create(str(tmp_path / "lake"))
    started = datetime.now(UTC)
    row = video_row(
        SOURCE, RunSettings(), "r", status="failed", reason="not_a_video: It is a letter."
    )
    lake.commit(videos=[row])
    (back,) = lake.query("select * from videos").to_pylist()
    assert (back["status"], back["reason"]) == ("failed", "not_a_video: It is a letter.")
    assert back["published_uri"] is None
    assert (back["source_path"], back["source_uri"]) == ("a.mp4", "/source/a.mp4")
    assert started <= back["finished_at"] <= datetime.now(UTC)
