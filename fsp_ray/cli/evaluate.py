"""fsp evaluate: privacy and utility of a pack and setting, measured."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fsp_ray.cli.console import note, out, print_json
from fsp_ray.cli.options import JsonOption
from fsp_ray.cli.runs import execute, existing_source
from fsp_ray.cli.summary import print_problems
from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import SettingsError, SourceError

if TYPE_CHECKING:  # importing them loads cv2
    from fsp_ray.audit.evaluation import Clip, Evaluation
    from fsp_ray.report.evaluation import EvaluationRequest


def evaluate(  # noqa: PLR0913, PLR0917 - an option each; typer names them
    faces: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            metavar="DIR",
            help="Labelled portraits, <age>_<gender>_….jpg as in UTKFace: gender 0 male, 1 female.",
        ),
    ] = None,
    clips: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Videos: published into a lake of their own, judged, and deleted."
        ),
    ] = None,
    pack: Annotated[str, typer.Option(help="Model pack.")] = "open",
    privacy: Annotated[
        str, typer.Option(metavar="[standard|strong]", help="As of `fsp anonymize`.")
    ] = "standard",
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="Judge at most so many faces, age groups alike.")
    ] = 256,
    seed: Annotated[int, typer.Option(help="Chooses the faces and what they become.")] = 0,
    recogniser: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=MODULE:FUNCTION",
            help="A further recogniser to judge with: a function that returns a FaceEmbedder.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Write evaluation.json, .md and plots there."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure who is still recognised, and what is kept, on faces whose age and gender are known.

    Compared in one run: no change, the cover, a blur as deface draws it, and the synthetic face.
    Half of the faces, by their names, set the thresholds; the other half is judged. All figures
    are aggregated: nothing that is written belongs to one face.

    Example: **fsp evaluate --faces ./UTKFace --limit 400 -o ./evaluation**
    """
    from fsp_ray.audit.evaluation import as_markdown  # noqa: PLC0415 - imports cv2
    from fsp_ray.report.evaluation import (  # noqa: PLC0415 - imports cv2
        EvaluationRequest,
        load_recognisers,
    )
    from fsp_ray.report.evaluation import evaluate as run_evaluation  # noqa: PLC0415 - with it

    request = EvaluationRequest(
        faces=faces,
        pack=pack,
        privacy=privacy,  # pyright: ignore[reportArgumentType] - checks itself
        limit=limit,
        seed=seed,
    )
    recognisers = load_recognisers(recogniser or [])
    if clips is not None:
        existing_source(clips)
    with tempfile.TemporaryDirectory(prefix="fsp-evaluate-") as lake:
        pairs = _published(clips, lake, request) if clips is not None else []
        evaluation = run_evaluation(request, clips=pairs, recognisers=recognisers, tell=note)
    if output is not None:
        _write(evaluation, output)
    if as_json:
        print_json(evaluation.as_dict())
    else:
        out().print(as_markdown(evaluation), soft_wrap=True, end="")


def _published(clips: str, lake: str, request: EvaluationRequest) -> list[Clip]:
    """Publish clips as a run would, and return the pairs."""
    from fsp_ray.audit.evaluation import Clip  # noqa: PLC0415 - imports cv2
    from fsp_ray.lake import Lake, LocalMedia, list_source  # noqa: PLC0415 - takes a second
    from fsp_ray.raydata import RunRequest  # noqa: PLC0415 - Ray takes seconds

    settings = RunSettings(pack=request.pack, privacy=request.privacy)
    summary = execute(RunRequest(clips, lake, settings))
    print_problems(summary.problems)
    answer: Any = Lake.open(lake).query("SELECT source_path, published_uri FROM videos")
    published = {row["source_path"]: row["published_uri"] for row in answer.to_pylist()}
    pairs = [
        Clip(video.media, {"synthetic": LocalMedia(published[video.path], published[video.path])})
        for video in list_source(clips)
        if published.get(video.path)
    ]
    if not pairs:
        raise SourceError(f"Nothing in {clips} could be published, so nothing can be judged.")
    return pairs


def _write(evaluation: Evaluation, folder: Path) -> None:
    from fsp_ray.audit.evaluation import as_markdown  # noqa: PLC0415 - imports cv2
    from fsp_ray.report.evaluation_plots import write_plots  # noqa: PLC0415 - takes a second

    text = json.dumps(evaluation.as_dict(), indent=1, ensure_ascii=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "evaluation.json").write_text(text, encoding="utf-8")
        (folder / "evaluation.md").write_text(as_markdown(evaluation), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"Can't write to {folder}: {error.strerror or error}.") from error
    write_plots(evaluation, folder)
    note(f"Written to {folder}")
