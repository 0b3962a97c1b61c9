from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from fsp_ray.core.ages import AGE_GROUPS
from fsp_ray.core.errors import LakeError
from fsp_ray.lake import Lake, delta
from fsp_ray.lake.tables import PERSONS
from tests.fakes.lakes import make_lake

Make = Callable[..., dict[str, object]]


@pytest.fixture
def archive(lake: Lake, video_row: Make, failed_row: Make, person_row: Make) -> Lake:
    """Six women of 30, five men of 70, one girl of 7; one of them in a quarantined video."""
    women = [person_row("cam 1/day.mp4", n) for n in range(6)]
    men = [person_row("top.mp4", n, gender="male", age_years=70.0) for n in range(5)]
    girl = person_row("cam 1/x/undated.mp4", 0, age_years=7.0)
    hidden = person_row("bad.mp4", 0, age_years=50.0)
    lake.commit(
        videos=[
            video_row("cam 1/day.mp4"),
            video_row("top.mp4", recorded_on="2026-02-28"),
            video_row("cam 1/x/undated.mp4", recorded_on=None),
            failed_row("bad.mp4", status="quarantined"),
        ],
        persons=[*women, *men, girl, hidden],
    )
    return lake


def counts(lake: Lake, *by: str, **options: object) -> dict[tuple[object, ...], object]:
    rows = lake.demographics(by=by, **options).to_pylist()  # type: ignore[arg-type]
    return {tuple(row[name] for name in by): row["persons"] for row in rows}


def test_counts_of_persons_in_published_videos(archive: Lake) -> None:
    rows = archive.demographics(k=1).to_pylist()
    assert rows == [
        {
            "age_group": "5-14",
            "gender": "female",
            "persons": 1,
            "visible_s": 2.0,
            "suppressed": False,
        },
        {
            "age_group": "25-34",
            "gender": "female",
            "persons": 6,
            "visible_s": 12.0,
            "suppressed": False,
        },
        {
            "age_group": "65+",
            "gender": "male",
            "persons": 5,
            "visible_s": 10.0,
            "suppressed": False,
        },
    ]


def test_a_small_count_takes_the_next_one_with_it(archive: Lake) -> None:
    assert counts(archive, "age_group", k=5) == {("5-14",): None, ("25-34",): 6, ("65+",): None}
    assert counts(archive, "gender", k=5) == {("female",): 7, ("male",): 5}
    assert counts(archive, "gender", k=6) == {("female",): None, ("male",): None}


def test_extra_dimensions(archive: Lake) -> None:
    assert counts(archive, "folder", k=1) == {("",): 5, ("cam 1",): 6, ("cam 1/x",): 1}
    assert counts(archive, "day", k=1) == {("2026-02-28",): 5, ("2026-03-01",): 6, (None,): 1}
    assert counts(archive, "month", k=1) == {("2026-02",): 5, ("2026-03",): 6, (None,): 1}


def test_since(archive: Lake) -> None:
    assert counts(archive, "gender", since=date(2026, 3, 1), k=1) == {("female",): 6}
    assert counts(archive, "gender", since=date(2027, 1, 1), k=1) == {}


def test_ages_stand_in_their_order(lake: Lake, video_row: Make, person_row: Make) -> None:
    ages = [1, 7, 20, 30, 40, 50, 60, 90]
    lake.commit(
        videos=[video_row("a.mp4")],
        persons=[person_row("a.mp4", n, age_years=float(age)) for n, age in enumerate(ages)],
    )
    groups = lake.demographics(by=("age_group",), k=1).column("age_group").to_pylist()
    assert groups == list(AGE_GROUPS)


@pytest.mark.parametrize("by", [(), ("name",), ("gender", "gender"), ("gender; DROP",)])
def test_unknown_dimensions_are_refused(lake: Lake, by: tuple[str, ...]) -> None:
    with pytest.raises(LakeError, match="count by"):
        lake.demographics(by=by)  # type: ignore[arg-type]


def test_k_must_be_positive(lake: Lake) -> None:
    with pytest.raises(LakeError):
        lake.demographics(k=0)


@pytest.mark.slow
def test_a_hundred_thousand_persons_are_counted_right(tmp_path: Path) -> None:
    """Against pandas, which knows nothing of commits: of videos that count, and no other rows."""
    lake = make_lake(str(tmp_path / "lake"), videos=10_000, persons=100_000, commits=20)
    stray = delta.read(lake.storage, "persons", PERSONS.column_names).slice(0, 500)
    marks = pa.array(["20250101T000000Z-dead"] * 500)
    place = stray.column_names.index("commit_id")
    delta.append(lake.storage, "persons", stray.set_column(place, "commit_id", marks))
    videos = delta.read(lake.storage, "videos", ("video_id", "status", "recorded_on")).to_pandas()
    persons = delta.read(lake.storage, "persons", PERSONS.column_names).to_pandas()
    persons = persons[persons.commit_id != "20250101T000000Z-dead"]
    seen = persons.merge(videos[videos.status == "published"], on="video_id")
    seen["month"] = seen.recorded_on.map(lambda day: f"{day:%Y-%m}")
    by = ["age_group", "gender", "month"]
    wanted = seen.groupby(by).visible_s.agg(["size", "sum"])
    rows = lake.demographics(by=tuple(by), k=1).to_pylist()  # type: ignore[arg-type]
    assert len(rows) == len(wanted) > 180
    for row in rows:
        size, visible_s = wanted.loc[tuple(row[name] for name in by)]
        assert (row["persons"], row["suppressed"]) == (size, False)
        assert row["visible_s"] == pytest.approx(visible_s, abs=1e-3)
    kept = lake.count_persons(by=tuple(by), k=20)  # type: ignore[arg-type]
    sizes = [wanted.loc[tuple(row[name] for name in by)]["size"] for row in rows]
    hidden = [row["suppressed"] for row in kept.rows]
    assert kept.small == sum(size < 20 for size in sizes) > 0
    assert all(hide for size, hide in zip(sizes, hidden, strict=True) if size < 20)
    assert kept.kept_back == sum(hidden) > kept.small
