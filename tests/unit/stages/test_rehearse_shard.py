"""REHEARSE: what the audit would find is found in a few frames, and nothing is published on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fsp_ray.core.errors import VideoError
from fsp_ray.stages.audit_findings import (
    findings_name,
    load_findings,
    rehearsal_name,
)
from fsp_ray.stages.judgements import load_judgement
from tests.fakes.audits import BoxDetector, ColourEmbedder
from tests.fakes.films import BOX, Film, IdleSwapper
from tests.fakes.shards import PaintSwapper


@pytest.fixture
def film(tmp_path: Path) -> Film:
    return Film(tmp_path)


def _stranger() -> BoxDetector:
    """Sees a face that no track has, in whole frames."""
    return BoxDetector(lambda rgb: [BOX][: rgb.shape[0] // 128])


def test_a_face_that_nobody_tracked_is_patched_before_anything_is_rendered(film: Film) -> None:
    film.models.recall_detector = _stranger()
    rehearsed = film.rehearse()
    assert rehearsed.patches
    assert film.rehearsed_again == [[0, 1, 2, 3]] * 2
    found = load_findings(film.clip.staging.reading(rehearsal_name(_shard(film))))
    assert found.faces.checked.tolist() == film.clip.pts[:12]  # frame by frame around the patches
    judgement = film.run()
    assert film.drawn_again == [[0, 1, 2, 3]]
    assert judgement.patches == rehearsed.patches
    result = film.finish()
    assert result.status == "published"
    assert result.audited.patches == len(rehearsed.patches)


def test_only_frames_that_are_looked_at_are_drawn(film: Film) -> None:
    film.swapper = PaintSwapper()
    film.rehearse_one(0)
    found = load_findings(film.clip.staging.reading(rehearsal_name(_shard(film))))
    assert 0 < film.swapper.applied == len(found.looks) < 12


def test_the_audit_looks_at_the_same_faces_and_searches_nothing_twice(film: Film) -> None:
    film.models.recall_detector = detector = _stranger()
    film.rehearse()
    searches = detector.calls
    film.run()
    assert detector.calls == searches
    for shard in film.clip.planned.shards:
        names = rehearsal_name(shard.shard_id), findings_name(shard.shard_id)
        before, after = (load_findings(film.clip.staging.reading(name)) for name in names)
        assert np.isin(before.faces.checked, after.faces.checked).all()
        assert before.looks.pts.tolist() == after.looks.pts.tolist()
        assert before.looks.person.tolist() == after.looks.person.tolist()


def test_the_audit_finds_what_a_rehearsal_did_not(film: Film) -> None:
    """It believes a rehearsal where faces are in the source, and nothing about what shows."""
    film.rehearse()
    film.models.recall_detector = _stranger()
    film.models.recall_detector.boxes = film.models.detector.boxes = lambda _: ()
    film.swapper = IdleSwapper()
    judgement = film.run()
    assert judgement.covered == {"p", "q"}
    assert film.drawn_again[1:] == [[0, 1]] * 3


def test_a_new_patch_of_the_audit_is_searched_around_frame_by_frame(film: Film) -> None:
    film.rehearse()
    for index in range(4):
        (film.clip.staging.root / rehearsal_name(_shard(film, index))).unlink()
    film.models.recall_detector = detector = _stranger()
    film.run()
    assert film.drawn_again == [[0, 1, 2, 3]] * 2
    checked = load_findings(film.clip.staging.reading(findings_name(_shard(film)))).faces.checked
    assert checked.tolist() == film.clip.pts[:12]
    assert film.finish().status == "published"
    assert detector.calls > 0


def test_a_face_that_fails_is_changed_before_anything_is_rendered(film: Film) -> None:
    class ThirdTime:
        """Does nothing before the third round."""

        def session(self, *pair: object) -> object:
            swapper = IdleSwapper() if film.rounds < 2 else PaintSwapper()
            return swapper.session(*pair)  # type: ignore[arg-type]

    film.swapper = ThirdTime()  # type: ignore[assignment]
    film.rehearse()
    assert film.retries == [{"p": 1, "q": 1}, {"p": 2, "q": 2}]
    assert film.rehearsed_again == [[0, 1, 2, 3], [0, 1], [0, 1]]  # where they appear
    film.run()
    assert film.drawn_again == [[0, 1, 2, 3]]
    audits = {row["person_id"]: (row["verdict"], row["retries"]) for row in film.finish().audit}
    assert audits == {"p": ("pass", 2), "q": ("pass", 2)}


def test_a_rehearsal_neither_covers_nor_quarantines(film: Film) -> None:
    film.models.auditor = ColourEmbedder(always=True)
    judgement = film.rehearse()
    assert judgement.attempts == {"p": 2, "q": 2}
    assert (judgement.covered, judgement.reason) == (frozenset(), "")
    assert film.run().covered == {"p", "q"}
    assert film.drawn_again == [[0, 1, 2, 3], [0, 1]]  # no third face was tried


def test_nothing_is_published_that_was_only_rehearsed(film: Film) -> None:
    film.rehearse()
    with pytest.raises(VideoError, match="not through"):
        film.finish()
    assert film.published == []


def test_from_the_third_rehearsal_on_nothing_is_searched_and_nothing_forgotten(film: Film) -> None:
    film.models.matcher.match = 0.5  # everybody is known: faces are changed as long as may be
    film.models.recall_detector = detector = _stranger()
    searches = list[int]()
    draw = film.rehearse_one

    def counted(index: int) -> None:
        before = detector.calls
        draw(index)
        if film.rounds >= 2:
            searches.append(detector.calls - before)

    film.rehearse_one = counted  # type: ignore[method-assign]
    film.rehearse()
    assert searches
    assert not any(searches)
    found = load_findings(film.clip.staging.reading(rehearsal_name(_shard(film))))
    assert found.faces.checked.tolist() == film.clip.pts[:12]
    assert len(found.faces.pts)


def test_the_audit_hears_the_auditor_alone(film: Film) -> None:
    film.rehearse()
    film.models.matcher = None  # type: ignore[assignment]
    film.run()
    audited = load_findings(film.clip.staging.reading(findings_name(_shard(film)))).looks
    rehearsed = load_findings(film.clip.staging.reading(rehearsal_name(_shard(film)))).looks
    assert np.isnan(audited.likeness).all()
    assert np.isnan(audited.older_years).all()
    assert np.isfinite(rehearsed.likeness).all()
    assert np.isfinite(rehearsed.older_years).all()


def test_a_lost_worker_rehearses_once_more_to_the_same_end(film: Film) -> None:
    film.models.recall_detector = _stranger()
    film.rehearse()
    ends = [load_judgement(film.clip.staging, film.rounds)]
    film.rounds = 1
    for index in range(4):
        film.rehearse_one(index)
    film.judge(rehearsed=True)
    ends.append(load_judgement(film.clip.staging, 2))
    assert ends[0] == ends[1]


def _shard(film: Film, index: int = 0) -> str:
    return film.clip.planned.shards[index].shard_id
