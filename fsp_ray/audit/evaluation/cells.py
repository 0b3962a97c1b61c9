"""The tables and cells that portraits and clips share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from fsp_ray.audit.evaluation.results import ClipsUnder, FacesUnder, Kept
from fsp_ray.audit.metrics import Share

Under = FacesUnder | ClipsUnder
_NAMES: Final = {"same_frame": "same", "other_frame": "other"}
_FEW: Final = 30
FEW_NOTE: Final = f"\\* fewer than {_FEW}: an example rather than a figure."
KEPT_HEAD: Final = ["gender kept", "age group kept", "age moved, mean", "bias"]
LABEL_HEAD: Final = ["age error before", "after", "gender right before", "after"]


def kept_cells(kept: Kept) -> list[str]:
    """Return the cells under KEPT_HEAD and LABEL_HEAD."""
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


def recognised(under: Sequence[Under]) -> str:
    """Return who is recognised, a row a condition, recogniser and comparison."""
    return table(
        ["condition", "recogniser", "frame", "n", "mean", "FAR 1 %", "FAR .1 %", "rank 1", "of"],
        (
            [
                *(one.condition, r.recogniser, _NAMES[r.comparison], f"{r.all.rank_1.n}"),
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


def recognised_by_group(under: Sequence[Under]) -> str:
    """Return who is recognised, a row a recogniser, comparison and group."""
    return table(
        ["recogniser", "frame", "axis", "group", "n", "mean", "FAR 1 %", "FAR .1 %", "rank 1"],
        (
            [
                *(r.recogniser, _NAMES[r.comparison], axis, group, group_size(m.rank_1.n)),
                number(m.mean_similarity),
                percent(m.matched["0.01"]),
                percent(m.matched["0.001"]),
                percent(m.rank_1),
            ]
            for one in under
            for r in one.reidentified
            for axis, groups in r.groups.items()
            for group, m in groups.items()
        ),
    )


def distinct_pairs(under: Sequence[Under]) -> str:
    """Return whether different people stay different, a row a condition and recogniser."""
    return table(
        [
            *("condition", "recogniser", "pairs", "mean before", "after"),
            *("FAR 1 % before", "after", "FAR .1 % before", "after"),
        ],
        (
            [
                one.condition,
                d.recogniser,
                f"{d.pairs:,}",
                number(d.mean_before),
                number(d.mean_after),
            ]
            + [
                percent(shares[far])
                for far in ("0.01", "0.001")
                for shares in (d.matched_before, d.matched_after)
            ]
            for one in under
            for d in one.distinct
        ),
    )


def group_size(n: int) -> str:
    """Return the size of a group, marked where it is small; FEW_NOTE explains the mark."""
    return f"{n}" if n >= _FEW else f"{n}\\*"


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
