"""What is promised of synthetic faces, on labelled faces that nothing was tuned on.

Some dozens of faces can't prove a share of 2 %. Each bound here is what a program that just keeps
its promise exceeds in one of a hundred samples of this size: who misses it is surely worse.
`fsp evaluate` on some hundred faces tells how good it is.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fsp_ray.audit.evaluation import labelled_files, split, spread
from fsp_ray.audit.evaluation.attacks import attacked
from fsp_ray.audit.evaluation.portraits import Panel
from fsp_ray.audit.evaluation.readings import People, Readings
from fsp_ray.audit.evaluation.sitting import Sitting
from fsp_ray.audit.metrics import own_similarities
from fsp_ray.core.protocols import FaceEmbedder
from fsp_ray.models import load_models
from fsp_ray.report.evaluation import conditions
from tests.fakes.bounds import at_most
from tests.unseen.fetch import NotHereError
from tests.unseen.recogniser import unseen

UTKFACE = Path(__file__).parents[2].parent / "shared" / "data" / "utkface"
NUM_FACES = 48  # six of each age group, half of them female
RUN = "synthetic"

_log = logging.getLogger(__name__)

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.slow,
    pytest.mark.skipif(not UTKFACE.is_dir(), reason="../shared/data/utkface is missing"),
]


@dataclass(frozen=True)
class Sample:
    """Faces as they were and as a run leaves them; `drawn` are those not covered."""

    recognisers: dict[str, FaceEmbedder]
    people: People
    before: Readings
    after: Readings
    drawn: np.ndarray

    def matched(self, name: str, far: float) -> int:
        """Return how many published faces a recogniser takes for whom they were."""
        if name not in self.recognisers:
            pytest.skip("the unseen recogniser can't be had here")
        old, new = self.before.embeddings[name], self.after.embeddings[name]
        distance = self.recognisers[name].match_distance(far)
        return int((1 - own_similarities(old, new) < distance).sum())


@pytest.fixture(scope="module")
def sample() -> Sample:
    models = load_models()
    recognisers = {"matcher": models.matcher, "auditor": models.auditor}
    with contextlib.suppress(NotHereError):  # its own test is skipped then
        recognisers["unseen"] = unseen()
    files = spread(split(labelled_files(UTKFACE))[0], NUM_FACES, np.random.default_rng(7))
    run = {RUN: conditions(models, "standard")[RUN]}
    sitting = Sitting(Panel(models, recognisers), models, run, seed=7)
    for file in files:
        sitting.add(file)
    after = sitting.after(RUN)
    drawn = np.flatnonzero(~after.covered)
    return Sample(recognisers, sitting.people(), sitting.before(), after, drawn)


def test_the_bounds() -> None:
    assert [at_most(share, 48) for share in (0.005, 0.02, 0.05, 0.1)] == [2, 4, 6, 10]


def test_enough_is_swapped_to_say_something(sample: Sample) -> None:
    assert len(sample.drawn) >= 0.9 * NUM_FACES
    assert len(set(sample.people.age_groups)) == 8


@pytest.mark.parametrize(
    ("name", "far", "share"),
    [("auditor", 0.001, 0.02), ("matcher", 0.001, 0.05), ("unseen", 0.01, 0.1)],
)
def test_who_was_replaced_is_not_recognised(
    sample: Sample, name: str, far: float, share: float
) -> None:
    assert sample.matched(name, far) <= at_most(share, len(sample.after))


def test_men_stay_men_and_women_stay_women(sample: Sample) -> None:
    changed = sample.before.female[sample.drawn] != sample.after.female[sample.drawn]
    assert int(changed.sum()) <= at_most(0.02, len(sample.drawn))


def test_everybody_stays_as_old(sample: Sample) -> None:
    years = np.abs(sample.after.age_years - sample.before.age_years)[sample.drawn]
    # One in a hundred means of so many faces lies 2.33 of its standard errors up.
    assert years.mean() - 2.33 * years.std(ddof=1) / math.sqrt(len(years)) <= 3


def test_faces_stay_faces(sample: Sample) -> None:
    missed = ~sample.after.found[sample.drawn]
    assert int(missed.sum()) <= at_most(0.005, len(sample.drawn))


def test_what_a_learned_map_back_finds_is_told(
    sample: Sample, record_property: Callable[[str, object], None]
) -> None:
    """Nothing is promised: who knows many pairs finds more than chance, and so few tell little."""
    alike = [sample.people.alike[int(row)] for row in sample.drawn]
    for name in sample.recognisers:
        old, new = sample.before.embeddings[name], sample.after.embeddings[name]
        found = attacked(name, new[sample.drawn], old[sample.drawn], alike, whitened=False)
        assert found is not None
        told = f"rank 1 {found.rank_1.share:.3f}, chance {found.chance:.3f}"
        record_property(f"attack_{name}", told)
        _log.info("attack by the %s: %s", name, told)
        assert (found.rank_1.share or 0) < 0.5
