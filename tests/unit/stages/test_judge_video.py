"""JUDGE: other faces, the cover, patches, and in the end no publication; never a way round."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fsp_ray.core.errors import VideoError
from fsp_ray.core.face_types import F32, U8, SourceFace, SyntheticFace
from fsp_ray.stages import heads as heads_module
from fsp_ray.stages.judgements import Judgement
from fsp_ray.stages.results import VideoResult
from tests.fakes.audits import AUDITOR, BoxDetector, ColourEmbedder
from tests.fakes.films import BOX, Film, IdleSwapper
from tests.fakes.shards import PaintSwapper


@pytest.fixture
def film(tmp_path: Path) -> Film:
    return Film(tmp_path)


def _verdicts(result: VideoResult) -> dict[object, tuple[object, object, object]]:
    return {r["person_id"]: (r["verdict"], r["retries"], r["leaked_frames"]) for r in result.audit}


def test_faces_that_hold_pass_at_once(film: Film) -> None:
    judgement = film.run()
    assert film.rounds == 1
    assert judgement == Judgement()
    result = film.finish()
    assert result.status == "published"
    assert _verdicts(result) == {"p": ("pass", 0, 0), "q": ("pass", 0, 0)}
    row = result.audit[0]
    assert row["auditor"] == AUDITOR.name
    assert row["distance_min"] > AUDITOR.threshold  # type: ignore[operator]
    assert row["rank_1"] is not None
    assert (row["age_years_after"], row["gender_after"]) == (40, "female")
    assert (result.audited.passed, result.audited.compared_frames) == (2, 48)


def test_a_swapper_that_does_nothing_ends_in_the_cover(film: Film) -> None:
    film.swapper = IdleSwapper()
    judgement = film.run()
    assert film.retries == [{"p": 1, "q": 1}, {"p": 2, "q": 2}]
    assert judgement.covered == {"p", "q"}
    assert film.drawn_again == [[0, 1, 2, 3], [0, 1], [0, 1], [0, 1]]  # where they appear
    result = film.finish()
    assert result.status == "published"
    assert _verdicts(result) == {"p": ("cover", 2, 0), "q": ("cover", 2, 0)}
    assert {row["replaced"] for row in result.persons} == {"cover"}
    assert all(row["distance_min"] is None for row in result.audit)
    assert result.audited.covered == 2


def test_another_face_that_holds_is_kept(film: Film) -> None:
    class SecondTime:
        """Does nothing in the first round."""

        def session(self, face: SyntheticFace, source: SourceFace) -> object:
            swapper = IdleSwapper() if film.rounds == 0 else PaintSwapper()
            return swapper.session(face, source)

    film.swapper = SecondTime()
    film.run()
    assert film.rounds == 2
    result = film.finish()
    assert _verdicts(result) == {"p": ("pass", 1, 0), "q": ("pass", 1, 0)}
    assert (result.audited.passed, result.audited.retried) == (2, 2)


def test_without_a_chooser_a_face_that_fails_is_covered(film: Film) -> None:
    film.swapper = IdleSwapper()
    judgement = film.run(choose=False)
    assert film.rounds == 2
    assert judgement.covered == {"p", "q"}
    assert _verdicts(film.finish())["p"] == ("cover", 0, 0)


def test_an_auditor_who_recognises_everybody_leaves_nobody_uncovered(film: Film) -> None:
    film.models.auditor = ColourEmbedder(always=True)
    judgement = film.run()
    assert judgement.covered == {"p", "q"}
    assert film.finish().status == "published"


def test_a_cover_that_does_nothing_is_not_published(
    film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads_module, "cover", lambda *_, **__: None)
    film.clip.plan({"p": "p", "q": "q"}, faceless=["p", "q"])
    judgement = film.run()
    assert judgement.reason.startswith("face_not_covered: In 24 frames, the first at 0.00 s")
    result = film.finish()
    assert (result.status, film.published) == ("quarantined", [])
    assert result.reason == result.video["reason"] == judgement.reason
    assert (result.persons, result.tracks) == ((), ())
    assert _verdicts(result) == {"p": ("quarantined", 0, 12), "q": ("quarantined", 0, 12)}
    assert result.audited.quarantined == 2


def test_a_face_that_nobody_tracked_is_patched(film: Film) -> None:
    film.models.recall_detector = BoxDetector(lambda rgb: [BOX][: rgb.shape[0] // 128])
    judgement = film.run()
    assert judgement.patches
    assert not any(patch.solid for patch in judgement.patches)
    assert film.drawn_again[1:] == [[0, 1, 2, 3]]
    result = film.finish()
    assert result.status == "published"
    assert _verdicts(result) == {"p": ("pass", 0, 0), "q": ("pass", 0, 0)}
    assert result.audited.patches == len(judgement.patches)


def test_a_mosaic_that_shows_the_face_becomes_solid(
    film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = heads_module.cover

    def half_hearted(rgb: U8, xyxy: F32, points: F32 | None = None, *, style: str = "mosaic"):  # type: ignore[no-untyped-def]
        if style == "solid":
            real(rgb, xyxy, points, style="solid")

    monkeypatch.setattr(heads_module, "cover", half_hearted)
    film.models.recall_detector = BoxDetector(lambda rgb: [BOX][: rgb.shape[0] // 128])
    judgement = film.run()
    assert {patch.solid for patch in judgement.patches} == {False, True}
    assert film.finish().status == "published"


def test_a_judgement_is_the_same_when_a_lost_worker_gives_it_twice(film: Film) -> None:
    film.swapper = IdleSwapper()
    for index in range(4):
        film.draw_one(index)
    again = [film.judge() for _ in range(2)]
    assert again[0].again == again[1].again
    assert film.retries == [{"p": 1, "q": 1}] * 2


def test_an_audit_that_is_not_through_is_not_published(film: Film) -> None:
    film.swapper = IdleSwapper()
    for index in range(4):
        film.draw_one(index)
    with pytest.raises(VideoError, match="not through"):
        film.finish()  # nobody judged
    film.rounds = film.judge().rounds
    with pytest.raises(VideoError, match="not through"):
        film.finish()  # it was sent back
    assert film.published == []


def test_a_face_that_is_near_is_tried_again_and_passes_in_the_end(film: Film) -> None:
    """Others may see more than the auditor: nobody matches, but all are nearer than its caution."""
    film.auditor = replace(AUDITOR, caution=1.9)
    judgement = film.run()
    assert film.retries == [{"p": 1, "q": 1}, {"p": 2, "q": 2}]
    assert (judgement.attempts, judgement.covered) == ({"p": 2, "q": 2}, frozenset())
    assert _verdicts(film.finish()) == {"p": ("pass", 2, 0), "q": ("pass", 2, 0)}


def test_a_shard_that_is_rendered_again_and_not_audited_is_not_judged(film: Film) -> None:
    film.run()
    film.clip.plan({"p": "q", "q": "p"})
    film.rendered[0] = film.clip.render(film.swapper, 0, rounds=film.rounds)
    with pytest.raises(VideoError, match="not audited"):
        film.judge()
    with pytest.raises(VideoError, match="not audited"):
        film.finish()
    assert film.published == []
