"""ANALYSE on real footage with the open pack, and on footage without anybody."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import VideoError
from fsp_ray.core.face_types import SourceFace, Track, TrackSummary
from fsp_ray.core.protocols import Models
from fsp_ray.faces import box_from_points, link_tracks
from fsp_ray.lake import list_source
from fsp_ray.models import load_models
from fsp_ray.stages.analyse_shard import analyse_shard
from fsp_ray.stages.archive import load_sources, load_summaries, load_tracks
from fsp_ray.stages.plan_video import plan_video
from fsp_ray.stages.results import AnalysedShard, PlannedVideo
from fsp_ray.stages.staging import Staging, summaries_name, tracks_name
from tests.fakes.media import Clip, write_clip
from tests.fakes.samples import carphone

SETTINGS = RunSettings(shard_frames=100_000)


@dataclass(frozen=True)
class Analysed:
    planned: PlannedVideo
    shard: AnalysedShard
    tracks: tuple[Track, ...]
    summaries: tuple[TrackSummary, ...]
    sources: tuple[SourceFace, ...]


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models("open")


def _planned(source: Path) -> PlannedVideo:
    (video,) = list_source(str(source))
    return plan_video(video, SETTINGS)


def _analyse(planned: PlannedVideo, staging: Staging, models: Models) -> Analysed:
    (shard,) = planned.shards
    found = analyse_shard(
        planned.source.media, planned.info, shard, staging, models=models, settings=SETTINGS
    )
    tracks = load_tracks(staging.reading(tracks_name(shard.shard_id)))
    summaries = staging.reading(summaries_name(shard.shard_id))
    return Analysed(
        planned,
        found,
        tracks,
        load_summaries(summaries),
        load_sources(summaries, [track.track_id for track in tracks]),
    )


@pytest.fixture(scope="module")
def man(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    folder = tmp_path_factory.mktemp("man")
    (folder / "source").mkdir()
    shutil.copy(carphone(), folder / "source" / "carphone.mp4")
    return _analyse(_planned(folder / "source"), Staging(folder / "staging"), models)


def test_the_man_in_the_car_is_followed_through_every_frame(man: Analysed) -> None:
    longest = max(man.tracks, key=len)
    assert man.shard.num_frames == man.planned.info.num_frames
    assert len(longest) == man.planned.info.num_frames
    assert longest.pts[0] == man.planned.info.start_pts
    assert longest.pts[-1] < man.planned.info.stop_pts
    assert (longest.presence > 0.5).mean() > 0.95
    assert man.shard.num_tracks == len(man.tracks) == len(man.summaries)
    width = man.planned.info.width
    middle = (longest.xyxy[:, 0] + longest.xyxy[:, 2]) / 2
    assert ((middle > 0.2 * width) & (middle < 0.8 * width)).all()
    meshed = longest.presence > 0
    assert np.abs(box_from_points(longest.points[meshed]) - longest.xyxy[meshed]).max() < 20


def test_he_is_one_person(man: Analysed, models: Models) -> None:
    persons = link_tracks(man.summaries, same_person_distance=models.matcher.same_person_distance)
    frames = {track.track_id: len(track) for track in man.tracks}
    sizes = sorted((sum(frames[t] for t in person) for person in persons), reverse=True)
    assert sizes[0] >= man.planned.info.num_frames
    assert sum(sizes[1:]) < 0.05 * man.planned.info.num_frames  # nobody else is in the car


def test_the_best_looks_at_him_are_measured(man: Analysed, models: Models) -> None:
    summary = max(man.summaries, key=lambda s: s.num_frames)
    views = len(summary.view_weight)
    assert views >= 3
    assert summary.embeddings.shape == (views, models.matcher.dimensions)
    np.testing.assert_allclose(np.linalg.norm(summary.embeddings, axis=1), 1, atol=1e-3)
    nearest = summary.embeddings @ summary.embeddings.T
    assert nearest.min() > 1 - models.matcher.same_person_distance
    assert summary.view_frontal.any()
    assert (summary.view_weight > 0).all()
    assert np.median(summary.view_female) < 0.5
    assert 20 < np.median(summary.view_age_years) < 70
    assert 0.5 < summary.mean_det_score <= 1
    assert 30 < summary.median_face_px < 130


def test_a_summary_says_where_its_track_begins_and_ends(man: Analysed) -> None:
    for track, summary in zip(man.tracks, man.summaries, strict=True):
        assert summary.track_id == track.track_id
        assert (summary.start_pts, summary.last_pts) == (track.pts[0], track.pts[-1])
        assert summary.num_frames == len(track)
        np.testing.assert_array_equal(summary.first_xyxy, track.xyxy[0])
        np.testing.assert_array_equal(summary.last_xyxy, track.xyxy[-1])


def test_his_mean_face_is_made_of_frontal_views(man: Analysed) -> None:
    summary = max(man.summaries, key=lambda s: s.num_frames)
    source = max(man.sources, key=lambda s: s.num_views)
    assert summary.view_frontal.sum() <= source.num_views  # views dropped later counted, too
    assert source.weight.max() > 0.5
    skin = source.texture[source.weight > 0.5].mean(axis=0)
    assert skin[0] > skin[2]  # skin is redder than blue


@pytest.mark.parametrize("clip", [Clip(), Clip(width=176, height=144, pts=(0,))])
def test_a_clip_without_faces_is_staged_all_the_same(
    models: Models, tmp_path: Path, clip: Clip
) -> None:
    (tmp_path / "source").mkdir()
    write_clip(tmp_path / "source" / "waves.mp4", clip)
    planned = _planned(tmp_path / "source")
    found = _analyse(planned, Staging(tmp_path / "staging"), models)
    assert found.tracks == ()
    assert found.summaries == ()
    assert found.shard.num_tracks == 0
    assert found.shard.num_frames == planned.info.num_frames


def test_a_shard_that_does_not_decode_stages_nothing(models: Models, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    path = write_clip(tmp_path / "source" / "waves.mp4", Clip())
    planned = _planned(tmp_path / "source")
    whole = bytearray(path.read_bytes())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VideoError):
        _analyse(planned, Staging(tmp_path / "staging"), models)
    assert not (tmp_path / "staging").exists()
