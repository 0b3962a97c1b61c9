from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake.exceptions import CommitFailedError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsp_ray.core import ids
from fsp_ray.core.errors import LakeError
from fsp_ray.lake import Lake, commit, delta
from fsp_ray.lake.tables import DETAIL_TABLES

Make = Callable[..., dict[str, object]]

# What readers see: each video's run, and the runs and numbers of its rows.
SEEN = """
SELECT v.video_id, v.run_id,
       (SELECT list(p.run_id) FROM persons p WHERE p.video_id = v.video_id) AS persons,
       (SELECT count(*) FROM tracks t WHERE t.video_id = v.video_id) AS tracks,
       (SELECT count(*) FROM audit a WHERE a.video_id = v.video_id) AS audit
FROM videos v
"""


def seen(lake: Lake) -> dict[str, tuple[str, list[str], int, int]]:
    rows = lake.query(SEEN).to_pylist()
    assert len({row["video_id"] for row in rows}) == len(rows), "a video has two rows"
    return {
        row["video_id"]: (row["run_id"], row["persons"] or [], row["tracks"], row["audit"])
        for row in rows
    }


def stored_rows(lake: Lake, table: str) -> int:
    return delta.open_table(lake.storage, table).to_pyarrow_dataset().count_rows()


@pytest.fixture
def do_commit(
    video_row: Make, person_row: Make, track_row: Make, audit_row: Make
) -> Callable[[Lake, str, dict[str, int]], None]:
    def do(lake: Lake, run: str, persons: dict[str, int]) -> None:
        lake.commit(
            videos=[video_row(path, run, num_persons=n) for path, n in persons.items()],
            persons=[person_row(path, i, run) for path, n in persons.items() for i in range(n)],
            tracks=[track_row(path, i, run) for path, n in persons.items() for i in range(n)],
            audit=[audit_row(path, i, run) for path, n in persons.items() for i in range(n)],
        )

    return do


Do = Callable[[Lake, str, dict[str, int]], None]
PATHS = st.sampled_from(["a.mp4", "b.mp4", "it's.mp4", "ü/c.mp4"])
STEPS = st.lists(
    st.tuples(
        st.dictionaries(PATHS, st.integers(0, 3), min_size=1),
        st.sampled_from(["well", "well", "dies after persons", "dies before videos", "dies after"]),
    ),
    min_size=1,
    max_size=5,
)


class DeathError(RuntimeError):
    """Stands for the driver's death."""


def die_at(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    def dies(*_: object) -> None:
        raise DeathError

    if how == "dies after persons":
        real = delta.append

        def append(storage: object, table: str, rows: object) -> None:
            if table != "persons":
                raise DeathError
            real(storage, table, rows)  # type: ignore[arg-type]

        monkeypatch.setattr(delta, "append", append)
    elif how == "dies before videos":
        monkeypatch.setattr(commit, "_replace_videos", dies)
    elif how == "dies after":
        monkeypatch.setattr(delta, "delete", dies)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_each_video_has_the_rows_of_its_last_commit_whoever_died(
    steps: list[tuple[dict[str, int], str]], do_commit: Do
) -> None:
    """The law of this module, with deaths at every boundary."""
    expected: dict[str, tuple[str, list[str], int, int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake.create(f"{folder}/lake")
        for number, (persons, how) in enumerate(steps):
            run = f"r{number}"
            with pytest.MonkeyPatch.context() as patch:
                die_at(patch, how)
                try:
                    do_commit(lake, run, persons)
                except DeathError:
                    assert how != "well"
            if how not in ("dies after persons", "dies before videos"):
                expected |= {
                    ids.video_id(path): (run, [run] * n, n, n) for path, n in persons.items()
                }
            assert seen(lake) == expected
        if any(n for persons, _ in steps for n in persons.values()):
            commit.sweep(lake.storage, datetime.now(UTC) + timedelta(days=2))
            assert seen(lake) == expected
            total = sum(len(persons) for _, persons, _, _ in expected.values())
            for table in DETAIL_TABLES:
                assert stored_rows(lake, table.name) == total, "debris is left"


def test_a_commit_again_heals_a_death_between_persons_and_videos(
    lake: Lake, do_commit: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    do_commit(lake, "r1", {"a.mp4": 2})
    before = seen(lake)
    with monkeypatch.context() as patch:
        die_at(patch, "dies before videos")
        with pytest.raises(DeathError):
            do_commit(lake, "r2", {"a.mp4": 3, "b.mp4": 1})
    assert stored_rows(lake, "persons") == 6
    assert seen(lake) == before
    assert lake.query("SELECT count(*) AS n FROM persons").to_pylist() == [{"n": 2}]
    # The same run tries again: its rows of before must not count twice.
    do_commit(lake, "r2", {"a.mp4": 3, "b.mp4": 1})
    assert seen(lake) == {
        ids.video_id("a.mp4"): ("r2", ["r2"] * 3, 3, 3),
        ids.video_id("b.mp4"): ("r2", ["r2"], 1, 1),
    }


def test_rows_of_a_commit_in_progress_are_not_swept(
    lake: Lake, do_commit: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        die_at(patch, "dies before videos")
        with pytest.raises(DeathError):
            do_commit(lake, "r1", {"a.mp4": 2})
    assert commit.sweep(lake.storage) == 0
    assert commit.sweep(lake.storage, datetime.now(UTC) + timedelta(days=2)) == 6


def test_many_videos_go_in_chunks(
    lake: Lake, do_commit: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "CHUNK_VIDEOS", 3)
    for run in ("r1", "r2"):
        do_commit(lake, run, {f"{n}.mp4": n % 3 for n in range(10)})
        assert seen(lake) == {
            ids.video_id(f"{n}.mp4"): (run, [run] * (n % 3), n % 3, n % 3) for n in range(10)
        }


def test_nothing_is_written_if_any_row_is_wrong(
    lake: Lake, video_row: Make, failed_row: Make, person_row: Make, track_row: Make
) -> None:
    good, person = video_row("a.mp4"), person_row("a.mp4")
    wrong: list[tuple[str, dict[str, list[dict[str, object]]]]] = [
        ("gender", {"persons": [person | {"gender": "x"}]}),
        ("not committed", {"persons": [person_row("b.mp4")]}),
        ("run_id", {"tracks": [track_row("a.mp4", run="r2")]}),
        ("more than once", {"persons": [person, person]}),
        ("more than once", {"videos": [good, good]}),
        ("sha256", {"videos": [good | {"sha256": None}]}),
        ("reason", {"videos": [failed_row("a.mp4", reason="")]}),
        ("published_uri", {"videos": [failed_row("a.mp4", published_uri="/x")]}),
        ("status", {"videos": [failed_row("a.mp4", status="done")]}),
        ("source_path", {"videos": [good | {"source_path": "b.mp4"}]}),
    ]
    for words, rows in wrong:
        with pytest.raises(LakeError, match=words):
            lake.commit(**({"videos": [good], "persons": [person]} | rows))
    for table in ("videos", "persons", "tracks", "audit"):
        assert delta.open_table(lake.storage, table).version() == 0


def test_failed_and_quarantined_videos_have_rows(lake: Lake, failed_row: Make) -> None:
    lake.commit(videos=[failed_row("a.mp4"), failed_row("b.mp4", status="quarantined")])
    rows = lake.query("SELECT * FROM videos WHERE published_uri IS NULL AND width IS NULL")
    assert sorted(row["status"] for row in rows.to_pylist()) == ["failed", "quarantined"]


def test_a_run_has_one_row(lake: Lake, run_row: Make) -> None:
    lake.commit_run(run_row("r1"))
    lake.commit_run(run_row("r2"))
    lake.commit_run(run_row("r1", published=3, finished_at=datetime.now(UTC)))
    rows = lake.query("SELECT run_id, published FROM runs ORDER BY run_id").to_pylist()
    assert rows == [{"run_id": "r1", "published": 3}, {"run_id": "r2", "published": 0}]


def test_an_empty_commit_writes_nothing(lake: Lake) -> None:
    lake.commit(videos=[])
    assert delta.open_table(lake.storage, "videos").version() == 0


def test_lost_races_are_retried_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta, "_FIRST_WAIT_S", 0.0)
    tries: list[int] = []

    def loses_twice() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise CommitFailedError("lost")
        return "won"

    assert delta.retried(loses_twice) == "won"
    assert len(tries) == 3

    def always_loses() -> None:
        tries.append(1)
        raise CommitFailedError("lost")

    tries.clear()
    with pytest.raises(LakeError, match="gave up"):
        delta.retried(always_loses)
    assert len(tries) == delta.ATTEMPTS


def test_a_stale_view_of_videos_can_not_be_written_over(
    lake: Lake, do_commit: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two commit the same new video; the one that read first must notice, and clean up well."""
    real = delta.replace
    intruded: list[int] = []

    def replace(table: object, rows: object, predicate: str) -> None:
        if not intruded:
            intruded.append(1)
            do_commit(lake, "r2", {"a.mp4": 2})
        real(table, rows, predicate)  # type: ignore[arg-type]

    monkeypatch.setattr(delta, "replace", replace)
    do_commit(lake, "r1", {"a.mp4": 1})
    assert seen(lake) == {ids.video_id("a.mp4"): ("r1", ["r1"], 1, 1)}
    assert stored_rows(lake, "persons") == 1


RACER = """
import json, sys
from fsp_ray.lake import Lake
lake, me = Lake.create(sys.argv[1]), sys.argv[2]
template = json.load(sys.stdin)
for turn in range(6):
    run = f"{me}{turn}"
    rows = {
        table: [row | {"run_id": run} for row in rows] for table, rows in template.items()
    }
    lake.commit(**rows)
"""


def test_two_processes_race_for_the_same_videos_of_a_new_lake(
    tmp_path: Path, video_row: Make, person_row: Make
) -> None:
    paths = ["a.mp4", "b.mp4", "c.mp4"]
    template = {
        "videos": [video_row(path) for path in paths],
        "persons": [person_row(path, i) for path in paths for i in range(2)],
    }
    text = json.dumps(template, default=str)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(tmp_path / "lake"), me],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for me in "xy"
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(text)
        racer.stdin.close()
    lake: Lake | None = None
    while any(racer.poll() is None for racer in racers):
        if Lake.exists(str(tmp_path / "lake")):
            lake = Lake.create(str(tmp_path / "lake"))
            for run, persons, _, _ in seen(lake).values():
                assert persons == [run] * 2, "a reader saw half of a commit"
    for racer in racers:
        assert racer.stderr is not None
        assert racer.returncode == 0, racer.stderr.read()
        racer.stderr.close()
    assert lake is not None
    final = seen(lake)
    assert set(final) == {ids.video_id(path) for path in paths}
    assert all(run in ("x5", "y5") for run, _, _, _ in final.values())
    assert stored_rows(lake, "persons") == 6
