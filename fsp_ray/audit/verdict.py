"""The verdict: what the audit's findings mean for a person, and for the video."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from fsp_ray.audit.reidentify import Closeness
from fsp_ray.core.ages import Gender

MAX_LEAKED_SHARE: Final = 0.05
"""Up to this share of a person's frames, a leak is patched; beyond it, the face does not hold."""


class Verdict(enum.StrEnum):
    """What becomes of a person. `RETRY` is said during a run only; tables hold how it ended."""

    PASS = "pass"  # noqa: S105 - a word, no password
    RETRY = "retry"
    COVER = "cover"
    QUARANTINED = "quarantined"


FINAL_VERDICTS: Final = (Verdict.PASS, Verdict.COVER, Verdict.QUARANTINED)


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found of one person, in all shards of a video.

    Attributes:
        frames: frames in which the person is drawn over; all were compared.
        leaked_frames: of those, frames that show the original face.
        swapped: whether the person has a synthetic face in any frame.
        closeness: by the auditor; None where there was no published face to compare.
    """

    frames: int
    leaked_frames: int
    swapped: bool
    closeness: Closeness | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.leaked_frames <= self.frames:
            raise ValueError("leaked_frames are some of the frames")

    @property
    def leaks_widely(self) -> bool:
        """True if patches would not do."""
        return self.leaked_frames > MAX_LEAKED_SHARE * self.frames


@dataclass(frozen=True, slots=True)
class PersonAudit:
    """How the audit of one person ended: figures only, nothing biometric.

    Attributes:
        person_id: of this video.
        verdict: one of FINAL_VERDICTS.
        retries: other faces tried.
        findings: of what is published, or would have been.
        rank_1: whether the nearest of the run's people is the person; None if nobody else is.
        detected_after: share of published faces that a detector finds; None if none was looked at.
        age_years_after, gender_after: as read from the published face, None if there is none.
    """

    person_id: str
    verdict: Verdict
    retries: int
    findings: Findings
    rank_1: bool | None = None
    detected_after: float | None = None
    age_years_after: float | None = None
    gender_after: Gender | None = None

    def __post_init__(self) -> None:
        if self.verdict not in FINAL_VERDICTS:
            raise ValueError(f"an audit does not end with {self.verdict}")
        if self.verdict is not Verdict.QUARANTINED and self.findings.leaked_frames:
            raise ValueError("a person whose face shows has not passed")
        closeness = self.findings.closeness
        if self.verdict is Verdict.PASS and (closeness is None or closeness.matches):
            raise ValueError("a person who is recognised has not passed")


def judge(findings: Findings, *, attempts: int, max_retries: int) -> Verdict:
    """Return what is to become of a person.

    A face by which the person is recognised, that does not hold, or that the auditor could not
    look at, is changed for another one, up to `max_retries` times, and then for the cover. One
    that comes near the person is changed while it can be, but it passes in the end: other
    recognisers may see more than the auditor. The cover itself always passes here: where it
    leaks, the frames are patched, and if that does not help the video is quarantined.
    """
    if not findings.swapped:
        return Verdict.COVER
    compared, can_retry = findings.closeness, attempts < max_retries
    if compared is None or compared.matches or findings.leaks_widely:
        return Verdict.RETRY if can_retry else Verdict.COVER
    return Verdict.RETRY if compared.is_near and can_retry else Verdict.PASS
