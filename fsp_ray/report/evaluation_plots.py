"""Plots of an evaluation, from its aggregated figures alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from fsp_ray.audit.evaluation import ClipsUnder, Evaluation, FacesUnder
from fsp_ray.audit.evaluation.figures import AGE_EDGES
from fsp_ray.audit.evaluation.reference import ROC_FARS, SIMILARITY_EDGES
from fsp_ray.audit.evaluation.results import Counts, Reidentified, Thresholds
from fsp_ray.audit.metrics import Share
from fsp_ray.core.errors import SettingsError

Under = FacesUnder | ClipsUnder

# Okabe and Ito's colours (2008), which colour-blind readers tell apart.
_COLOURS: Final[Mapping[str, str]] = {
    "unchanged": "#D55E00",
    "cover": "#000000",
    "blur": "#56B4E9",
    "synthetic": "#009E73",
}
_OTHER_COLOUR: Final = "#CC79A7"
_IMPOSTOR_COLOUR: Final = "#999999"
_DPI: Final = 110
# Where similarities spread widely, a hundred faces make no smooth curve over the finest bins.
_WIDE: Final = 0.5
_WIDE_BINS: Final = 5


def write_plots(evaluation: Evaluation, folder: Path) -> tuple[Path, ...]:
    """Write PNG plots into a folder that is there, and return their paths.

    Raises:
        SettingsError: a plot can't be written.
    """
    plots: dict[str, Figure] = {}
    if evaluation.faces:
        faces, thresholds = evaluation.faces.conditions, evaluation.faces.thresholds
        plots["faces_similarity"] = similarity_plot(faces, thresholds)
        plots["faces_roc"] = roc_plot(faces)
        plots["faces_groups"] = groups_plot(faces)
        plots["faces_ages"] = ages_plot(faces)
        if evaluation.clips:
            plots["clips_similarity"] = similarity_plot(evaluation.clips.conditions, thresholds)
            plots["clips_roc"] = roc_plot(evaluation.clips.conditions)
    written: list[Path] = []
    for name, figure in plots.items():
        path = folder / f"{name}.png"
        try:
            figure.savefig(path, dpi=_DPI)
        except OSError as error:
            raise SettingsError(f"Can't write {path}: {error.strerror or error}.") from error
        written.append(path)
    return tuple(written)


def similarity_plot(
    under: Sequence[Under], thresholds: Mapping[str, Mapping[str, Thresholds]]
) -> Figure:
    """Plot how similar faces after are to those before, beside pairs of different people."""

    def draw(axes: Any, recogniser: str, comparison: str) -> None:
        grown = thresholds[recogniser]["grown"]
        found_here = _of(under, recogniser, comparison)
        span = _extent([grown.histogram, *(found.histogram for _, found in found_here)])
        step = _WIDE_BINS if span[1] - span[0] > _WIDE else 1
        _steps(axes, grown.histogram, "different people", _IMPOSTOR_COLOUR, step, filled=True)
        for one, found in found_here:
            if one.condition != "unchanged" or comparison == "other_frame":
                _steps(axes, found.histogram, one.condition, _colour(one.condition), step)
        for far, style in (("0.01", ":"), ("0.001", "--")):
            threshold = grown.at[far]
            if threshold is not None:
                label = f"FAR {100 * float(far):g} %"
                axes.axvline(threshold, color="k", linestyle=style, linewidth=1, label=label)
        axes.set_xlim(*span)
        axes.set_xlabel("cosine similarity, grown people")
        axes.set_ylabel("share of pairs")

    return _grid(under, draw)


def roc_plot(under: Sequence[Under]) -> Figure:
    """Plot which share is matched at which false accept rate."""

    def draw(axes: Any, recogniser: str, comparison: str) -> None:
        for one, found in _of(under, recogniser, comparison):
            points = [(f, v) for f, v in zip(ROC_FARS, found.roc, strict=True) if v is not None]
            if points:
                x, y = zip(*points, strict=True)
                axes.plot(x, y, marker=".", label=one.condition, color=_colour(one.condition))
        axes.plot(ROC_FARS, ROC_FARS, color=_IMPOSTOR_COLOUR, linestyle=":", label="chance")
        axes.set_xscale("log")
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("false accept rate")
        axes.set_ylabel("matched")

    return _grid(under, draw)


def groups_plot(under: Sequence[FacesUnder]) -> Figure:
    """Plot what the synthetic faces keep, and who is recognised, by age group and gender."""
    figure = Figure(figsize=(11, 6.5), layout="constrained")
    panels: Any = figure.subplots(2, 2)
    one = next((one for one in under if one.condition == "synthetic"), under[-1])
    kept = {
        group: value
        for axis in ("age_group", "gender")
        for group, value in one.kept_groups.get(axis, {}).items()
    }
    _bars(panels[0][0], "gender kept", {group: value.gender for group, value in kept.items()})
    _bars(panels[0][1], "age group kept", {group: k.age_group for group, k in kept.items()})
    moved = {group: value.age_moved_mean_abs or 0.0 for group, value in kept.items()}
    panels[1][0].bar(list(moved), list(moved.values()), color=_COLOURS["synthetic"])
    panels[1][0].set_title("age moved, years (mean)", fontsize=9)
    panels[1][0].tick_params(axis="x", labelsize=7)
    first = one.reidentified[0]
    matched = {
        group: value.matched["0.01"]
        for axis in ("age_group", "gender")
        for group, value in first.groups.get(axis, {}).items()
    }
    _bars(panels[1][1], f"matched by the {first.recogniser} at FAR 1 %", matched)
    return figure


def ages_plot(under: Sequence[FacesUnder]) -> Figure:
    """Plot apparent age before against after, as counts in five-year cells."""
    figure = Figure(figsize=(4.2 * len(under), 4.2), layout="constrained")
    panels: Any = figure.subplots(1, len(under), squeeze=False)
    edges = list(AGE_EDGES)
    middles = [(a + b) / 2 for a, b in itertools.pairwise(edges)]
    for axes, one in zip(panels[0], under, strict=True):
        counts = np.array(one.ages, np.float64)
        rows, columns = np.nonzero(counts)
        axes.scatter(
            [middles[row] for row in rows],
            [middles[column] for column in columns],
            s=8 * counts[rows, columns],
            color=_colour(one.condition),
            alpha=0.7,
        )
        axes.plot([0, edges[-1]], [0, edges[-1]], color=_IMPOSTOR_COLOUR, linewidth=1)
        axes.set_title(one.condition, fontsize=9)
        axes.set_xlabel("apparent age before, years")
        axes.set_ylabel("after")
    return figure


def _grid(under: Sequence[Under], draw: Callable[[Any, str, str], None]) -> Figure:
    """Return a figure with a row a comparison and a column a recogniser."""
    pairs = [(found.recogniser, found.comparison) for found in under[0].reidentified]
    recognisers, comparisons = (
        list(dict.fromkeys(j for j, _ in pairs)),
        list(dict.fromkeys(c for _, c in pairs)),
    )
    size = (4.6 * len(recognisers), 3.4 * len(comparisons))
    figure = Figure(figsize=size, layout="constrained")
    panels: Any = figure.subplots(len(comparisons), len(recognisers), squeeze=False)
    for row, comparison in enumerate(comparisons):
        for column, recogniser in enumerate(recognisers):
            axes = panels[row][column]
            draw(axes, recogniser, comparison)
            axes.set_title(f"{recogniser}, {comparison.replace('_', ' ')}", fontsize=9)
            axes.legend(fontsize=7)
    return figure


def _of(
    under: Sequence[Under], recogniser: str, comparison: str
) -> list[tuple[Under, Reidentified]]:
    return [
        (one, found)
        for one in under
        for found in one.reidentified
        if (found.recogniser, found.comparison) == (recogniser, comparison)
    ]


def _steps(
    axes: Any, histogram: Counts, label: str, colour: str, step: int, *, filled: bool = False
) -> None:
    counts = np.array(histogram, np.float64).reshape(-1, step).sum(axis=1)
    share, alpha = counts / max(sum(histogram), 1), 0.35 if filled else 1.0
    edges = SIMILARITY_EDGES[::step]
    axes.stairs(share, edges, label=label, color=colour, fill=filled, alpha=alpha)


def _extent(histograms: Sequence[Counts]) -> tuple[float, float]:
    """Return the similarities between which anything was counted."""
    filled = np.flatnonzero(np.sum(np.array(histograms), axis=0))
    low, high = (int(filled[0]), int(filled[-1])) if len(filled) else (0, len(SIMILARITY_EDGES) - 2)
    return SIMILARITY_EDGES[low], SIMILARITY_EDGES[high + 1]


def _bars(axes: Any, title: str, shares: Mapping[str, Share]) -> None:
    known = {group: share for group, share in shares.items() if share.share is not None}
    heights = [share.share or 0.0 for share in known.values()]
    low = [h - (s.interval or (h, h))[0] for h, s in zip(heights, known.values(), strict=True)]
    high = [(s.interval or (h, h))[1] - h for h, s in zip(heights, known.values(), strict=True)]
    axes.bar(list(known), heights, color=_COLOURS["synthetic"])
    axes.errorbar(list(known), heights, yerr=[low, high], fmt="none", ecolor="k", capsize=2)
    axes.set_ylim(0, 1.02)
    axes.set_title(title, fontsize=9)
    axes.tick_params(axis="x", labelsize=7)


def _colour(condition: str) -> str:
    return _COLOURS.get(condition, _OTHER_COLOUR)
