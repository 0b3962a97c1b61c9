"""A made film with two persons, and its way through rehearsals, renderings and judgements."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fsp_ray.core.config import RunSettings
from fsp_ray.core.face_types import F32, U8, Person, SourceFace, SyntheticFace, Track
from fsp_ray.core.protocols import FaceSwapper
from fsp_ray.stages.change_faces import Changes
from fsp_ray.stages.finish_video import finish_video
from fsp_ray.stages.judgements import Judgement, load_judgement
from fsp_ray.stages.results import DrawnVideo, JudgedVideo, RenderedShard, VideoResult
from tests.fakes.audits import AUDITOR, FakeModels, audit, judge, rehearse
from tests.fakes.shards import PaintSwapper, meshed_track, stage_clip

SETTINGS = RunSettings(crf=1, preset="ultrafast", shard_frames=12, audit_retries=2)
LIMIT = 20
BOX = (120.0, 20.0, 170.0, 80.0)
"""Of a face in every frame that no track knows of."""
P, Q = (Person(p, "v", (p,), 33.0, "female", 0.9) for p in ("p", "q"))


class IdleSwapper:
    """Says that it has put a face on, and has not."""

    def session(self, face: SyntheticFace, source: SourceFace) -> IdleSwapper:
        return self

    def apply(self, rgb: U8, points: F32) -> None:
        pass


class Film:
    """A clip of four shards with two persons, drawn and judged until the judge is content.

    Attributes:
        swapper, models, auditor: who draws, looks and judges; for a test to change.
        changes: what the judge asked other faces for.
        rehearsed_again, drawn_again: indices of the shards that were, round by round.
        rounds: judgements so far.
    """

    def __init__(self, folder: Path) -> None:
        self.clip = stage_clip(folder, settings=SETTINGS)
        self.persons = (P, Q)
        self.swapper: FaceSwapper = PaintSwapper()
        self.models = FakeModels()
        self.auditor = AUDITOR
        self.changes: list[Changes] = []
        self.rendered: dict[int, RenderedShard] = {}
        self.rehearsed_again: list[list[int]] = []
        self.drawn_again: list[list[int]] = []
        self.rounds = 0
        tracks = {0: [self._track("p", 0)], 1: [self._track("q", 1)], 2: [], 3: []}
        for index, of_shard in tracks.items():
            self.clip.tracks(of_shard, index)
        self.clip.plan({"p": "p", "q": "q"})

    @property
    def retries(self) -> list[dict[str, int]]:
        """Whose faces were rejected, for which time, change by change."""
        return [dict(changes.rejected) for changes in self.changes if changes.rejected]

    def _track(self, name: str, index: int) -> Track:
        pts = self.clip.pts[12 * index : 12 * index + 12]
        return meshed_track(name, pts, (60, 60, 50))

    def rehearse(self, *, choose: bool = True) -> Judgement:
        """Rehearse until the judge sends nothing back."""
        return self._until_judged(self.rehearse_one, self.rehearsed_again, choose, rehearsed=True)

    def run(self, *, choose: bool = True) -> Judgement:
        """Render and audit until the judge sends nothing back."""
        return self._until_judged(self.draw_one, self.drawn_again, choose, rehearsed=False)

    def _until_judged(
        self,
        draw: Callable[[int], None],
        log: list[list[int]],
        choose: bool,
        *,
        rehearsed: bool,
    ) -> Judgement:
        again = set(range(4))
        while again:
            assert self.rounds < LIMIT, "the judge never comes to an end"
            log.append(sorted(again))
            for index in again:
                draw(index)
            judged = self.judge(rehearsed=rehearsed, choose=choose)
            self.rounds = judged.rounds
            again = {
                n for n, s in enumerate(self.clip.planned.shards) if s.shard_id in judged.again
            }
        return load_judgement(self.clip.staging, self.rounds)

    def judge(self, *, rehearsed: bool = False, choose: bool = True) -> JudgedVideo:
        """Judge once."""
        return judge(
            self.clip,
            self.persons,
            rounds=self.rounds,
            change_faces=self.changes.append if choose else None,
            auditor=self.auditor,
            rehearsed=rehearsed,
        )

    def rehearse_one(self, index: int) -> None:
        """Rehearse one shard."""
        rehearse(self.clip, self.swapper, self.models, index=index, rounds=self.rounds)

    def draw_one(self, index: int) -> None:
        """Render and audit one shard."""
        self.rendered[index] = self.clip.render(self.swapper, index, rounds=self.rounds)
        audit(self.clip, self.models, index=index, rounds=self.rounds)

    def finish(self) -> VideoResult:
        """Publish, or don't."""
        self.published: list[str] = []

        def publish(local: Path, source_path: str, certificate: bytes) -> str:
            self.published.append(source_path)
            return f"there:{source_path}"

        rendered = tuple(self.rendered.values())
        return finish_video(
            DrawnVideo(self.clip.planned, self.persons, rendered, self.rounds),
            self.clip.staging,
            settings=SETTINGS,
            run_id="r",
            auditor=self.auditor,
            publish=publish,
        )
