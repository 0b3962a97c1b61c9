"""What an evaluation says. Aggregated figures only: nothing here belongs to one face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Literal

from fsp_ray.audit.metrics import Share

Comparison = Literal["same_frame", "other_frame"]
Counts = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where one recogniser's matches begin, from pairs of other people than those judged.

    Attributes:
        pairs: impostor pairs.
        mean_similarity: of the impostor pairs.
        at: threshold by false accept rate; None where the pairs are too few to say.
        histogram: of the impostor pairs' similarities, over SIMILARITY_EDGES.
    """

    pairs: int
    mean_similarity: float | None
    at: Mapping[str, float | None]
    histogram: Counts


@dataclass(frozen=True, slots=True)
class Matches:
    """How well a set of faces is recognised.

    Attributes:
        mean_similarity: between a face after and the same person's original.
        matched: share over the threshold, by false accept rate.
        rank_1: share whose nearest original is their own.
    """

    mean_similarity: float | None
    matched: Mapping[str, Share]
    rank_1: Share


@dataclass(frozen=True, slots=True)
class Reidentified:
    """What one recogniser makes of one comparison.

    Attributes:
        recogniser: who.
        comparison: after against the same frame before, or against another frame of the person.
        gallery: originals to choose from in ranking.
        all: over everybody.
        groups: axis (`age_group`, `gender`, `face_px`, `replaced`) -> group -> figures.
        histogram: of grown people's similarities after against before, over SIMILARITY_EDGES.
        roc: matched share at each of ROC_FARS.
    """

    recogniser: str
    comparison: Comparison
    gallery: int
    all: Matches
    groups: Mapping[str, Mapping[str, Matches]]
    histogram: Counts
    roc: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Distinct:
    """Whether different people of one gender and age group stay different.

    Attributes:
        recogniser: who.
        pairs: pairs of different people.
        mean_before, mean_after: similarity within those pairs.
        matched_before, matched_after: share over the threshold, by false accept rate.
    """

    recogniser: str
    pairs: int
    mean_before: float | None
    mean_after: float | None
    matched_before: Mapping[str, Share]
    matched_after: Mapping[str, Share]


@dataclass(frozen=True, slots=True)
class Kept:
    """What an analyst's tables keep.

    Attributes:
        n: faces.
        gender, age_group: share that reads the same after as before.
        age_moved_mean_abs, age_moved_mean: years, after minus before.
        age_error_before, age_error_after: mean distance from the label, years.
        gender_right_before, gender_right_after: share that reads as labelled.
    """

    n: int
    gender: Share
    age_group: Share
    age_moved_mean_abs: float | None
    age_moved_mean: float | None
    age_error_before: float | None
    age_error_after: float | None
    gender_right_before: Share
    gender_right_after: Share


@dataclass(frozen=True, slots=True)
class Attacked:
    """What a learned map from the face after to the face before finds out.

    Attributes:
        recogniser: whose embeddings.
        method: `ridge`, or `whitened` ridge.
        people: held-out people, each judged once.
        rank_1: share found among the held-out originals.
        chance: what guessing finds.
        p_value: how likely guessing finds as much.
        rank_1_alike, chance_alike, p_value_alike: the same, among originals of the same gender
            and age group alone. A swap keeps those on purpose; this is what is left to find.
    """

    recogniser: str
    method: str
    people: int
    rank_1: Share
    chance: float
    p_value: float
    rank_1_alike: Share
    chance_alike: float
    p_value_alike: float


@dataclass(frozen=True, slots=True)
class Linked:
    """Whether two runs, each with its own secret, can be put together.

    The second run is given the picture mirrored: pixels that nobody changed would link it else.

    Attributes:
        recogniser: who.
        seen: the `picture`, in which hair, head and light link the runs whatever the face is, or
            the `face alone`.
        mean_own, mean_alike: similarity of one person over the runs, and of two people of one
            gender and age group.
        auc: how often the first is the greater one: .5 is chance.
        matched: share of people over the threshold, by false accept rate.
        rank_1_alike, chance_alike: found again among people of the same gender and age group.
    """

    recogniser: str
    seen: str
    mean_own: float | None
    mean_alike: float | None
    auc: float | None
    matched: Mapping[str, Share]
    rank_1_alike: Share
    chance_alike: float | None


@dataclass(frozen=True, slots=True)
class FacesUnder:
    """All figures of one condition on portraits.

    Faces that the pipeline covered instead of swapping count as published where it is asked who
    is recognised, and are left out where it is asked what a synthetic face keeps.

    Attributes:
        condition: its name.
        covered: share that got the cover instead of a synthetic face.
        found, found_by_recall: share of the others whose face the detectors still find.
        reidentified, distinct, attacked, linked: one a recogniser, and method or comparison.
        kept: over everybody; `kept_groups`: axis -> group -> figures, groups as labelled.
        kept_second: over everybody, as a second estimator reads it, if there is one.
        ages: how many faces read (row, before) and (column, after), by AGE_EDGES.
        replace_ms: median time a face.
    """

    condition: str
    covered: Share
    found: Share
    found_by_recall: Share
    reidentified: tuple[Reidentified, ...]
    distinct: tuple[Distinct, ...]
    kept: Kept
    kept_groups: Mapping[str, Mapping[str, Kept]]
    kept_second: Kept | None
    ages: tuple[Counts, ...]
    replace_ms: float
    attacked: tuple[Attacked, ...] = ()
    linked: tuple[Linked, ...] = ()


@dataclass(frozen=True, slots=True)
class FacesEvaluated:
    """Portraits under all conditions.

    Attributes:
        judged, reference: faces judged, and those that set the thresholds.
        no_face: pictures left out because no face was found in them before.
        left_out: pairs of reference faces that all recognisers take for one person.
        thresholds: by recogniser and by cohort, `child` or `grown`.
        conditions: one each.
    """

    judged: int
    reference: int
    no_face: int
    left_out: int
    thresholds: Mapping[str, Mapping[str, Thresholds]]
    conditions: tuple[FacesUnder, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure measured of several tracks.

    Attributes:
        n: tracks.
        median, worst: over them; worst is the end that is bad.
        mean: weighted by frames.
    """

    n: int
    median: float | None
    worst: float | None
    mean: float | None


@dataclass(frozen=True, slots=True)
class Following:
    """How well a part of the face follows the source's, by the correlation of its opening.

    Attributes:
        tracks: tracks long enough to judge.
        own: of those whose source moves clearly more than encoding alone changes it.
        ceiling: of the same tracks, the source encoded once more: a perfect swap.
    """

    tracks: int
    own: Spread
    ceiling: Spread


@dataclass(frozen=True, slots=True)
class Moving:
    """What a published video keeps of movement, measured on every frame that was swapped.

    Attributes:
        found: share of the frames' faces that the detector finds.
        jitter_ratio: landmark jitter, published over source.
        mouth, eyes: whether they open and close with the source's.
    """

    found: Share
    jitter_ratio: Spread
    mouth: Following
    eyes: Following


@dataclass(frozen=True, slots=True)
class ClipsUnder:
    """All figures of one condition on clips.

    Attributes:
        condition: its name.
        reidentified: one a recogniser and comparison, over looks.
        persons_matched: by recogniser and false accept rate: persons whose mean published embedding
            matches their mean original one.
        persons_matched_once: persons of whom any published look matches any original one.
        distinct: pairs of persons of one gender and age group, by their mean embeddings.
        kept: of persons, by the median of their looks.
        leaked: share of the source's faces, over all frames, that still show the same face.
        unchanged: share whose pixels hardly changed.
        doubtful_unchanged: unchanged detections in which no mesh can be fitted, a count.
        moving: of what was published; None for conditions that are drawn for comparison.
    """

    condition: str
    reidentified: tuple[Reidentified, ...]
    persons_matched: Mapping[str, Mapping[str, Share]]
    persons_matched_once: Mapping[str, Mapping[str, Share]]
    distinct: tuple[Distinct, ...]
    kept: Kept
    leaked: Share
    unchanged: Share
    doubtful_unchanged: int
    moving: Moving | None


@dataclass(frozen=True, slots=True)
class ClipsEvaluated:
    """Clips under all conditions.

    Attributes:
        clips, frames, persons, looks: how many.
        conditions: one each.
    """

    clips: int
    frames: int
    persons: int
    looks: int
    conditions: tuple[ClipsUnder, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that `fsp evaluate` measured.

    Attributes:
        settings: what it was asked for.
        versions: of what took part.
        seconds: it took.
        faces, clips: on portraits and on clips, if there were any.
        notes: what a reader must know.
    """

    settings: Mapping[str, object]
    versions: Mapping[str, str]
    seconds: float
    faces: FacesEvaluated | None = None
    clips: ClipsEvaluated | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)

    def as_dict(self) -> dict[str, object]:
        """Return everything, JSON-able; floats rounded to six digits."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}


def _plain(value: object) -> object:
    if isinstance(value, Share):
        return {key: _plain(part) for key, part in value.as_dict().items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return round(value, 6) if isinstance(value, float) else value
