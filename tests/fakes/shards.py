"""Staged shards: a made clip with tracks and a plan, as ANALYSE and RESOLVE leave them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from fsp_ray.core.config import RunSettings
from fsp_ray.core.face_types import F32, U8, SourceFace, SyntheticFace, Track
from fsp_ray.core.protocols import FaceSwapper
from fsp_ray.faces import box_from_points
from fsp_ray.lake import list_source
from fsp_ray.stages.archive import save_faces, save_tracks
from fsp_ray.stages.bridges import Bridge
from fsp_ray.stages.plan_video import plan_video
from fsp_ray.stages.render_shard import render_shard
from fsp_ray.stages.results import PlannedVideo, RenderedShard
from fsp_ray.stages.staging import PLAN_NAME, Staging, tracks_name
from fsp_ray.synthesis import load_topology
from fsp_ray.video import decode
from tests.fakes.faces import make_source, make_synthetic
from tests.fakes.media import Clip, write_clip

FINE = RunSettings(crf=1, preset="ultrafast", shard_frames=1000)
"""Hardly any encoder loss, so that a pixel that differs was drawn on. One shard."""


def mesh_at(x: float, y: float, width_px: float) -> F32:
    """Return f32[468, 3]: the mean face, upright and frontal, in pixels."""
    shape = load_topology().mean_shape
    return (shape * (width_px / np.ptp(shape[:, 0])) + [x, y, 0]).astype(np.float32)


def meshed_track(
    track_id: str,
    pts: Sequence[int],
    place: tuple[float, float, float],
    *,
    speed: tuple[float, float] = (0, 0),
    presence: Iterable[float] = (),
) -> Track:
    """Return a track of frontal meshes at (x, y, width), moving by so many pixels an entry.

    Entries of no presence have a box but no mesh, like those between two sightings.
    """
    n = len(pts)
    x, y, width = place
    points = np.stack([mesh_at(x + speed[0] * i, y + speed[1] * i, width) for i in range(n)])
    xyxy = box_from_points(points)
    there = np.array([*presence] or [1] * n, np.float32)
    points[there == 0] = 0
    return Track(
        track_id=track_id,
        pts=np.asarray(pts, np.int64),
        xyxy=xyxy,
        points=points,
        presence=there,
        det_score=np.where(there > 0, 0.9, 0).astype(np.float32),
        origin=np.where(there > 0, 0, 2).astype(np.uint8),
    )


@dataclass
class PaintSwapper:
    """Paints the mesh's box in a colour of the person's; refuses when told to.

    `refuses` is asked before every face; sessions and applied meshes are kept for the tests.
    """

    refuses: Callable[[], bool] = lambda: False
    persons: list[str] = field(default_factory=list)
    applied: int = 0
    refused: int = 0

    def session(self, face: SyntheticFace, source: SourceFace) -> PaintSession:
        self.persons.append(face.person_id)
        return PaintSession(self, colour_of(face.person_id))


@dataclass
class PaintSession:
    swapper: PaintSwapper
    colour: tuple[int, int, int]

    def apply(self, rgb: U8, points: F32) -> None:
        if self.swapper.refuses():
            self.swapper.refused += 1
            raise ValueError("the mesh is folded")
        self.swapper.applied += 1
        x1, y1, x2, y2 = inside(box_from_points(points[None])[0], rgb.shape)
        rgb[y1:y2, x1:x2] = self.colour


def colour_of(person_id: str) -> tuple[int, int, int]:
    """Return a strong colour; persons whose ids end in neighbouring letters have different ones."""
    colours = tuple(itertools.permutations((20, 130, 240)))
    return colours[ord(person_id[-1]) % len(colours)]


def inside(xyxy: F32, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return the whole pixels of a box that lie in the frame."""
    x1, y1 = np.maximum(np.ceil(xyxy[:2]), 0).astype(int)
    x2, y2 = np.minimum(np.floor(xyxy[2:]), (shape[1], shape[0])).astype(int)
    return int(x1), int(y1), int(x2), int(y2)


@dataclass
class Staged:
    """One planned clip and its staging folder."""

    planned: PlannedVideo
    staging: Staging
    settings: RunSettings

    @cached_property
    def pts(self) -> list[int]:
        """Of every frame."""
        media, info = self.planned.source.media, self.planned.info
        return [int(pts) for batch in decode(media, info) for pts in batch.pts]

    def tracks(self, tracks: Sequence[Track], index: int = 0) -> None:
        """Stage a shard's tracks."""
        with self.staging.writing(tracks_name(self.planned.shards[index].shard_id)) as path:
            save_tracks(path, tracks)

    def plan(
        self,
        owners: Mapping[str, str],
        *,
        faceless: Iterable[str] = (),
        bridges: Mapping[str, Sequence[Bridge]] | None = None,
    ) -> None:
        """Stage who gets which face: everybody but the faceless."""
        persons = sorted(set(owners.values()) - set(faceless))
        faces = {p: (make_synthetic(p, seed=n), make_source(seed=n)) for n, p in enumerate(persons)}
        boxes = {p: [bridge.as_dict() for bridge in b] for p, b in (bridges or {}).items()}
        with self.staging.writing(PLAN_NAME) as path:
            save_faces(path, faces, {"owners": dict(owners), "bridges": boxes})

    def render(self, swapper: FaceSwapper, index: int = 0, *, rounds: int = 0) -> RenderedShard:
        """Render one shard."""
        return render_shard(
            self.planned.source.media,
            self.planned.info,
            self.planned.shards[index],
            self.staging,
            settings=self.settings,
            swapper=swapper,
            rounds=rounds,
        )


def stage_clip(
    folder: Path, clip: Clip | None = None, *, settings: RunSettings = FINE, name: str = "a.mp4"
) -> Staged:
    """Write a clip into `folder/source` and plan it; staging is `folder/staging`."""
    source = folder / "source"
    source.mkdir(exist_ok=True)
    write_clip(source / name, clip or Clip(width=192, height=128))
    (video,) = [v for v in list_source(str(source)) if v.path == name]
    return Staged(plan_video(video, settings), Staging(folder / "staging"), settings)


def pictures(path: Path) -> npt.NDArray[np.int16]:
    """Decode a file, i16[N, H, W, 3], so that differences have a sign."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(frames).astype(np.int16)
