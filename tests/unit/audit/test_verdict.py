"""The verdict fails closed: what was not seen to be safe gets another face, then the cover."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.audit import Closeness, Findings, PersonAudit, Verdict, judge

FAR_AWAY = Closeness(8, 0.2, 0.1, 0, 0.067, 0.088, mean_matches=False)
RECOGNISED = Closeness(8, 0.1, 0.05, 3, 0.067, 0.088, mean_matches=False)


def test_a_person_nobody_recognises_passes() -> None:
    assert judge(Findings(100, 0, True, FAR_AWAY), attempts=0, max_retries=2) is Verdict.PASS


@pytest.mark.parametrize(
    "findings",
    [
        Findings(100, 0, True, RECOGNISED),
        Findings(100, 6, True, FAR_AWAY),  # the face does not hold
        Findings(100, 100, True, RECOGNISED),
        Findings(100, 0, True, None),  # the auditor saw nothing: no reason to trust it
    ],
)
def test_others_get_another_face_and_then_the_cover(findings: Findings) -> None:
    words = [judge(findings, attempts=n, max_retries=2) for n in range(4)]
    assert words == [Verdict.RETRY, Verdict.RETRY, Verdict.COVER, Verdict.COVER]
    assert judge(findings, attempts=0, max_retries=0) is Verdict.COVER


def test_a_few_leaks_are_for_patches_not_for_another_face() -> None:
    assert judge(Findings(100, 5, True, FAR_AWAY), attempts=0, max_retries=2) is Verdict.PASS


def test_a_covered_person_stays_covered() -> None:
    assert judge(Findings(100, 3, False), attempts=0, max_retries=2) is Verdict.COVER


closeness = st.none() | st.builds(
    lambda looks, matched: Closeness(
        looks, 0.2, 0.01, min(matched, looks), 0.067, 0.088, mean_matches=False
    ),
    st.integers(1, 64),
    st.integers(0, 64),
)


@given(
    st.integers(1, 500).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
    st.booleans(),
    closeness,
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_no_verdict_lets_a_recognised_person_pass(
    frames: tuple[int, int], swapped: bool, close: Closeness | None, attempts: int, retries: int
) -> None:
    findings = Findings(*frames, swapped, close)
    verdict = judge(findings, attempts=attempts, max_retries=retries)
    if verdict is Verdict.PASS:
        assert close is not None
        assert not close.matches
        assert findings.leaked_frames <= 0.05 * findings.frames
    if verdict is Verdict.RETRY:
        assert attempts < retries


def test_an_audit_can_not_say_that_a_leak_passed() -> None:
    with pytest.raises(ValueError, match="shows"):
        PersonAudit("p", Verdict.PASS, 0, Findings(10, 1, True, FAR_AWAY))
    with pytest.raises(ValueError, match="shows"):
        PersonAudit("p", Verdict.COVER, 0, Findings(10, 1, False))
    with pytest.raises(ValueError, match="recognised"):
        PersonAudit("p", Verdict.PASS, 0, Findings(10, 0, True, RECOGNISED))
    with pytest.raises(ValueError, match="recognised"):
        PersonAudit("p", Verdict.PASS, 0, Findings(10, 0, True, None))
    with pytest.raises(ValueError, match="retry"):
        PersonAudit("p", Verdict.RETRY, 0, Findings(10, 0, True, FAR_AWAY))


def test_a_face_that_comes_near_is_changed_while_it_can_be_and_passes_in_the_end() -> None:
    near = Closeness(8, 0.08, 0.07, 0, 0.067, 0.088, mean_matches=False)
    findings = Findings(10, 0, swapped=True, closeness=near)
    assert judge(findings, attempts=0, max_retries=2) is Verdict.RETRY
    assert judge(findings, attempts=1, max_retries=2) is Verdict.RETRY
    assert judge(findings, attempts=2, max_retries=2) is Verdict.PASS
