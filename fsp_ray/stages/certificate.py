"""The certificate that lies beside a published video: what it is, how it was made, how it was
audited. Counts and distances only, nothing biometric and nothing of the source."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from fsp_ray import __version__
from fsp_ray.audit import FALSE_ACCEPT_RATE, Auditor, PersonAudit
from fsp_ray.core.config import RunSettings
from fsp_ray.core.progress import AuditSummary
from fsp_ray.models import show_pack

FORMAT: Final = 1

# IPTC NewsCodes, the term for a composite that holds elements made by a generative model: what
# Content Credentials and the XMP of pictures say, too.
DIGITAL_SOURCE_TYPE: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic"
MARKING: Final = {
    "comment": "Faces replaced by synthetic ones (fsp_ray). AI-generated content: yes.",
    "description": f"DigitalSourceType={DIGITAL_SOURCE_TYPE}",
}
"""Marks what comes out as synthetic media in the container, for players and for whoever finds the
file without its certificate."""


def certificate(
    name: str,
    file: tuple[str, int],
    settings: RunSettings,
    run_id: str,
    audits: Sequence[PersonAudit],
    summary: AuditSummary,
    auditor: Auditor,
) -> bytes:
    """Return the certificate of one published video, as JSON.

    Args:
        name: of the published file.
        file: its sha256, hex, and its size in bytes.
        settings, run_id: of the run.
        audits, summary: how the audit ended.
        auditor: who looked.

    Raises:
        PackError: the pack is unknown.
    """
    values = {
        "certificate": "faces anonymised by fsp_ray",
        "format": FORMAT,
        "file": {"name": name, "sha256": file[0], "size_bytes": file[1]},
        "synthetic_media": {"ai_generated": True, "digital_source_type": DIGITAL_SOURCE_TYPE},
        "made_by": _made_by(settings, run_id),
        "audit": _audit(audits, summary, auditor),
    }
    return (json.dumps(values, indent=2, ensure_ascii=True) + "\n").encode("ascii")


def _made_by(settings: RunSettings, run_id: str) -> dict[str, object]:
    pack = show_pack(settings.pack)
    return {
        "program": "fsp_ray",
        "version": __version__,
        "run_id": run_id,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "pack": pack.name,
        "pack_licence": pack.licence,
        "models": [
            {
                "name": model.name,
                "roles": list(model.roles),
                "licence": model.licence,
                "sha256": model.sha256,
            }
            for model in pack.models
        ],
        "settings": settings.as_dict(),
        "settings_hash": settings.hash,
    }


def _audit(
    audits: Sequence[PersonAudit], summary: AuditSummary, auditor: Auditor
) -> dict[str, object]:
    compared = [audit.findings.closeness for audit in audits if audit.findings.closeness]
    return {
        "verdict": "pass",
        "auditor": auditor.name,
        "threshold": auditor.threshold,
        "false_accept_rate": FALSE_ACCEPT_RATE,
        "persons": len(audits),
        "persons_passed": summary.passed,
        "persons_passed_with_another_face": summary.retried,
        "persons_covered": summary.covered,
        "closest_distance": summary.as_dict()["closest"],
        "faces_looked_at": sum(closeness.looks for closeness in compared),
        "faces_matched": sum(closeness.matched_looks for closeness in compared),
        "frames_compared": summary.compared_frames,
        "frames_searched": summary.searched_frames,
        "patches": summary.patches,
        "leaked_frames": sum(audit.findings.leaked_frames for audit in audits),
    }
