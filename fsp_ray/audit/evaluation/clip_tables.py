"""An evaluation on clips as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from fsp_ray.audit.evaluation.cells import (
    FEW_NOTE,
    KEPT_HEAD,
    distinct_pairs,
    kept_cells,
    number,
    percent,
    recognised,
    recognised_by_group,
    table,
)
from fsp_ray.audit.evaluation.results import ClipsEvaluated, ClipsUnder, Following, Spread


def clips_tables(clips: ClipsEvaluated) -> list[str]:
    """Return all tables of clips."""
    under = clips.conditions
    head = (
        f"{clips.clips} clips, {clips.frames:,} frames, {clips.persons} persons, {clips.looks}"
        " looks (every tenth frame)."
    )
    ours = [one for one in under if one.condition.startswith("synthetic")]
    return [
        f"## Clips\n\n{head}",
        "### Recognised, looks\n\n" + recognised(under),
        "### Recognised, persons\n\n" + _persons(under),
        "### Recognised, looks by group (synthetic)\n\n" + recognised_by_group(ours),
        FEW_NOTE,
        "### Distinct: persons of one gender and age group\n\n" + distinct_pairs(under),
        "### Kept\n\n" + _kept(under),
        "### Leaks, every frame\n\n" + _leaks(under),
        "### Movement, every swapped frame\n\n" + _moving(under),
    ]


def _persons(under: Sequence[ClipsUnder]) -> str:
    return table(
        [
            "condition",
            "recogniser",
            "mean face, FAR 1 %",
            "FAR .1 %",
            "any look, FAR 1 %",
            "FAR .1 %",
        ],
        (
            [
                *(one.condition, recogniser, percent(mean["0.01"]), percent(mean["0.001"])),
                percent(one.persons_matched_once[recogniser]["0.01"]),
                percent(one.persons_matched_once[recogniser]["0.001"]),
            ]
            for one in under
            for recogniser, mean in one.persons_matched.items()
        ),
    )


def _kept(under: Sequence[ClipsUnder]) -> str:
    return table(
        ["condition", "persons", *KEPT_HEAD],
        (
            [one.condition, f"{one.kept.n}", *kept_cells(one.kept)[: len(KEPT_HEAD)]]
            for one in under
        ),
    )


def _leaks(under: Sequence[ClipsUnder]) -> str:
    return table(
        ["condition", "faces", "show the same face", "pixels unchanged", "doubtful, unchanged"],
        (
            [
                *(one.condition, f"{one.leaked.n:,}", percent(one.leaked)),
                *(percent(one.unchanged), f"{one.doubtful_unchanged}"),
            ]
            for one in under
        ),
    )


def _moving(under: Sequence[ClipsUnder]) -> str:
    return table(
        [
            *("condition", "faces", "found", "tracks", "jitter ratio, median (worst)"),
            *("mouth, median (worst)", "ceiling", "tracks"),
            *("eyes, median (worst)", "ceiling", "tracks"),
        ],
        (
            [
                *(one.condition, f"{m.found.n:,}", percent(m.found)),
                *(f"{m.jitter_ratio.n}", _spread(m.jitter_ratio)),
                *_following(m.mouth),
                *_following(m.eyes),
            ]
            for one in under
            if (m := one.moving) is not None
        ),
    )


def _following(found: Following) -> tuple[str, str, str]:
    return _spread(found.own), _spread(found.ceiling), f"{found.own.n} of {found.tracks}"


def _spread(spread: Spread) -> str:
    return f"{number(spread.median)} ({number(spread.worst)})"
