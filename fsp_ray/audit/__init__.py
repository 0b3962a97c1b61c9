"""Re-identification, leak check, verdict, evaluation metrics. Judges what others made."""

from fsp_ray.audit.leaks import COMPARED_SHARE, Likeness, likeness
from fsp_ray.audit.patches import Leak, Patch, Patching, patch
from fsp_ray.audit.reidentify import (
    CAUTION_RATE,
    FALSE_ACCEPT_RATE,
    Auditor,
    Closeness,
    centroid,
    compare,
    found_first,
)
from fsp_ray.audit.verdict import FINAL_VERDICTS, Findings, PersonAudit, Verdict, judge

__all__ = [
    "CAUTION_RATE",
    "COMPARED_SHARE",
    "FALSE_ACCEPT_RATE",
    "FINAL_VERDICTS",
    "Auditor",
    "Closeness",
    "Findings",
    "Leak",
    "Likeness",
    "Patch",
    "Patching",
    "PersonAudit",
    "Verdict",
    "centroid",
    "compare",
    "found_first",
    "judge",
    "likeness",
    "patch",
]
