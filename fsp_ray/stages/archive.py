"""Staged arrays on disk: tracks, summaries and plans as .npz files without pickles."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import HeadView, SourceFace, SyntheticFace, Track, TrackSummary

Arrays = Mapping[str, npt.NDArray[Any]]

_TRACK_FIELDS = ("pts", "xyxy", "points", "presence", "det_score", "origin")
_SUMMARY_ARRAYS = (
    "first_xyxy",
    "last_xyxy",
    "embeddings",
    "view_weight",
    "view_frontal",
    "view_age_years",
    "view_female",
)
_SUMMARY_VALUES = (
    "track_id",
    "shard_index",
    "start_pts",
    "last_pts",
    "num_frames",
    "median_face_px",
    "mean_det_score",
)
_SOURCE_FIELDS = ("shape", "texture", "weight")


def save_tracks(path: Path, tracks: Sequence[Track]) -> None:
    """Write the trajectories of one shard."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for number, track in enumerate(tracks):
        for name in _TRACK_FIELDS:
            arrays[f"{number}/{name}"] = getattr(track, name)
    _save(path, arrays, [track.track_id for track in tracks])


def load_tracks(path: Path) -> tuple[Track, ...]:
    """Read what `save_tracks` wrote."""
    with _load(path) as data:
        ids = cast("list[str]", _header(data))
        return tuple(
            Track(track_id=track_id, **{name: data[f"{n}/{name}"] for name in _TRACK_FIELDS})
            for n, track_id in enumerate(ids)
        )


def save_summaries(path: Path, summaries: Sequence[TrackSummary]) -> None:
    """Write the summaries of one shard's tracks."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    header: list[dict[str, Any]] = []
    for number, summary in enumerate(summaries):
        values: dict[str, Any] = {name: getattr(summary, name) for name in _SUMMARY_VALUES}
        values["num_views"] = summary.source.num_views if summary.source else 0
        header.append(values)
        for name in _SUMMARY_ARRAYS:
            arrays[f"{number}/{name}"] = getattr(summary, name)
        if summary.source:
            arrays.update(_source_arrays(f"{number}/", summary.source))
    _save(path, arrays, header)


def load_summaries(path: Path) -> tuple[TrackSummary, ...]:
    """Read what `save_summaries` wrote, less the source faces: they are large.

    See `load_source` for those, one at a time.
    """
    with _load(path) as data:
        header = cast("list[dict[str, Any]]", _header(data))
        return tuple(
            TrackSummary(
                **{name: values[name] for name in _SUMMARY_VALUES},
                **{name: data[f"{n}/{name}"] for name in _SUMMARY_ARRAYS},
                source=None,
            )
            for n, values in enumerate(header)
        )


def load_sources(path: Path, track_ids: Iterable[str]) -> tuple[SourceFace, ...]:
    """Read the source faces of some tracks of one shard; tracks without one are left out."""
    wanted = set(track_ids)
    with _load(path) as data:
        header = cast("list[dict[str, Any]]", _header(data))
        return tuple(
            _source(data, f"{n}/", values["num_views"])
            for n, values in enumerate(header)
            if values["track_id"] in wanted and values["num_views"] > 0
        )


def save_views(path: Path, views: Mapping[str, Sequence[HeadView]]) -> None:
    """Write the looks at the heads of one shard's tracks, by track_id."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    header: list[dict[str, Any]] = []
    for track_id, of_track in views.items():
        for view in of_track:
            arrays[f"{len(header)}/rgb"] = view.rgb
            arrays[f"{len(header)}/points"] = view.points
            header.append({"track_id": track_id, "weight": view.weight})
    _save(path, arrays, header)


def load_views(path: Path, track_ids: Iterable[str]) -> tuple[HeadView, ...]:
    """Read the looks at some tracks of one shard."""
    wanted = set(track_ids)
    with _load(path) as data:
        header = cast("list[dict[str, Any]]", _header(data))
        return tuple(
            HeadView(data[f"{n}/rgb"], data[f"{n}/points"], values["weight"])
            for n, values in enumerate(header)
            if values["track_id"] in wanted
        )


def save_faces(
    path: Path,
    pairs: Mapping[str, tuple[SyntheticFace, SourceFace]],
    header: Mapping[str, Any],
) -> None:
    """Write the synthetic and source faces of a video's persons, and JSON beside them."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    persons: list[dict[str, Any]] = []
    for number, (person_id, (face, source)) in enumerate(pairs.items()):
        persons.append(
            {
                "person_id": person_id,
                "age_years": face.age_years,
                "gender": face.gender,
                "seed": face.seed,
                "num_views": source.num_views,
            }
        )
        arrays[f"{number}/face_texture"] = face.texture
        arrays[f"{number}/face_shape"] = face.shape
        arrays.update(_source_arrays(f"{number}/", source))
    _save(path, arrays, {"persons": persons, **header})


def load_faces(
    path: Path, person_ids: set[str] | None = None
) -> tuple[dict[str, tuple[SyntheticFace, SourceFace]], dict[str, Any]]:
    """Read what `save_faces` wrote; of some persons only, if they are named."""
    with _load(path) as data:
        header = cast("dict[str, Any]", _header(data))
        pairs: dict[str, tuple[SyntheticFace, SourceFace]] = {}
        for n, values in enumerate(header["persons"]):
            if person_ids is not None and values["person_id"] not in person_ids:
                continue
            face = SyntheticFace(
                person_id=values["person_id"],
                texture=data[f"{n}/face_texture"],
                shape=data[f"{n}/face_shape"],
                age_years=values["age_years"],
                gender=values["gender"],
                seed=values["seed"],
            )
            pairs[face.person_id] = (face, _source(data, f"{n}/", values["num_views"]))
    return pairs, header


def _source_arrays(prefix: str, source: SourceFace) -> dict[str, npt.NDArray[Any]]:
    return {f"{prefix}{name}": getattr(source, name) for name in _SOURCE_FIELDS}


def _source(data: Arrays, prefix: str, num_views: int) -> SourceFace:
    arrays = {name: data[f"{prefix}{name}"] for name in _SOURCE_FIELDS}
    return SourceFace(**arrays, num_views=num_views)


def _save(path: Path, arrays: Arrays, header: object) -> None:
    text = np.frombuffer(json.dumps(header).encode("utf-8"), np.uint8)
    with path.open("wb") as file:  # a file object: savez would append .npz to a path
        np.savez(file, allow_pickle=False, header=text, **arrays)


def _load(path: Path) -> Any:
    return np.load(path, allow_pickle=False)


def _header(data: Arrays) -> object:
    return json.loads(data["header"].tobytes().decode("utf-8"))
