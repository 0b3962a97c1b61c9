"""JUDGE: other faces, the cover, patches, and in the end no publication; never a way round."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from fsp_ray.core.config import RunSettings
from fsp_ray.core.errors import VideoError
from fsp_ray.core.face_types import F32, U8, Person, SourceFace, SyntheticFace
from fsp_ray.stages import heads as heads_module
from fsp_ray.stages.audit_findings import Judgement, load_judgement
from fsp_ray.stages.finish_video import finish_video
from fsp_ray.stages.render_shard import render_shard
from fsp_ray.stages.results import DrawnVideo, VideoResult
from tests.fakes.audits import AUDITOR, BoxDetector, ColourEmbedder, FakeModels, audit, judge
from tests.fakes.shards import PaintSwapper, meshed_track, stage_clip

SETTINGS = RunSettings(crf=1, preset="ultrafast", shard_frames=12)
BOX = (120.0, 20.0, 170.0, 80.0)
P, Q = (Person(p, "v", (p,), 33.0, "female", 0.9) for p in ("p", "q"))


class IdleSwapper:
    """Says that it has put a face on, and has not."""

    def session(self, face: SyntheticFace, source: SourceFace) -> IdleSwapper:
        return self

    def apply(self, rgb: U8, points: F32) -> None:
        pass


class Film:
    """A clip of four shards with two persons, drawn and judged until the judge is content."""

    def __init__(self, folder: Path) -> None:
        self.clip = stage_clip(folder, settings=SETTINGS)
        self.persons = (P, Q)
        self.swapper: object = PaintSwapper()
        self.models = FakeModels()
        self.retries: list[Mapping[str, int]] = []
        self.rendered: dict[int, object] = {}
        self.drawn_again: list[list[int]] = []
        self.rounds = 0
        tracks = {0: [self._track("p", 0)], 1: [self._track("q", 1)], 2: [], 3: []}
        for index, of_shard in tracks.items():
            self.clip.tracks(of_shard, index)
        self.clip.plan({"p": "p", "q": "q"})

    def _track(self, name: str, index: int):  # type: ignore[no-untyped-def]
        pts = self.clip.pts[12 * index : 12 * index + 12]
        return meshed_track(name, pts, (60, 60, 50))

    def run(self, *, choose: bool = True, limit: int = 20) -> Judgement:
        again = set(range(4))
        while again:
            assert self.rounds < limit, "the judge never comes to an end"
            self.drawn_again.append(sorted(again))
            for index in again:
                self._draw(index)
            judged = judge(
                self.clip,
                self.persons,
                rounds=self.rounds,
                choose_again=self.retries.append if choose else None,
            )
            self.rounds = judged.rounds
            again = {
                n for n, s in enumerate(self.clip.planned.shards) if s.shard_id in judged.again
            }
        return load_judgement(self.clip.staging, self.rounds)

    def _draw(self, index: int) -> None:
        planned = self.clip.planned
        self.rendered[index] = render_shard(
            planned.source.media,
            planned.info,
            planned.shards[index],
            self.clip.staging,
            settings=SETTINGS,
            swapper=self.swapper,  # type: ignore[arg-type]
            rounds=self.rounds,
        )
        audit(self.clip, self.models, index=index, rounds=self.rounds)

    def finish(self) -> VideoResult:
        self.published: list[str] = []

        def publish(local: Path, source_path: str, certificate: bytes) -> str:
            self.published.append(source_path)
            return f"there:{source_path}"

        rendered = tuple(self.rendered.values())
        return finish_video(
            DrawnVideo(self.clip.planned, self.persons, rendered, self.rounds),  # type: ignore[arg-type]
            self.clip.staging,
            settings=SETTINGS,
            run_id="r",
            auditor=AUDITOR,
            publish=publish,
        )


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
        film._draw(index)
    again = [judge(film.clip, film.persons, choose_again=film.retries.append) for _ in range(2)]
    assert again[0].again == again[1].again
    assert film.retries == [{"p": 1, "q": 1}] * 2


def test_an_audit_that_is_not_through_is_not_published(film: Film) -> None:
    film.swapper = IdleSwapper()
    for index in range(4):
        film._draw(index)
    with pytest.raises(VideoError, match="not through"):
        film.finish()  # nobody judged
    film.rounds = judge(film.clip, film.persons, choose_again=film.retries.append).rounds
    with pytest.raises(VideoError, match="not through"):
        film.finish()  # it was sent back
    assert film.published == []
