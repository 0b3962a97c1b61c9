"""Prints how a run ended, or what it would do."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from fsp_ray.cli.console import duration, err, out, plural, print_json
from fsp_ray.cli.rows import RowFormat, print_rows
from fsp_ray.core.progress import VIDEO_STATUSES, AuditSummary, Problem, RunSummary

if TYPE_CHECKING:  # importing raydata imports Ray
    from fsp_ray.raydata import Worklist


def print_summary(summary: RunSummary) -> None:
    """Print a run's end on stdout, for people."""
    console = out()
    counts = ", ".join(f"{summary.videos.get(s, 0):,} {s}" for s in VIDEO_STATUSES)
    console.print(f"Videos: {counts}.", soft_wrap=True)
    if summary.frames:
        pace = summary.frames / summary.seconds if summary.seconds > 0 else 0.0
        console.print(
            f"{plural(summary.persons, 'person')}, {plural(summary.faces, 'face')} in"
            f" {plural(summary.frames, 'frame')}; {duration(summary.seconds)},"
            f" {pace:.1f} frames/s.",
            soft_wrap=True,
        )
    if summary.audit.compared_frames:
        console.print(audit_line(summary.audit), soft_wrap=True)
    console.print(f"Lake: {summary.lake}", soft_wrap=True)


def audit_line(audit: AuditSummary) -> str:
    """Return what the audit came to, in a sentence or two."""
    words = [f"{plural(audit.passed, 'person')} passed"]
    if audit.retried:
        words.append(f"{audit.retried:,} of them with another face")
    words += [f"{audit.covered:,} covered", f"{audit.quarantined:,} quarantined"]
    line = f"Audit: {', '.join(words)}"
    if audit.closest is not None:
        line += f"; closest distance {audit.closest:.3f}, same person under {audit.threshold:.3f}"
    searched = f"{audit.searched_frames:,} searched for faces anew"
    line += f". {plural(audit.compared_frames, 'frame')} compared, {searched}"
    patches = f", {plural(audit.patches, 'cover')} added" if audit.patches else ""
    return f"{line}{patches}."


def print_problems(problems: Sequence[Problem]) -> None:
    """List on stderr the videos that are not published, with the reason."""
    if not problems:
        return
    console = err()
    console.print(f"{plural(len(problems), 'video')} not published:")
    for problem in problems:
        line = Text.assemble((f"  {problem.status}  ", "red"), f"{problem.path}  {problem.reason}")
        console.print(line, soft_wrap=True)


def print_deleted(paths: Sequence[str], withdrawn: int) -> None:
    """List on stderr the videos that the source has no more."""
    if not paths:
        return
    console = err()
    what = "withdrawn from the lake" if withdrawn else "still in the lake (--prune withdraws them)"
    console.print(f"{plural(len(paths), 'video')} gone from the source, {what}:", soft_wrap=True)
    for path in paths:
        console.print(Text(f"  {path}"), soft_wrap=True)


def print_worklist(work: Worklist, *, as_json: bool) -> None:
    """Print on stdout what a run would do."""
    if as_json:
        todo = [{"path": t.path, "uri": t.uri, "size_bytes": t.size_bytes} for t in work.todo]
        given_up = [dataclasses.asdict(problem) for problem in work.given_up]
        deleted = [entry.source_path for entry in work.deleted]
        said = {"todo": todo, "unchanged": work.unchanged, "given_up": given_up, "deleted": deleted}
        print_json(said)
    elif work.todo:
        rows = [{"path": t.path, "size_mb": round(t.size_bytes / 1e6, 1)} for t in work.todo]
        print_rows(("path", "size_mb"), rows, RowFormat.TABLE)
