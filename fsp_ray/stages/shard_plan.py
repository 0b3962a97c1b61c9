"""What is to be drawn in a shard: its tracks, who gets which face, who is covered, and patches.

RENDER draws by it and the audit looks by it; only the published frames say whether it was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fsp_ray.audit import Patch
from fsp_ray.core.face_types import U8, SourceFace, SyntheticFace, Track
from fsp_ray.core.video_types import Shard
from fsp_ray.faces import COVER, replacement_modes, smooth_track
from fsp_ray.stages.archive import load_faces, load_tracks
from fsp_ray.stages.bridges import Bridge
from fsp_ray.stages.judgements import load_judgement
from fsp_ray.stages.staging import PLAN_NAME, Staging, tracks_name

Pairs = Mapping[str, tuple[SyntheticFace, SourceFace]]


@dataclass(frozen=True, slots=True, eq=False)
class PlannedTrack:
    """One track on its way through a shard.

    Attributes:
        track: smoothed.
        person_id: whose it is.
        pair: the person's synthetic and source face, None if the person is covered.
        modes: u8[T], SWAP or COVER for each frame.
    """

    track: Track
    person_id: str
    pair: tuple[SyntheticFace, SourceFace] | None
    modes: U8


@dataclass(frozen=True, slots=True, eq=False)
class ShardPlan:
    """All that is to be drawn in a shard.

    Attributes:
        tracks, bridges, patches: what is drawn.
        rehearsals: how many of the video's rounds so far were rehearsals.
        changed: persons of the video who have another face than in the round before.
    """

    tracks: tuple[PlannedTrack, ...]
    bridges: tuple[Bridge, ...]
    patches: tuple[Patch, ...]
    rehearsals: int = 0
    changed: frozenset[str] = frozenset()

    @property
    def persons(self) -> tuple[str, ...]:
        """Ids of those who appear in the shard, ascending."""
        return tuple(sorted({planned.person_id for planned in self.tracks}))


def load_shard_plan(shard: Shard, staging: Staging, *, rounds: int) -> ShardPlan:
    """Read what is to be drawn in a shard, once its video was judged so many times.

    Raises:
        VideoError: a staged file is missing.
    """
    tracks = load_tracks(staging.reading(tracks_name(shard.shard_id)))
    judgement = load_judgement(staging, rounds)
    plan = staging.reading(PLAN_NAME)
    _, header = load_faces(plan, set())
    owners: dict[str, str] = header["owners"]
    covered = judgement.covered | set(header.get("covered", ()))
    pairs, _ = load_faces(plan, {owners[track.track_id] for track in tracks} - covered)
    bridges = tuple(
        Bridge.from_dict(values)
        for of_person in header["bridges"].values()
        for values in of_person
        if values["before_pts"] > shard.start_pts and values["after_pts"] < shard.stop_pts
    )
    patches = tuple(
        patch
        for patch in judgement.patches
        if patch.last_pts >= shard.start_pts and patch.first_pts < shard.stop_pts
    )
    planned = tuple(_planned(track, owners[track.track_id], pairs) for track in tracks)
    return ShardPlan(planned, bridges, patches, judgement.rehearsals, judgement.changed)


def _planned(track: Track, person_id: str, pairs: Pairs) -> PlannedTrack:
    pair = pairs.get(person_id)
    smooth = smooth_track(track)
    modes = replacement_modes(smooth) if pair else np.full(len(track), COVER, np.uint8)
    return PlannedTrack(smooth, person_id, pair, modes)
