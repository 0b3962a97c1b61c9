"""RESOLVE: persons in order, faces from the run's secret alone, nobody's by guess."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fsp_ray.core import ids
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.face_types import SourceFace, SyntheticFace, TrackSummary
from fsp_ray.core.protocols import FaceChooser
from fsp_ray.core.video_types import Shard, VideoInfo
from fsp_ray.lake import SourceVideo
from fsp_ray.lake.media import LocalMedia
from fsp_ray.stages.archive import load_faces, save_summaries, save_views
from fsp_ray.stages.bridges import Bridge, save_border
from fsp_ray.stages.choose_faces import MAX_SOURCES, person_rng
from fsp_ray.stages.resolve_persons import resolve_persons
from fsp_ray.stages.results import PlannedVideo, ResolvedVideo
from fsp_ray.stages.staging import PLAN_NAME, Staging, summaries_name, views_name
from tests.fakes.choosers import DiceChooser
from tests.fakes.faces import make_source, make_summary

VIDEO = ids.video_id("a.mp4")
SHARDS = tuple(
    Shard(ids.shard_id(VIDEO, n), VIDEO, n, 100 * n, 100 * (n + 1), 100) for n in range(4)
)
PLANNED = PlannedVideo(
    SourceVideo("a.mp4", VIDEO, "/source/a.mp4", 1, "f", "s", LocalMedia("/a.mp4", "a.mp4")),
    VideoInfo(
        video_id=VIDEO,
        uri="/source/a.mp4",
        width=640,
        height=480,
        time_base=Fraction(1, 25),
        frame_rate=Fraction(25),
        num_frames=400,
        start_pts=0,
        stop_pts=400,
        codec="h264",
    ),
    SHARDS,
)
STILL = np.zeros((32, 32), np.float32)
"""Every shard's first and last frame: no cuts."""
SECRET = b"the run's secret, thrown away"
ALICE, BOB, CAROL = 1, 2, 3
"""Seeds of make_summary: one seed is one look."""
SOURCE = make_source()


def track(
    shard: int,
    number: int,
    first: int,
    last: int,
    look: int,
    *,
    x: float = 10,
    source: SourceFace | None = SOURCE,
) -> TrackSummary:
    """Return a summary of somebody's track, from one frame of the shard to another."""
    box = (x, 10.0, x + 40, 60.0)
    return make_summary(
        ids.track_id(SHARDS[shard].shard_id, number),
        shard_index=shard,
        start_pts=100 * shard + first,
        last_pts=100 * shard + last,
        first_xyxy=box,
        last_xyxy=box,
        source=source,
        seed=look,
    )


def resolve(
    staging: Staging,
    tracks: Sequence[TrackSummary],
    *,
    chooser: FaceChooser | None = None,
    secret: bytes = SECRET,
) -> ResolvedVideo:
    for shard in SHARDS:
        with staging.writing(summaries_name(shard.shard_id)) as path:
            save_summaries(path, [t for t in tracks if t.shard_index == shard.index])
        with staging.writing(views_name(shard.shard_id)) as path:
            save_views(path, {})
        save_border(staging, shard.shard_id, STILL, STILL)
    return resolve_persons(
        PLANNED, staging, chooser=chooser, same_person_distance=0.4, secret=secret
    )


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return Staging(tmp_path)


TWO = [
    track(0, 0, 10, 90, ALICE),
    track(0, 1, 10, 90, BOB, x=200),
    track(2, 0, 5, 50, ALICE, x=300),
    track(3, 0, 5, 50, BOB),
]


def _faces(staging: Staging) -> dict[str, SyntheticFace]:
    pairs, _ = load_faces(staging.reading(PLAN_NAME))
    return {person: face for person, (face, _) in pairs.items()}


def test_the_tracks_of_a_person_are_one_person_and_of_two_are_two(staging: Staging) -> None:
    persons = resolve(staging, TWO, chooser=DiceChooser()).persons
    assert [p.track_ids for p in persons] == [
        (TWO[0].track_id, TWO[2].track_id),
        (TWO[1].track_id, TWO[3].track_id),
    ]
    assert all(p.video_id == VIDEO for p in persons)
    assert [p.age_years for p in persons] == [33, 33]
    assert {p.gender for p in persons} == {"female"}


def test_persons_are_numbered_as_they_appear_left_before_right(staging: Staging) -> None:
    tracks = [
        track(0, 0, 50, 90, CAROL),
        track(0, 1, 10, 40, BOB, x=300),
        track(0, 2, 10, 40, ALICE, x=20),
    ]
    persons = resolve(staging, tracks).persons
    assert [p.person_id for p in persons] == [ids.person_id(VIDEO, n) for n in range(3)]
    assert [p.track_ids[0] for p in persons] == [
        tracks[2].track_id,
        tracks[1].track_id,
        tracks[0].track_id,
    ]


def test_every_track_has_one_owner(staging: Staging) -> None:
    persons = resolve(staging, TWO, chooser=DiceChooser()).persons
    _, header = load_faces(staging.reading(PLAN_NAME), set())
    assert header["owners"] == {t: p.person_id for p in persons for t in p.track_ids}
    assert set(header["owners"]) == {t.track_id for t in TWO}


def test_one_secret_gives_one_face_and_another_secret_another(tmp_path: Path) -> None:
    runs = []
    for name, secret in (("a", SECRET), ("b", SECRET), ("c", SECRET + b"!")):
        staging = Staging(tmp_path / name)
        resolve(staging, TWO, chooser=DiceChooser(), secret=secret)
        runs.append(_faces(staging))
    first, again, other = runs
    assert set(first) == set(again) == set(other) == {ids.person_id(VIDEO, n) for n in (0, 1)}
    for person, face in first.items():
        np.testing.assert_array_equal(face.texture, again[person].texture)
        np.testing.assert_array_equal(face.shape, again[person].shape)
        assert (face.texture != other[person].texture).any()
    one, two = first.values()
    assert (one.texture != two.texture).any()


def test_the_rng_is_the_secrets_and_the_persons() -> None:
    def draw(secret: bytes, number: int) -> int:
        return int(person_rng(secret, ids.person_id(VIDEO, number)).integers(1 << 60))

    drawn = [draw(SECRET, 0), draw(SECRET, 1), draw(b"another", 0)]
    assert len(set(drawn)) == 3
    assert draw(SECRET, 0) == drawn[0]


def test_without_a_chooser_nobody_gets_a_face(staging: Staging) -> None:
    persons = resolve(staging, TWO).persons
    assert len(persons) == 2
    assert _faces(staging) == {}


def test_nobody_without_a_source_gets_a_face(staging: Staging) -> None:
    chooser = DiceChooser()
    tracks = [track(0, 0, 10, 90, ALICE, source=None), track(0, 1, 10, 90, BOB, x=200)]
    alice, bob = resolve(staging, tracks, chooser=chooser).persons
    assert set(_faces(staging)) == {bob.person_id}
    _, header = load_faces(staging.reading(PLAN_NAME), set())
    assert header["covered"] == [alice.person_id]
    assert header["attempts"] == {bob.person_id: 0}
    assert chooser.calls == [(bob.person_id, 33, "female")]
    assert alice.age_years == 33  # what was read of her stays


def test_nobody_of_whom_nothing_was_read_gets_a_face_or_a_guess(staging: Staging) -> None:
    unread = replace(
        track(0, 0, 10, 90, ALICE),
        embeddings=np.zeros((0, 128), np.float32),
        view_weight=np.zeros(0, np.float32),
        view_frontal=np.zeros(0, np.bool_),
        view_age_years=np.zeros(0, np.float32),
        view_female=np.zeros(0, np.float32),
    )
    chooser = DiceChooser()
    (person,) = resolve(staging, [unread], chooser=chooser).persons
    assert (person.age_years, person.gender, person.gender_confidence) == (None, None, None)
    assert _faces(staging) == {}
    assert chooser.calls == []


def test_a_video_without_faces_has_a_plan_too(staging: Staging) -> None:
    resolved = resolve(staging, [], chooser=DiceChooser())
    assert resolved.persons == ()
    assert load_faces(staging.reading(PLAN_NAME)) == (
        {},
        {"persons": [], "owners": {}, "bridges": {}, "attempts": {}, "covered": []},
    )


def test_a_mean_face_is_made_of_so_many_tracks_and_of_the_best(staging: Staging) -> None:
    rng = np.random.default_rng(0)
    weights = rng.permutation(np.linspace(0.1, 1, MAX_SOURCES + 4))
    tracks = []
    for number, weight in enumerate(weights):
        one = track(number % 4, number, 2 * (number // 4), 2 * (number // 4) + 1, ALICE)
        views = 1000 if weight < np.sort(weights)[4] else 1
        tracks.append(
            replace(
                one,
                view_weight=np.full(4, weight, np.float32),
                source=replace(SOURCE, num_views=views),
            )
        )
    chooser = DiceChooser()
    (person,) = resolve(staging, tracks, chooser=chooser).persons
    assert len(person.track_ids) == MAX_SOURCES + 4
    (source,) = chooser.sources
    assert source.num_views == MAX_SOURCES


def test_gaps_at_borders_are_in_the_plan(staging: Staging) -> None:
    tracks = [track(0, 0, 10, 94, ALICE), track(1, 0, 4, 50, ALICE)]
    (person,) = resolve(staging, tracks, chooser=DiceChooser()).persons
    _, header = load_faces(staging.reading(PLAN_NAME), set())
    (bridge,) = [Bridge.from_dict(values) for values in header["bridges"][person.person_id]]
    assert (bridge.after_pts, bridge.before_pts) == (94, 104)
    box = bridge.box(100)
    assert box is not None
    np.testing.assert_allclose(box, [10, 10, 50, 60])


def test_a_face_seen_on_one_side_of_a_border_alone_is_covered_on_the_other(
    staging: Staging,
) -> None:
    resolve(staging, [track(1, 0, 3, 50, ALICE)])
    _, header = load_faces(staging.reading(PLAN_NAME), set())
    (bridge,) = [Bridge.from_dict(values) for (values,) in header["bridges"].values()]
    assert [pts for pts in range(80, 120) if bridge.box(pts) is not None] == list(range(95, 103))


def test_an_unanalysed_shard_is_the_videos_error(staging: Staging) -> None:
    resolve(staging, TWO)
    staging.reading(summaries_name(SHARDS[1].shard_id)).unlink()
    with pytest.raises(VideoError, match="missing") as caught:
        resolve_persons(PLANNED, staging, chooser=None, same_person_distance=0.4, secret=SECRET)
    assert caught.value.reason == FailureReason.WORKER


def test_what_leaves_the_stage_holds_nothing_biometric(staging: Staging) -> None:
    resolved = resolve(staging, TWO, chooser=DiceChooser())
    carried = pickle.dumps(resolved)
    assert b"numpy" not in carried
    assert SECRET not in carried
    plan = staging.reading(PLAN_NAME).read_bytes()
    assert SECRET not in plan
    for summary in TWO:  # the plan lives as long as rendering takes: no embeddings in it
        assert summary.embeddings[0].tobytes() not in plan
