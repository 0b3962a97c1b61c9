"""Values travel as bytes, and errors become reasons that quote nothing."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import FailureReason, LakeError, VideoError
from fsp_ray.core.face_types import SourceFace
from fsp_ray.raydata import workers
from fsp_ray.raydata.rows import failure, from_row, to_row
from fsp_ray.raydata.workers import RunContext
from fsp_ray.stages.choose_faces import person_rng
from fsp_ray.stages.results import Failure

SECRET = b"0123456789 the run's own secret"
CONTEXT = RunContext("r", "/lake", "/staging", RunSettings(), SECRET)


def _raised(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as caught:
        return caught


def test_a_value_comes_back() -> None:
    value = Failure("v", "empty: It is empty.")
    row = to_row(value)
    assert set(row) == {"value"}
    assert from_row(row) == value


def test_a_foreseen_error_says_its_sentence_and_advice() -> None:
    error = VideoError(FailureReason.TRUNCATED, "a.mp4 is cut off.", advice="Copy it again.")
    assert failure("v", error) == Failure("v", "truncated: a.mp4 is cut off. Copy it again.")
    carried = pickle.loads(pickle.dumps(error))
    assert failure("v", carried).reason == "truncated: a.mp4 is cut off. Copy it again."


def test_an_unforeseen_error_is_named_by_type_and_place_alone() -> None:
    try:  # an error of the project's own code, which quotes what it was given
        SourceFace(np.zeros((3, 7), np.float32), SECRET, None, 1)  # type: ignore[arg-type]
    except ValueError as error:
        said = failure("v", error)
    assert said.video_id == "v"
    assert said.reason.startswith(f"{FailureReason.WORKER}: ValueError at fsp_ray.core.checks:")
    assert "(3, 7)" not in said.reason


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(f"failed on {SECRET!r}"),
        KeyError(SECRET.decode()),
        UnicodeDecodeError("ascii", SECRET, 0, 1, SECRET.decode()),
    ],
)
def test_the_text_of_an_unforeseen_error_is_not_told(error: Exception) -> None:
    reason = failure("v", _raised(error)).reason
    assert type(error).__name__ in reason
    assert "own secret" not in reason
    assert "an unknown line" in reason


def test_a_chain_of_errors_tells_no_more() -> None:
    def breaks() -> None:
        raise RuntimeError("and again " + SECRET.decode()) from ValueError(SECRET.decode())

    said = from_row(workers._guarded(CONTEXT, "v", "work", breaks))
    assert isinstance(said, Failure)
    assert "own secret" not in said.reason
    assert "RuntimeError at fsp_ray.raydata.workers:" in said.reason


def test_any_error_in_a_worker_becomes_a_row() -> None:
    def missing() -> None:
        raise VideoError(FailureReason.DECODE, "b.mp4 does not decode.")

    said = from_row(workers._guarded(CONTEXT, "v", "work", missing))
    assert said == Failure("v", "decode_error: b.mp4 does not decode.")


@pytest.mark.parametrize("told", [repr, str, "{}".format, "{!r}".format])
def test_the_secret_is_in_no_text_of_the_context(told) -> None:  # type: ignore[no-untyped-def]
    for holder in (CONTEXT, [CONTEXT], {"context": CONTEXT}):
        text = told(holder)
        assert "own secret" not in text
        assert SECRET.hex() not in text
    assert "'r'" in told(CONTEXT)


def test_the_context_carries_the_secret_to_the_workers() -> None:
    carried = pickle.loads(pickle.dumps(CONTEXT))
    drawn = person_rng(carried.secret, "p").integers(1 << 60)
    assert drawn == person_rng(SECRET, "p").integers(1 << 60)


def test_our_own_errors_keep_their_sentence_and_advice() -> None:
    error = LakeError("The disk is full.", advice="Free some space.")
    assert failure("v", error).reason == "worker_error: The disk is full. Free some space."
