"""Evaluate conditions on labelled portraits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fsp_ray.audit.evaluation.attacks import attacked, linked
from fsp_ray.audit.evaluation.conditions import Replacer
from fsp_ray.audit.evaluation.figures import Gallery, ages, distinct, kept, reidentified
from fsp_ray.audit.evaluation.labels import LabelledFile, split, spread
from fsp_ray.audit.evaluation.portraits import Panel, load_portrait
from fsp_ray.audit.evaluation.readings import People, Readings, rows_by_group
from fsp_ray.audit.evaluation.reference import Reference, is_grown, one_person
from fsp_ray.audit.evaluation.results import (
    Attacked,
    Distinct,
    FacesEvaluated,
    FacesUnder,
    Kept,
    Linked,
    Reidentified,
)
from fsp_ray.audit.evaluation.sitting import Sitting
from fsp_ray.audit.metrics import Share, alike_pairs
from fsp_ray.core.errors import SourceError
from fsp_ray.core.face_types import F32
from fsp_ray.core.protocols import AttributeEstimator, FaceEmbedder, Models

Tell = Callable[[str], None]
_TELL_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class FacesRequest:
    """How many faces, and which.

    Attributes:
        limit: faces judged at most, spread over age groups and genders.
        reference_limit: faces that set the thresholds at most; every pair of them is used.
        seed: chooses them, and stands in for two runs' secrets.
        linking: names of the conditions that are also run a second time, on mirrored pictures.
        linking_limit: faces that this is done for at most: it doubles their time.
    """

    limit: int = 256
    reference_limit: int = 500
    seed: int = 0
    linking: frozenset[str] = frozenset({"cover", "synthetic"})
    linking_limit: int = 80


def evaluate_faces(
    files: Sequence[LabelledFile],
    *,
    models: Models,
    recognisers: Mapping[str, FaceEmbedder],
    conditions: Mapping[str, Replacer],
    reference: Reference,
    request: FacesRequest,
    tell: Tell,
    second: AttributeEstimator | None = None,
) -> FacesEvaluated:
    """Judge labelled portraits under every condition.

    Args:
        files: labelled portraits, one a person; the half to judge of them is judged.
        models: the pack.
        recognisers: by name, whether or not they took part in making the faces.
        conditions: what is compared, by name.
        reference: sets the thresholds; see `reference_of`.
        request: how many faces, and which.
        tell: gets a line of progress now and then.
        second: reads ages and genders besides the pack's estimator.

    Raises:
        SourceError: no face can be found in the portraits to judge.
    """
    chosen = spread(split(files)[0], request.limit, np.random.default_rng(request.seed))
    panel = Panel(models, recognisers, second)
    sitting = Sitting(
        panel,
        models,
        conditions,
        seed=request.seed,
        twice=request.linking,
        twice_limit=request.linking_limit,
    )
    _each(chosen, sitting.add, tell, "faces judged")
    if not len(sitting):
        raise SourceError("No face was found in any of the portraits to judge.")
    return FacesEvaluated(
        judged=len(sitting),
        reference=reference.faces,
        no_face=len(chosen) - len(sitting),
        left_out=reference.left_out,
        thresholds=reference.thresholds(),
        conditions=_figures(sitting, conditions, recognisers, reference),
    )


def reference_of(
    files: Sequence[LabelledFile],
    *,
    models: Models,
    recognisers: Mapping[str, FaceEmbedder],
    request: FacesRequest,
    tell: Tell,
) -> Reference:
    """Return the impostor pairs of portraits of the half that is not judged."""
    chosen = spread(split(files)[1], request.reference_limit, np.random.default_rng(request.seed))
    panel = Panel(models, recognisers)
    embedded: list[dict[str, F32]] = []
    ages: list[float] = []

    def add(file: LabelledFile) -> None:
        portrait = load_portrait(file, models)
        if portrait is not None:
            embedded.append(panel.embed(portrait))
            ages.append(file.age_years)

    _each(chosen, add, tell, "reference faces read")
    vectors = {
        name: np.stack([e[name] for e in embedded])
        if embedded
        else np.empty((0, recogniser.dimensions), np.float32)
        for name, recogniser in recognisers.items()
    }
    return Reference.of(vectors, is_grown(ages), recognisers)


def _figures(
    sitting: Sitting,
    conditions: Iterable[str],
    recognisers: Mapping[str, FaceEmbedder],
    reference: Reference,
) -> tuple[FacesUnder, ...]:
    people, before = sitting.people(), sitting.before()
    pairs = alike_pairs(people.alike)
    pairs = pairs[~one_person(before.embeddings, pairs, people.grown, recognisers)]
    return tuple(
        _Figures(sitting, people, before, pairs, reference).under(name) for name in conditions
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Figures:
    """What all conditions are judged by."""

    sitting: Sitting
    people: People
    before: Readings
    pairs: npt.NDArray[np.int64]
    reference: Reference

    def under(self, name: str) -> FacesUnder:
        before, after = self.before, self.sitting.after(name)
        drawn = np.flatnonzero(~after.covered).astype(np.int64)
        return FacesUnder(
            condition=name,
            covered=Share.of(after.covered),
            found=Share.of(after.found[drawn]),
            found_by_recall=Share.of(after.found_by_recall[drawn]),
            reidentified=tuple(
                self._reidentified(recogniser, after) for recogniser in before.embeddings
            ),
            distinct=tuple(self._distinct(recogniser, after) for recogniser in before.embeddings),
            kept=kept(self.people, before, after, drawn),
            kept_groups=self._kept_groups(before, after, drawn),
            kept_second=self._kept_second(after, drawn),
            ages=ages(before, after, drawn),
            replace_ms=self.sitting.replace_ms(name),
            attacked=self._attacked(after, drawn),
            linked=self._linked(name),
        )

    def _kept_groups(
        self, before: Readings, after: Readings, drawn: npt.NDArray[np.int64]
    ) -> dict[str, dict[str, Kept]]:
        return {
            axis: {
                group: kept(self.people, before, after, drawn[rows])
                for group, rows in rows_by_group(groups[drawn]).items()
            }
            for axis, groups in self.people.axes().items()
        }

    def _kept_second(self, after: Readings, drawn: npt.NDArray[np.int64]) -> Kept | None:
        if self.before.second is None or after.second is None:
            return None
        return kept(self.people, self.before.second, after.second, drawn)

    def _reidentified(self, recogniser: str, after: Readings) -> Reidentified:
        old = self.before.embeddings[recogniser]
        gallery = Gallery(old, np.arange(len(old), dtype=np.int64))
        treatment = np.where(after.covered, "covered", "as asked for")
        return reidentified(
            recogniser,
            "same_frame",
            after.embeddings[recogniser],
            old,
            gallery=gallery,
            grown=self.people.grown,
            axes={**self.people.axes(), "replaced": treatment},
            reference=self.reference,
        )

    def _distinct(self, recogniser: str, after: Readings) -> Distinct:
        return distinct(
            recogniser,
            self.before.embeddings[recogniser],
            after.embeddings[recogniser],
            pairs=self.pairs[~after.covered[self.pairs].any(axis=1)],
            grown=self.people.grown,
            reference=self.reference,
        )

    def _attacked(self, after: Readings, rows: npt.NDArray[np.int64]) -> tuple[Attacked, ...]:
        alike = [self.people.alike[int(row)] for row in rows]
        attacks = (
            attacked(
                recogniser, after.embeddings[recogniser][rows], old[rows], alike, whitened=whitened
            )
            for recogniser, old in self.before.embeddings.items()
            for whitened in (False, True)
        )
        return tuple(attack for attack in attacks if attack is not None)

    def _linked(self, name: str) -> tuple[Linked, ...]:
        second = self.sitting.second(name)
        if second is None:
            return ()
        first, (rows, again) = self.sitting.after(name), second
        drawn = ~(first.covered[rows] | again.covered)
        rows = rows[drawn]
        return tuple(
            linked(
                recogniser,
                before[recogniser][rows],
                vectors[drawn],
                seen=seen,
                alike=[self.people.alike[int(row)] for row in rows],
                grown=self.people.grown[rows],
                reference=self.reference,
            )
            for seen, before, after in (
                ("picture", first.embeddings, again.embeddings),
                ("face alone", first.alone, again.alone),
            )
            for recogniser, vectors in after.items()
        )


def _each(
    files: Sequence[LabelledFile], do: Callable[[LabelledFile], None], tell: Tell, what: str
) -> None:
    """Do all files, and say now and then how far it is."""
    next_s = time.monotonic()
    for number, file in enumerate(files):
        if time.monotonic() >= next_s:
            tell(f"{number} of {len(files)} {what}")
            next_s = time.monotonic() + _TELL_EVERY_S
        do(file)
    tell(f"{len(files)} of {len(files)} {what}")
