"""What `fsp evaluate` runs: a pack and a setting against no change, the cover, and a blur."""

from __future__ import annotations

import importlib
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fsp_ray import __version__
from fsp_ray.audit.evaluation import (
    Blurred,
    Chosen,
    Clip,
    Covered,
    Evaluation,
    FacesRequest,
    Replacer,
    Synthetic,
    Unchanged,
    evaluate_clips,
    evaluate_faces,
    labelled_files,
    reference_of,
)
from fsp_ray.core.config import PIPELINE_VERSION, Privacy, RunSettings
from fsp_ray.core.errors import SettingsError, SourceError
from fsp_ray.core.protocols import FaceEmbedder, Models
from fsp_ray.models import load_models, show_pack
from fsp_ray.stages.head_views import cut_head
from fsp_ray.swap import MeshSwapper, SwapSettings
from fsp_ray.swap.choosing import FaceChooser
from fsp_ray.synthesis import BankGenerator, FaceBank

Tell = Callable[[str], None]
_NO_THRESHOLDS = "Without --faces there are no thresholds, and nothing counts as matched or not."
_LIBRARIES = ("numpy", "opencv-python-headless", "onnxruntime")


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """What to evaluate.

    Attributes:
        faces: folder of labelled portraits: judged, and where the thresholds come from.
        pack, privacy: as of a run.
        limit: faces judged at most.
        seed: chooses the faces, and stands in for the runs' secrets.
    """

    faces: Path | None = None
    pack: str = "open"
    privacy: Privacy = "standard"
    limit: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        if self.privacy not in ("standard", "strong"):
            raise SettingsError(f"--privacy can't be {self.privacy!r}; say standard or strong.")
        if self.limit < 1:
            raise SettingsError("--limit must be at least 1.")


def evaluate(
    request: EvaluationRequest,
    *,
    clips: Sequence[Clip] = (),
    recognisers: Mapping[str, FaceEmbedder] | None = None,
    tell: Tell,
) -> Evaluation:
    """Evaluate on labelled faces, and on clips that were published with the same settings.

    Args:
        request: what to evaluate.
        clips: sources, and what was published of them.
        recognisers: further recognisers; matcher and auditor of the pack always judge.
        tell: gets lines of progress.

    Raises:
        PackError: the pack can't be loaded.
        SourceError: there is nothing to judge.
        VideoError: a clip can't be read.
    """
    start = time.monotonic()
    models = load_models(request.pack)
    panel = {"matcher": models.matcher, "auditor": models.auditor, **(recognisers or {})}
    of_faces = FacesRequest(limit=request.limit, seed=request.seed)
    files = labelled_files(request.faces) if request.faces else ()
    reference = reference_of(files, models=models, recognisers=panel, request=of_faces, tell=tell)
    faces = on_clips = None
    if files:
        faces = evaluate_faces(
            files,
            models=models,
            recognisers=panel,
            conditions=conditions(models, request.privacy),
            reference=reference,
            request=of_faces,
            tell=tell,
            # A pack need not have one; which faces are chosen never hangs on it.
            second=getattr(models, "second_attributes", None),
        )
    if clips:
        on_clips = evaluate_clips(
            clips,
            models=models,
            recognisers=panel,
            reference=reference,
            settings=RunSettings(pack=request.pack, privacy=request.privacy),
            tell=tell,
        )
    if faces is None and on_clips is None:
        raise SourceError("There is nothing to evaluate on.", advice="Give --faces or --clips.")
    return Evaluation(
        settings=_settings(request, panel),
        versions=versions(request.pack),
        seconds=time.monotonic() - start,
        faces=faces,
        clips=on_clips,
        notes=() if files else (_NO_THRESHOLDS,),
    )


def conditions(models: Models, privacy: Privacy) -> dict[str, Replacer]:
    """Return what is compared, by name; `synthetic` is what the pipeline does to a face."""
    settings = SwapSettings.for_privacy(privacy)
    swapper = MeshSwapper(settings)
    generator = BankGenerator(FaceBank.default())
    chooser = FaceChooser.from_models(generator, swapper, models, swap=settings)
    return {
        "unchanged": Unchanged(),
        "cover": Covered(),
        "blur": Blurred(models),
        "synthetic": Synthetic(models, Chosen(chooser), swapper, cut_head),
    }


def load_recognisers(plugs: Sequence[str]) -> dict[str, FaceEmbedder]:
    """Return further recognisers from `NAME=MODULE:FUNCTION`; the function returns an embedder.

    Raises:
        SettingsError: a plug can't be read, imported, or called.
    """
    recognisers: dict[str, FaceEmbedder] = {}
    for plug in plugs:
        name, _, target = plug.partition("=")
        module, _, function = target.partition(":")
        if not (name and module and function):
            raise SettingsError(
                f"--recogniser can't be {plug!r}.", advice="Say NAME=MODULE:FUNCTION."
            )
        try:
            made: Any = getattr(importlib.import_module(module), function)()
        except (ImportError, AttributeError) as error:
            raise SettingsError(f"--recogniser {name}: {error}.") from error
        recognisers[name] = made
    return recognisers


def versions(pack: str) -> dict[str, str]:
    """Return the versions of what takes part."""
    entries = {
        f"{pack}/{entry.name}": f"{entry.wheel_version}, sha256 {entry.sha256[:16]}"
        for entry in show_pack(pack).models
    }
    return {
        "fsp_ray": __version__,
        "pipeline": str(PIPELINE_VERSION),
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
        **entries,
    }


def _settings(
    request: EvaluationRequest, recognisers: Mapping[str, FaceEmbedder]
) -> dict[str, object]:
    return {
        "pack": request.pack,
        "privacy": request.privacy,
        "limit": request.limit,
        "seed": request.seed,
        "recognisers": sorted(recognisers),
        "swap": asdict(SwapSettings.for_privacy(request.privacy)),
    }
