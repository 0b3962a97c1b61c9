"""How the audit of a video ended: figures of each person, rows of the table, and their sum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fsp_ray.audit import Auditor, PersonAudit, Verdict, centroid, found_first, judge
from fsp_ray.core.ages import MAX_AGE_YEARS
from fsp_ray.core.face_types import F32
from fsp_ray.core.progress import AuditSummary
from fsp_ray.stages.audit_findings import Looks, load_galleries
from fsp_ray.stages.judge_video import AuditedVideo
from fsp_ray.stages.judgements import Judgement
from fsp_ray.stages.results import Row
from fsp_ray.stages.staging import Staging


def person_audits(
    audited: AuditedVideo, staging: Staging, judgement: Judgement
) -> tuple[PersonAudit, ...]:
    """Return how the audit of each person ended.

    Raises:
        ValueError: the video is not quarantined, yet a person did not pass.
    """
    gallery = load_galleries(staging)
    return tuple(
        _person_audit(person_id, audited, judgement, gallery) for person_id in audited.findings
    )


def _person_audit(
    person_id: str,
    audited: AuditedVideo,
    judgement: Judgement,
    gallery: dict[str, F32],
) -> PersonAudit:
    findings, looks = audited.findings[person_id], audited.looks[person_id]
    ended = judge(findings, attempts=0, max_retries=0)
    if judgement.reason and (findings.leaked_frames or ended is not Verdict.PASS):
        ended = Verdict.QUARANTINED
    seen = len(looks) > 0
    return PersonAudit(
        person_id=person_id,
        verdict=ended,
        retries=judgement.attempts.get(person_id, 0),
        findings=findings,
        rank_1=found_first(person_id, centroid(looks.published), gallery) if seen else None,
        detected_after=float(looks.found.mean()) if seen else None,
        age_years_after=_age(looks) if seen else None,
        gender_after=("female" if looks.female.mean() >= 0.5 else "male") if seen else None,
    )


def _age(looks: Looks) -> float:
    return float(np.clip(np.median(looks.age_years), 0, MAX_AGE_YEARS))


def audit_rows(
    audits: Sequence[PersonAudit], video_id: str, run_id: str, auditor: Auditor
) -> tuple[Row, ...]:
    """Return a row of `audit` for each person; distances are empty where there is no face."""
    return tuple(_row(audit, video_id, run_id, auditor) for audit in audits)


def _row(audit: PersonAudit, video_id: str, run_id: str, auditor: Auditor) -> Row:
    closeness = audit.findings.closeness
    return {
        "video_id": video_id,
        "run_id": run_id,
        "person_id": audit.person_id,
        "verdict": str(audit.verdict),
        "retries": audit.retries,
        "distance_mean": round(closeness.distance_mean, 4) if closeness else None,
        "distance_min": round(closeness.distance_min, 4) if closeness else None,
        "threshold": auditor.threshold,
        "matched_frames": closeness.matched_looks if closeness else 0,
        "rank_1": audit.rank_1,
        "detected_after": _rounded(audit.detected_after, 4),
        "age_years_after": _rounded(audit.age_years_after, 1),
        "gender_after": audit.gender_after,
        "leaked_frames": audit.findings.leaked_frames,
        "auditor": auditor.name,
    }


def audit_summary(
    audits: Sequence[PersonAudit],
    audited: AuditedVideo,
    judgement: Judgement,
    num_frames: int,
    auditor: Auditor,
) -> AuditSummary:
    """Sum the audit of a video up."""
    words = [audit.verdict for audit in audits]
    closest = [a.findings.closeness.distance_min for a in audits if a.findings.closeness]
    return AuditSummary(
        passed=words.count(Verdict.PASS),
        retried=sum(a.verdict is Verdict.PASS and a.retries > 0 for a in audits),
        covered=words.count(Verdict.COVER),
        quarantined=words.count(Verdict.QUARANTINED),
        compared_frames=num_frames,
        searched_frames=sum(len(found.faces.checked) for found in audited.shards.values()),
        patches=len(judgement.patches),
        closest=min(closest, default=None),
        threshold=auditor.threshold,
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
