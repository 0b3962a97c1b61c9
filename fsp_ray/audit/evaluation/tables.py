"""An evaluation as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fsp_ray.audit.evaluation.results import Evaluation, FacesEvaluated, FacesUnder, Kept
from fsp_ray.audit.metrics import Share

_NAMES = {"same_frame": "same", "other_frame": "other"}


def as_markdown(evaluation: Evaluation) -> str:
    """Return all tables. Shares are in per cent, with 95 % intervals where they count."""
    parts: list[str] = []
    if evaluation.faces:
        parts += _faces(evaluation.faces)
    parts += [f"Note: {note}" for note in evaluation.notes]
    return "\n\n".join(parts) + "\n"


def _faces(faces: FacesEvaluated) -> list[str]:
    under = faces.conditions
    head = (
        f"{faces.judged} faces judged ({faces.no_face} more showed none); thresholds from the"
        f" pairs of {faces.reference} others, less {faces.left_out} pairs that all judges take"
        " for one person."
    )
    return [
        f"## Faces\n\n{head}",
        "### Thresholds\n\n" + _thresholds(faces),
        "### Recognised\n\n" + _recognised(under),
        "### Recognised, by group (synthetic)\n\n" + _recognised_by_group(under),
        "### Distinct: different people of one gender and age group\n\n" + _distinct(under),
        "### Kept\n\n" + _kept(under),
        "### Kept, by group (synthetic)\n\n" + _kept_by_group(under),
        "### Attack: a learned map back to the original\n\n" + _attacked(under),
        "### Two runs put together\n\n" + _linked(under),
    ]


def _thresholds(faces: FacesEvaluated) -> str:
    return table(
        ["judge", "cohort", "impostor pairs", "mean", "at FAR 1 %", "at FAR .1 %"],
        (
            [judge, cohort, f"{t.pairs:,}", number(t.mean_similarity)]
            + [number(t.at[far]) for far in ("0.01", "0.001")]
            for judge, cohorts in faces.thresholds.items()
            for cohort, t in cohorts.items()
        ),
    )


def _recognised(under: Sequence[FacesUnder]) -> str:
    return table(
        ["condition", "judge", "frame", "mean", "FAR 1 %", "FAR .1 %", "rank 1", "of"],
        (
            [
                one.condition,
                r.judge,
                _NAMES[r.comparison],
                number(r.all.mean_similarity),
                percent(r.all.matched["0.01"]),
                percent(r.all.matched["0.001"]),
                percent(r.all.rank_1),
                f"{r.gallery}",
            ]
            for one in under
            for r in one.reidentified
        ),
    )


def _recognised_by_group(under: Sequence[FacesUnder]) -> str:
    return table(
        ["judge", "frame", "axis", "group", "n", "mean", "FAR 1 %", "FAR .1 %", "rank 1"],
        (
            [
                r.judge,
                _NAMES[r.comparison],
                axis,
                group,
                f"{m.rank_1.n}",
                number(m.mean_similarity),
                percent(m.matched["0.01"]),
                percent(m.matched["0.001"]),
                percent(m.rank_1),
            ]
            for one in _synthetic(under)
            for r in one.reidentified
            for axis, groups in r.groups.items()
            for group, m in groups.items()
        ),
    )


def _distinct(under: Sequence[FacesUnder]) -> str:
    return table(
        [
            *("condition", "judge", "pairs", "mean before", "after"),
            *("FAR 1 % before", "after", "FAR .1 % before", "after"),
        ],
        (
            [one.condition, d.judge, f"{d.pairs:,}", number(d.mean_before), number(d.mean_after)]
            + [
                percent(shares[far])
                for far in ("0.01", "0.001")
                for shares in (d.matched_before, d.matched_after)
            ]
            for one in under
            for d in one.distinct
        ),
    )


_KEPT_HEAD = ["gender kept", "age group kept", "age moved, mean", "bias"]
_LABEL_HEAD = ["age error before", "after", "gender right before", "after"]


def _kept_cells(kept: Kept) -> list[str]:
    return [
        percent(kept.gender),
        percent(kept.age_group),
        number(kept.age_moved_mean_abs, 1),
        number(kept.age_moved_mean, 1, sign=True),
        number(kept.age_error_before, 1),
        number(kept.age_error_after, 1),
        percent(kept.gender_right_before),
        percent(kept.gender_right_after),
    ]


def _kept(under: Sequence[FacesUnder]) -> str:
    return table(
        ["condition", "n", "covered", "found", "by recall", *_KEPT_HEAD, *_LABEL_HEAD, "ms a face"],
        (
            [
                one.condition,
                f"{one.kept.n}",
                percent(one.covered),
                percent(one.found),
                percent(one.found_by_recall),
                *_kept_cells(one.kept),
                f"{one.replace_ms:.0f}",
            ]
            for one in under
        ),
    )


def _kept_by_group(under: Sequence[FacesUnder]) -> str:
    return table(
        ["axis", "group", "n", *_KEPT_HEAD, *_LABEL_HEAD],
        (
            [axis, group, f"{kept.n}", *_kept_cells(kept)]
            for one in _synthetic(under)
            for axis, groups in one.kept_groups.items()
            for group, kept in groups.items()
        ),
    )


def _attacked(under: Sequence[FacesUnder]) -> str:
    return table(
        [
            *("condition", "judge", "method", "people", "rank 1", "chance", "p"),
            *("rank 1 among alike", "chance", "p"),
        ],
        (
            [
                *(one.condition, a.judge, a.method, f"{a.people}"),
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
            *("condition", "judge", "mean own", "alike", "AUC", "FAR 1 %", "FAR .1 %"),
            *("rank 1 among alike", "chance"),
        ],
        (
            [one.condition, k.judge, number(k.mean_own), number(k.mean_alike), number(k.auc)]
            + [percent(k.matched[far]) for far in ("0.01", "0.001")]
            + [percent(k.rank_1_alike)]
            + [number(None if k.chance_alike is None else 100 * k.chance_alike, 1)]
            for one in under
            for k in one.linked
        ),
    )


def _synthetic(under: Sequence[FacesUnder]) -> list[FacesUnder]:
    return [one for one in under if one.condition == "synthetic"]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(share: Share) -> str:
    """Return a share in per cent, with its interval: `12.0 (7.3-19.1)`."""
    if share.share is None or share.interval is None:
        return "-"
    low, high = share.interval
    return f"{100 * share.share:.1f} ({100 * low:.1f}-{100 * high:.1f})"


def number(value: float | None, digits: int = 3, *, sign: bool = False) -> str:
    """Return a number, or a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
