from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fsp_ray.core.face_types import HeadView
from fsp_ray.stages.archive import (
    load_faces,
    load_sources,
    load_summaries,
    load_tracks,
    load_views,
    save_faces,
    save_summaries,
    save_tracks,
    save_views,
)
from tests.fakes.faces import make_source, make_summary, make_synthetic, make_track


def test_tracks_come_back_as_they_were(tmp_path: Path) -> None:
    tracks = [make_track("a", seed=1), make_track("b", pts=range(5, 8), seed=2)]
    save_tracks(tmp_path / "t.npz", tracks)
    back = load_tracks(tmp_path / "t.npz")
    assert [t.track_id for t in back] == ["a", "b"]
    for track, again in zip(tracks, back, strict=True):
        for name in ("pts", "xyxy", "points", "presence", "det_score", "origin"):
            np.testing.assert_array_equal(getattr(track, name), getattr(again, name))


def test_no_tracks_are_a_file_too(tmp_path: Path) -> None:
    save_tracks(tmp_path / "t.npz", [])
    assert load_tracks(tmp_path / "t.npz") == ()


def test_summaries_come_without_the_large_part_and_sources_by_track(tmp_path: Path) -> None:
    source = make_source(num_views=7)
    save_summaries(
        tmp_path / "s.npz",
        [make_summary("a", source=source), make_summary("b"), make_summary("c", source=source)],
    )
    back = load_summaries(tmp_path / "s.npz")
    assert [s.track_id for s in back] == ["a", "b", "c"]
    assert all(s.source is None for s in back)
    np.testing.assert_array_equal(back[0].embeddings, make_summary("a").embeddings)
    sources = load_sources(tmp_path / "s.npz", ["a", "b"])
    assert len(sources) == 1
    assert sources[0].num_views == 7
    np.testing.assert_array_equal(sources[0].texture, source.texture)


def test_faces_can_be_read_for_some_persons_alone(tmp_path: Path) -> None:
    pairs = {p: (make_synthetic(p, seed=n), make_source(seed=n)) for n, p in enumerate("xyz")}
    save_faces(tmp_path / "p.npz", pairs, {"owners": {"t": "x"}})
    some, header = load_faces(tmp_path / "p.npz", {"y"})
    assert set(some) == {"y"}
    assert header["owners"] == {"t": "x"}
    np.testing.assert_array_equal(some["y"][0].texture, pairs["y"][0].texture)
    assert set(load_faces(tmp_path / "p.npz")[0]) == set("xyz")


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    with (tmp_path / "bad.npz").open("wb") as file:
        np.savez(file, header=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="pickle"):
        load_tracks(tmp_path / "bad.npz")


def test_views_come_back_of_the_tracks_asked_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    views = {
        track_id: tuple(
            HeadView(
                rng.integers(0, 256, (20 + n, 30, 3), np.uint8),
                rng.normal(size=(468, 3)).astype(np.float32),
                0.5 + n,
            )
            for n in range(count)
        )
        for track_id, count in (("a", 2), ("b", 0), ("c", 1))
    }
    save_views(tmp_path / "v.npz", views)
    back = load_views(tmp_path / "v.npz", ["a", "b"])
    assert [view.weight for view in back] == [0.5, 1.5]
    for view, again in zip(views["a"], back, strict=True):
        np.testing.assert_array_equal(view.rgb, again.rgb)
        np.testing.assert_array_equal(view.points, again.points)
    assert len(load_views(tmp_path / "v.npz", "abc")) == 3
