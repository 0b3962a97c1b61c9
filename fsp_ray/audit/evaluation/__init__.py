"""Privacy and utility of a pack and setting, measured: what `fsp evaluate` says."""

from __future__ import annotations

from fsp_ray.audit.evaluation.clips import Clip
from fsp_ray.audit.evaluation.conditions import (
    Blurred,
    Chosen,
    Covered,
    FaceMaker,
    Generated,
    Replaced,
    Replacer,
    Synthetic,
    Unchanged,
)
from fsp_ray.audit.evaluation.labels import LabelledFile, labelled_files, split, spread
from fsp_ray.audit.evaluation.on_clips import evaluate_clips
from fsp_ray.audit.evaluation.on_faces import FacesRequest, evaluate_faces, reference_of
from fsp_ray.audit.evaluation.results import (
    ClipsEvaluated,
    ClipsUnder,
    Evaluation,
    FacesEvaluated,
    FacesUnder,
)
from fsp_ray.audit.evaluation.tables import as_markdown

__all__ = [
    "Blurred",
    "Chosen",
    "Clip",
    "ClipsEvaluated",
    "ClipsUnder",
    "Covered",
    "Evaluation",
    "FaceMaker",
    "FacesEvaluated",
    "FacesRequest",
    "FacesUnder",
    "Generated",
    "LabelledFile",
    "Replaced",
    "Replacer",
    "Synthetic",
    "Unchanged",
    "as_markdown",
    "evaluate_clips",
    "evaluate_faces",
    "labelled_files",
    "reference_of",
    "split",
    "spread",
]
