"""How much is tried before a face is chosen, and what counts how much."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChooserSettings:
    """How much is tried, and what counts how much.

    A judge's likeness is in units of its threshold: 1 where it would take two faces for one
    person. The other weights are likeness per unit.

    Attributes:
        sketched: faces forecast, where they can be; more where faces were rejected before.
        outlined: of them, forecast again by how their shapes fit the head.
        candidates: of them, that may be tried: the most promising, or any.
        tried: of them, made and put on the best view; more where none has the right gender and an
            age that can be corrected.
        finalists: of them, made to read the right age, and put on one more view.
        views: looks at the head that finalists are put on; the first ones are used.
        corrections: of the age of the best of them, at most.
        known: likeness from which the person is nearly recognised.
        known_weight: per unit of likeness beyond it, besides.
        shape_weight: per face width that features move (less likeness), up to `enough_shape`:
            what moves farther looks odd rather than different.
        texture_weight: per unit of correlation of the marks.
        age_weight: per square of the years that the face reads older or younger than it is to,
            for the estimator itself errs by one or two.
        asked_weight: per square of the years beyond eight that a face is made older or younger
            than the person, so as to read right: such skin may look like a mask.
        group_weight: for reading as of another age group.
        gender_weight: per unit of probability under `sure_gender`.
        wrong_gender_weight: for reading as the other gender, or nearly.
        strain_weight: per standard deviation that the shape would leave the natural.
        near_weight: per unit of likeness to the nearest taken faces beyond `near`.
        typical_weight: per unit of likeness to the mean synthetic face: the farther from it, the
            less alike are two of them.
        origin_weight: per standard deviation of people of one apparent origin that a face looks
            farther from the person's than `near_origin`. None by default: it made faces more alike,
            and where it was left out, none suited its head less.
        near_origin: how far two of the same apparent origin may lie apart.
        near: likeness that other people have by chance.
        sure_gender: probability of the right gender that is good enough.
        max_strain: beyond it a face looks squeezed: refused.
        min_presence: share of the landmarker's confidence that must be left, else refused.
    """

    sketched: int = 128
    outlined: int = 12
    candidates: int = 6
    tried: int = 3
    finalists: int = 2
    views: int = 2
    corrections: int = 2
    known: float = 0.75
    known_weight: float = 2.0
    shape_weight: float = 4.0
    enough_shape: float = 0.028
    texture_weight: float = 0.3
    age_weight: float = 0.014
    asked_weight: float = 0.0015
    group_weight: float = 0.3
    gender_weight: float = 3.0
    wrong_gender_weight: float = 3.0
    strain_weight: float = 0.05
    near_weight: float = 4.0
    near: float = 0.5
    typical_weight: float = 1.0
    origin_weight: float = 0.0
    near_origin: float = 1.2
    sure_gender: float = 0.85
    max_strain: float = 3.0
    min_presence: float = 0.7

    def __post_init__(self) -> None:
        if not 1 <= self.finalists <= self.tried <= self.candidates <= self.outlined:
            raise ValueError(
                "finalists <= tried <= candidates <= outlined, and at least one of each"
            )
        if self.outlined > self.sketched:
            raise ValueError("outlined must not exceed sketched")
        if self.views < 1:
            raise ValueError("at least one view is needed")
        if self.corrections < 0:
            raise ValueError("corrections must not be negative")
        if not 0 <= self.min_presence <= 1:
            raise ValueError("min_presence must lie in 0..1")
