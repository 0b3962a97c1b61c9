"""Evaluate conditions on clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fsp_ray.audit.evaluation.clips import Clip, ClipReader, ClipReading, Exposure
from fsp_ray.audit.evaluation.figures import Gallery, distinct, kept, reidentified
from fsp_ray.audit.evaluation.movement import Trail, moving
from fsp_ray.audit.evaluation.persons import Cast, cast_of
from fsp_ray.audit.evaluation.portraits import Panel
from fsp_ray.audit.evaluation.readings import Readings, size_group
from fsp_ray.audit.evaluation.reference import Reference
from fsp_ray.audit.evaluation.results import (
    ClipsEvaluated,
    ClipsUnder,
    Comparison,
    Distinct,
    Moving,
    Reidentified,
)
from fsp_ray.audit.metrics import Share, alike_pairs
from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import SourceError
from fsp_ray.core.face_types import F32
from fsp_ray.core.protocols import FaceEmbedder, Models

Tell = Callable[[str], None]
Rows = npt.NDArray[np.int64]


def evaluate_clips(
    clips: Sequence[Clip],
    *,
    models: Models,
    recognisers: Mapping[str, FaceEmbedder],
    reference: Reference,
    settings: RunSettings,
    tell: Tell,
) -> ClipsEvaluated:
    """Judge clips under every condition: all that was published, the cover, and a blur.

    Args:
        clips: all with the same published conditions.
        models: the pack.
        recognisers: by name; the one called `matcher` groups tracks into persons.
        reference: sets the thresholds: from other people than those in the clips.
        settings: of the run that published the clips.
        tell: gets a line a clip.

    Raises:
        VideoError: a clip can't be read.
        SourceError: nobody can be seen in the clips.
    """
    reader = ClipReader(Panel(models, recognisers), models, settings=settings)
    readings: list[ClipReading] = []
    for number, clip in enumerate(clips):
        tell(f"{number} of {len(clips)} clips judged")
        readings.append(reader.read(clip))
    cast = cast_of(readings, "matcher", recognisers["matcher"].same_person_distance)
    if not cast.count:
        raise SourceError("Nobody can be seen in the clips well enough to judge.")
    names = list(readings[0].exposed)
    figures = _Figures(readings, cast, cast.before(), recognisers, reference)
    return ClipsEvaluated(
        clips=len(clips),
        frames=sum(reading.frames for reading in readings),
        persons=cast.count,
        looks=len(cast.looks),
        conditions=tuple(figures.under(name) for name in names),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Figures:
    """What all conditions are judged by."""

    readings: Sequence[ClipReading]
    cast: Cast
    before: Readings
    recognisers: Mapping[str, FaceEmbedder]
    reference: Reference

    def under(self, name: str) -> ClipsUnder:
        after = self.cast.after(name)
        exposed = [reading.exposed[name] for reading in self.readings]
        everybody = np.arange(self.cast.count, dtype=np.int64)
        return ClipsUnder(
            condition=name,
            reidentified=tuple(
                self._reidentified(recogniser, comparison, after)
                for recogniser in self.recognisers
                for comparison in ("same_frame", "other_frame")
            ),
            persons_matched={
                recogniser: self._by_template(recogniser, after) for recogniser in self.recognisers
            },
            persons_matched_once={
                recogniser: self._by_any(recogniser, after) for recogniser in self.recognisers
            },
            distinct=tuple(self._distinct(recogniser, after) for recogniser in self.recognisers),
            kept=kept(
                self.cast.people,
                self.cast.by_person(self.before),
                self.cast.by_person(after),
                everybody,
            ),
            leaked=_share(exposed, lambda one: one.leaked),
            unchanged=_share(exposed, lambda one: one.unchanged),
            doubtful_unchanged=sum(one.doubtful_unchanged for one in exposed),
            moving=self._moving(name),
        )

    def _reidentified(
        self, recogniser: str, comparison: Comparison, after: Readings
    ) -> Reidentified:
        rows = np.arange(len(self.cast.looks), dtype=np.int64)
        other = rows
        if comparison == "other_frame":
            rows, other = self.cast.elsewhere()
        old, people, person = self.before.embeddings[recogniser], self.cast.people, self.cast.person
        sizes = [size_group(self.cast.looks[int(row)].face_px) for row in rows]
        return reidentified(
            recogniser,
            comparison,
            after.embeddings[recogniser][rows],
            old[other],
            gallery=Gallery(self.cast.templates(old), person[rows]),
            grown=people.grown[person[rows]],
            axes={
                "age_group": np.array(people.age_groups)[person[rows]],
                "gender": np.array(people.gender)[person[rows]],
                "face_px": np.array(sizes, np.str_),
            },
            reference=self.reference,
        )

    def _templates(self, recogniser: str, after: Readings) -> tuple[F32, F32]:
        old, new = self.before.embeddings[recogniser], after.embeddings[recogniser]
        return self.cast.templates(old), self.cast.templates(new)

    def _by_template(self, recogniser: str, after: Readings) -> dict[str, Share]:
        old, new = self._templates(recogniser, after)
        alike = np.einsum("pd,pd->p", old, new).astype(np.float64)
        return self.reference.matched(recogniser, alike, self.cast.people.grown)

    def _by_any(self, recogniser: str, after: Readings) -> dict[str, Share]:
        old, new = self.before.embeddings[recogniser], after.embeddings[recogniser]
        nearest = [
            float((new[rows] @ old[rows].T).max())
            for rows in (self.cast.rows(person) for person in range(self.cast.count))
        ]
        return self.reference.matched(recogniser, np.array(nearest), self.cast.people.grown)

    def _distinct(self, recogniser: str, after: Readings) -> Distinct:
        old, new = self._templates(recogniser, after)
        people = self.cast.people
        pairs = alike_pairs(people.alike)
        return distinct(
            recogniser, old, new, pairs=pairs, grown=people.grown, reference=self.reference
        )

    def _moving(self, name: str) -> Moving | None:
        trails: list[tuple[Trail, frozenset[int]]] = [
            (trail, reading.swap_pts[track_id])
            for reading in self.readings
            for track_id, trail in reading.trails.get(name, {}).items()
            if track_id in reading.swap_pts
        ]
        return moving(trails) if trails else None


def _share(exposed: Sequence[Exposure], of: Callable[[Exposure], int]) -> Share:
    return Share(sum(of(one) for one in exposed), sum(one.faces for one in exposed))
