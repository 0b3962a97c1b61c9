"""JUDGE: what a rehearsal's or the audit's findings mean for a video, and what is done then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fsp_ray.audit import (
    Auditor,
    Findings,
    Leak,
    Patch,
    Patching,
    Verdict,
    centroid,
    compare,
    judge,
    patch,
)
from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.video_types import VideoInfo
from fsp_ray.stages.audit_findings import (
    Looks,
    ShardFindings,
    findings_name,
    load_findings,
    rehearsal_name,
    save_gallery,
)
from fsp_ray.stages.change_faces import Changes
from fsp_ray.stages.judge_rehearsal import Casting, cast_faces
from fsp_ray.stages.judgements import Judgement, load_judgement, save_judgement
from fsp_ray.stages.results import DrawnVideo, JudgedVideo, PlannedVideo
from fsp_ray.stages.staging import Staging, segment_name
from fsp_ray.stages.timing import Stopwatch

ChangeFaces = Callable[[Changes], object]
"""Stage other faces for some persons."""

# Distances of all looks to all looks: enough to judge an hour by.
MAX_LOOKS: Final = 64
# After the last retry comes the cover, then a patch where it leaks, then a solid one.
_LAST_RESORTS: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class AuditedVideo:
    """The findings on all shards of a video. Biometric: memory only.

    Attributes:
        shards: what was found, by shard_id.
        findings: of each person, by person_id.
        looks: of each person, at most MAX_LOOKS, spread over the video.
    """

    shards: Mapping[str, ShardFindings]
    findings: Mapping[str, Findings]
    looks: Mapping[str, Looks]

    @property
    def leaks(self) -> tuple[Leak, ...]:
        """Faces of the source that show in any shard."""
        return tuple(leak for found in self.shards.values() for leak in found.leaks)


def judge_video(
    drawn: DrawnVideo,
    staging: Staging,
    *,
    settings: RunSettings,
    auditor: Auditor,
    change_faces: ChangeFaces | None,
) -> JudgedVideo:
    """Judge a video after a round; the judgement is staged.

    Persons that the auditor recognises, or whose face does not hold, get another face while there
    are retries left, and then the cover; other faces that show are patched. What still shows
    through a solid patch, or after the last round, quarantines the video: but a rehearsal decides
    only what is to be drawn, and an audit follows in any case.

    Args:
        drawn: the video; all of its shards are rendered and audited, or all are rehearsed.
        staging: holds the findings and the earlier judgements.
        auditor: who looked.
        change_faces: stages other faces; None where there are none to choose from.

    Raises:
        VideoError: as `load_audited`.
    """
    watch = Stopwatch()
    planned, rounds = drawn.planned, drawn.rounds
    with watch.part("judge"):
        before = load_judgement(staging, rounds)
        audited = load_audited(drawn, staging, auditor)
        retries = settings.audit_retries if change_faces is not None else 0
        if drawn.is_rehearsed:
            casting = Casting()
            if change_faces is not None:
                casting = _cast(drawn, audited, before, staging, retries)
            now, changes = _after_rehearsal(planned, audited, before, casting), casting.changes
        else:
            retried, covered = _verdicts(audited, before, retries)
            now = _after_audit(planned, audited, before, retried, covered)
            if now.again and rounds - before.rehearsals >= settings.audit_retries + _LAST_RESORTS:
                now = replace(now, again=(), reason=_shows(audited.leaks, planned.info))
            changes = Changes(retried if now.again else {})
    if change_faces is not None and changes.persons:
        with watch.part("generate"):
            change_faces(changes)
    save_gallery(
        staging, {p: centroid(seen.source) for p, seen in audited.looks.items() if len(seen)}
    )
    save_judgement(staging, rounds + 1, now)
    return JudgedVideo(planned.info.video_id, rounds + 1, frozenset(now.again), watch.seconds())


def load_audited(drawn: DrawnVideo, staging: Staging, auditor: Auditor) -> AuditedVideo:
    """Read the findings of a video's audit, or rehearsal, and sum them up by person.

    Raises:
        VideoError: a staged file is missing, or a segment was rendered after its audit.
    """
    shards = {s.shard_id: _load_findings(s.shard_id, drawn, staging) for s in drawn.planned.shards}
    looks = {p.person_id: _looks(p.person_id, tuple(shards.values())) for p in drawn.persons}
    findings = {person: _findings(person, shards, seen, auditor) for person, seen in looks.items()}
    return AuditedVideo(shards, findings, looks)


def _load_findings(shard_id: str, drawn: DrawnVideo, staging: Staging) -> ShardFindings:
    if drawn.is_rehearsed:
        return load_findings(staging.reading(rehearsal_name(shard_id)))
    found = load_findings(staging.reading(findings_name(shard_id)))
    if found.segment != staging.sha256(segment_name(shard_id)):
        raise VideoError(
            FailureReason.VERIFY,
            f"A shard of {drawn.planned.source.path} was rendered again, but not audited.",
            advice="Run again: only this video is done again.",
        )
    return found


def _looks(person_id: str, shards: Sequence[ShardFindings]) -> Looks:
    parts = [
        found.looks.chosen(found.looks.person == found.persons.index(person_id))
        for found in shards
        if person_id in found.persons
    ]
    looks = Looks.joined(parts)
    if len(looks) <= MAX_LOOKS:
        return looks
    return looks.chosen(np.linspace(0, len(looks) - 1, MAX_LOOKS).round().astype(int))


def _findings(
    person_id: str, shards: Mapping[str, ShardFindings], looks: Looks, auditor: Auditor
) -> Findings:
    counts = np.zeros(3, np.int64)
    for found in shards.values():
        if person_id in found.persons:
            place = found.persons.index(person_id)
            counts += (found.frames[place], found.swapped[place], found.leaked[place])
    frames, swapped, leaked = counts.tolist()
    closeness = None
    if len(looks):
        closeness = compare(
            looks.source, looks.published, threshold=auditor.threshold, caution=auditor.caution
        )
    return Findings(frames, leaked, swapped > 0, closeness)


def _cast(
    drawn: DrawnVideo, audited: AuditedVideo, before: Judgement, staging: Staging, retries: int
) -> Casting:
    return cast_faces(
        audited.findings,
        audited.looks,
        {person.person_id: person for person in drawn.persons},
        before,
        staging,
        rounds=drawn.rounds,
        max_retries=retries,
    )


def _verdicts(
    audited: AuditedVideo, before: Judgement, retries: int
) -> tuple[dict[str, int], frozenset[str]]:
    """Return who gets another face, for which time, and who is covered from now on."""
    retried: dict[str, int] = {}
    covered: set[str] = set()
    for person_id, findings in audited.findings.items():
        attempts = before.attempts.get(person_id, 0)
        verdict = judge(findings, attempts=attempts, max_retries=retries)
        if verdict is Verdict.RETRY:
            retried[person_id] = attempts + 1
        elif verdict is Verdict.COVER and findings.swapped:
            covered.add(person_id)
    return retried, frozenset(covered)


def _after_audit(
    planned: PlannedVideo,
    audited: AuditedVideo,
    before: Judgement,
    retried: Mapping[str, int],
    covered: frozenset[str],
) -> Judgement:
    """Draw again wherever anything changes; give up where a solid patch does not help."""
    patching = _patching(audited, before, covered | retried.keys())
    now = _decided(before, retried, covered, patching)
    if patching.hopeless:
        return replace(now, reason=_shows(patching.hopeless, planned.info))
    changed = covered | retried.keys()
    return replace(now, again=_shards_of(planned, audited, changed, patching.patches))


def _after_rehearsal(
    planned: PlannedVideo,
    audited: AuditedVideo,
    before: Judgement,
    casting: Casting,
) -> Judgement:
    """Rehearse again only what another rehearsal can tell: how other faces do, once what else
    shows near a patch. Whether a patch holds, and who gets the cover, is for the audit to say.
    """
    patching = _patching(audited, before, casting.changes.persons)
    now = _decided(before, casting.changes.rejected, frozenset(), patching)
    patched = () if before.rehearsals else patching.patches
    return replace(
        now,
        again=_shards_of(planned, audited, casting.retried, patched),
        rehearsals=before.rehearsals + 1,
        changed=casting.changes.persons,
        trials=casting.trials,
        settled=casting.settled,
    )


def _patching(audited: AuditedVideo, before: Judgement, changed: AbstractSet[str]) -> Patching:
    # What shows of a person who is drawn anew is seen again in the next round.
    return patch([leak for leak in audited.leaks if leak.person_id not in changed], before.patches)


def _decided(
    before: Judgement, retried: Mapping[str, int], covered: frozenset[str], patching: Patching
) -> Judgement:
    return Judgement(
        rehearsals=before.rehearsals,
        attempts={**before.attempts, **retried},
        changed=frozenset(retried),
        trials=before.trials,
        settled=before.settled,
        covered=before.covered | covered,
        patches=before.patches + patching.patches,
    )


def _shards_of(
    planned: PlannedVideo,
    audited: AuditedVideo,
    persons: AbstractSet[str],
    patches: Sequence[Patch],
) -> tuple[str, ...]:
    """Return the ids of the shards that some persons appear in, or some patches lie in."""
    return tuple(
        shard.shard_id
        for shard in planned.shards
        if persons & set(audited.shards[shard.shard_id].persons)
        or any(p.last_pts >= shard.start_pts and p.first_pts < shard.stop_pts for p in patches)
    )


def _shows(leaks: Sequence[Leak], info: VideoInfo) -> str:
    if not leaks:
        return (
            f"{FailureReason.UNCOVERED}: The audit did not come to an end. "
            "Run again with another --audit-retries, or leave the video out."
        )
    seconds = info.seconds(min(leak.pts for leak in leaks))
    frames = len({leak.pts for leak in leaks})
    return (
        f"{FailureReason.UNCOVERED}: In {frames} frames, the first at {seconds:.2f} s, a face "
        "still shows after it was covered. Look at the source there; leave it out, or cut it."
    )
