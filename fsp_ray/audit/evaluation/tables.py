"""An evaluation as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from fsp_ray.audit.evaluation.cells import (
    FEW_NOTE,
    KEPT_HEAD,
    LABEL_HEAD,
    distinct_pairs,
    group_size,
    kept_cells,
    number,
    percent,
    recognised,
    recognised_by_group,
    table,
)
from fsp_ray.audit.evaluation.clip_tables import clips_tables
from fsp_ray.audit.evaluation.results import Evaluation, FacesEvaluated, FacesUnder


def as_markdown(evaluation: Evaluation) -> str:
    """Return all tables. Shares are in per cent, with 95 % intervals where they count."""
    parts: list[str] = []
    if evaluation.faces:
        parts += _faces(evaluation.faces)
    if evaluation.clips:
        parts += clips_tables(evaluation.clips)
    parts += [f"Note: {note}" for note in evaluation.notes]
    return "\n\n".join(parts) + "\n"


def _faces(faces: FacesEvaluated) -> list[str]:
    under = faces.conditions
    head = (
        f"{faces.judged} faces judged ({faces.no_face} more showed none); thresholds from the"
        f" pairs of {faces.reference} others, less {faces.left_out} pairs that all recognisers take"
        " for one person."
    )
    return [
        f"## Faces\n\n{head}",
        "### Thresholds\n\n" + _thresholds(faces),
        "### Recognised\n\n" + recognised(under),
        "### Recognised, by group (synthetic)\n\n" + recognised_by_group(_synthetic(under)),
        FEW_NOTE,
        "### Distinct: different people of one gender and age group\n\n" + distinct_pairs(under),
        "### Kept\n\n" + _kept(under),
        "### Kept, by group as labelled (synthetic)\n\n" + _kept_by_group(under),
        FEW_NOTE,
        "### Attack: a learned map back to the original\n\n" + _attacked(under),
        "### Two runs put together\n\n" + _linked(under),
    ]


def _thresholds(faces: FacesEvaluated) -> str:
    return table(
        ["recogniser", "cohort", "impostor pairs", "mean", "at FAR 1 %", "at FAR .1 %"],
        (
            [recogniser, cohort, f"{t.pairs:,}", number(t.mean_similarity)]
            + [number(t.at[far]) for far in ("0.01", "0.001")]
            for recogniser, cohorts in faces.thresholds.items()
            for cohort, t in cohorts.items()
        ),
    )


def _kept(under: Sequence[FacesUnder]) -> str:
    """Return what is kept, and a row more a condition that a second estimator reads."""
    second = [
        [f"{one.condition}, second reader", f"{k.n}", *("",) * 3, *kept_cells(k), ""]
        for one in under
        if (k := one.kept_second) is not None
    ]
    return table(
        ["condition", "n", "covered", "found", "by recall", *KEPT_HEAD, *LABEL_HEAD, "ms a face"],
        [
            [
                one.condition,
                f"{one.kept.n}",
                percent(one.covered),
                percent(one.found),
                percent(one.found_by_recall),
                *kept_cells(one.kept),
                f"{one.replace_ms:.0f}",
            ]
            for one in under
        ]
        + second,
    )


def _kept_by_group(under: Sequence[FacesUnder]) -> str:
    return table(
        ["axis", "group", "n", *KEPT_HEAD, *LABEL_HEAD],
        (
            [axis, group, group_size(kept.n), *kept_cells(kept)]
            for one in _synthetic(under)
            for axis, groups in one.kept_groups.items()
            for group, kept in groups.items()
        ),
    )


def _attacked(under: Sequence[FacesUnder]) -> str:
    return table(
        [
            *("condition", "recogniser", "method", "people", "rank 1", "chance", "p"),
            *("rank 1 among alike", "chance", "p"),
        ],
        (
            [
                *(one.condition, a.recogniser, a.method, f"{a.people}"),
                *(percent(a.rank_1), number(100 * a.chance, 1), number(a.p_value)),
                *(percent(a.rank_1_alike), number(100 * a.chance_alike, 1)),
                number(a.p_value_alike),
            ]
            for one in under
            for a in one.attacked
        ),
    )


def _linked(under: Sequence[FacesUnder]) -> str:
    return table(
        [
            *("condition", "seen", "recogniser", "mean own", "alike", "AUC", "FAR 1 %", "FAR .1 %"),
            *("rank 1 among alike", "chance"),
        ],
        (
            [one.condition, k.seen, k.recogniser]
            + [number(k.mean_own), number(k.mean_alike), number(k.auc)]
            + [percent(k.matched[far]) for far in ("0.01", "0.001")]
            + [percent(k.rank_1_alike)]
            + [number(None if k.chance_alike is None else 100 * k.chance_alike, 1)]
            for one in under
            for k in one.linked
        ),
    )


def _synthetic(under: Sequence[FacesUnder]) -> list[FacesUnder]:
    return [one for one in under if one.condition == "synthetic"]
