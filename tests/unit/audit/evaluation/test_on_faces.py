"""Labelled faces under all conditions, and what the command line makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fsp_ray.audit.evaluation import (
    Chosen,
    Covered,
    FacesRequest,
    Generated,
    Replaced,
    Synthetic,
    Unchanged,
    as_markdown,
    evaluate_faces,
    labelled_files,
    reference_of,
    split,
)
from fsp_ray.audit.evaluation.portraits import Panel
from fsp_ray.audit.evaluation.results import Evaluation
from fsp_ray.audit.evaluation.sitting import Sitting
from fsp_ray.cli.main import run
from fsp_ray.core.errors import SettingsError, SourceError
from fsp_ray.core.face_types import Attributes, FaceReading
from fsp_ray.report.evaluation import EvaluationRequest, conditions, evaluate, load_recognisers
from fsp_ray.swap import MeshSwapper
from fsp_ray.synthesis import BankGenerator, FaceBank

UTKFACE = Path(__file__).parents[4].parent / "shared" / "data" / "utkface"


def _quiet(line: str) -> None:
    pass


class Stamped:
    """Marks the picture so that a recogniser of marks knows who it was."""

    def replace(self, portrait, rng, taken=()) -> Replaced:
        rgb = portrait.rgb.copy()
        rgb[:4, :4] = portrait.label.digest & 255
        return Replaced(rgb)


class MarkRecogniser:
    """A recogniser that took part in nothing; sees only the mark, or whose picture it is."""

    dimensions = 256
    same_person_distance = 0.5

    def match_distance(self, far: float) -> float:
        return 0.5

    def embed(self, rgb, landmarks):
        vector = np.full((len(landmarks), 256), 1e-3, np.float32)
        vector[:, int(rgb[0, 0, 0])] = 1
        return vector / np.linalg.norm(vector, axis=1, keepdims=True)


def test_any_recogniser_may_be_handed_in(portraits: Path, models) -> None:
    files = labelled_files(portraits)
    recognisers = {"matcher": models.matcher, "mark": MarkRecogniser()}
    request = FacesRequest(limit=6)
    reference = reference_of(
        files, models=models, recognisers=recognisers, request=request, tell=_quiet
    )
    found = evaluate_faces(
        files,
        models=models,
        recognisers=recognisers,
        conditions={"unchanged": Unchanged(), "cover": Covered(), "stamped": Stamped()},
        reference=reference,
        request=request,
        tell=_quiet,
    )
    assert found.judged == len(split(files)[0])
    assert found.reference == len(split(files)[1])
    under = {one.condition: one for one in found.conditions}
    for name, one in under.items():
        assert {r.recogniser for r in one.reidentified} == {"matcher", "mark"}
        assert (len(one.linked) == 4) == (name == "cover")
        assert one.attacked == ()  # a handful of people teaches nothing
    unchanged, cover = under["unchanged"], under["cover"]
    assert unchanged.found.share == unchanged.kept.gender.share == 1
    assert unchanged.kept.age_moved_mean_abs == 0
    assert cover.found.hits == 0
    assert unchanged.reidentified[0].all.rank_1.share == 1
    assert (cover.reidentified[0].all.mean_similarity or 0) < 0.5
    # Too few impostor pairs: no threshold, and no share that would pretend to one.
    assert found.thresholds["matcher"]["grown"].at == {"0.01": None, "0.001": None}
    assert unchanged.reidentified[0].all.matched["0.01"].n == 0


def test_a_second_reader_has_a_say_of_its_own(portraits: Path, models) -> None:
    class Contrary:
        """Reads whoever is marked as an old man, and everybody else as a young woman."""

        def estimate(self, rgb, landmarks) -> Attributes:
            marked = bool((rgb[0, 0] != rgb[6, 6]).any())  # else a margin is all alike
            age, female = (80, 0.1) if marked else (20, 0.9)
            return Attributes(np.array([age], np.float32), np.array([female], np.float32))

    files, quiet = labelled_files(portraits), {"models": models, "tell": _quiet}
    recognisers, request = {"matcher": models.matcher}, FacesRequest(limit=6)
    reference = reference_of(files, recognisers=recognisers, request=request, **quiet)
    found = evaluate_faces(
        files,
        recognisers=recognisers,
        conditions={"unchanged": Unchanged(), "stamped": Stamped()},
        reference=reference,
        request=request,
        second=Contrary(),
        **quiet,
    )
    unchanged, stamped = found.conditions
    assert unchanged.kept_second is not None
    assert unchanged.kept_second.gender.share == 1
    assert stamped.kept_second is not None
    assert stamped.kept_second.gender.hits == 0
    assert stamped.kept_second.age_moved_mean == pytest.approx(60)
    assert (stamped.kept.age_moved_mean_abs or 0) < 10
    assert "| stamped, second reader |" in as_markdown(Evaluation({}, {}, 0.0, found))


def test_a_folder_of_no_faces_is_said_so(tmp_path: Path, models) -> None:
    import cv2

    for number in range(8):
        cv2.imwrite(str(tmp_path / f"30_0_0_{number}.png"), np.zeros((90, 90, 3), np.uint8))
    (tmp_path / "31_0_0_broken.png").write_bytes(b"no picture")
    with pytest.raises(SourceError, match="No face was found"):
        evaluate(EvaluationRequest(faces=tmp_path), tell=_quiet)


def test_nothing_to_evaluate_on() -> None:
    with pytest.raises(SourceError, match="Give --faces or --clips"):
        evaluate(EvaluationRequest(), tell=_quiet)
    with pytest.raises(SettingsError, match="standard or strong"):
        EvaluationRequest(privacy="weak")
    with pytest.raises(SettingsError, match="limit"):
        EvaluationRequest(limit=0)


def make_recogniser() -> MarkRecogniser:
    return MarkRecogniser()


def test_recognisers_are_plugged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    module = types.ModuleType("plugged")
    module.make_recogniser = make_recogniser
    monkeypatch.setitem(sys.modules, "plugged", module)
    assert isinstance(load_recognisers(["mark=plugged:make_recogniser"])["mark"], MarkRecogniser)
    for plug in ("mark", "mark=plugged", "=plugged:make_recogniser"):
        with pytest.raises(SettingsError, match="NAME=MODULE:FUNCTION"):
            load_recognisers([plug])
    for plug in ("mark=nowhere:make_recogniser", "mark=plugged:nothing"):
        with pytest.raises(SettingsError, match="--recogniser mark"):
            load_recognisers([plug])


def test_the_command(portraits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    code = run(["evaluate", "--faces", str(portraits), "--limit", "2", "-o", str(out), "--json"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    answer = json.loads(captured.out)
    assert json.loads((out / "evaluation.json").read_text("utf-8")) == answer
    assert [one["condition"] for one in answer["faces"]["conditions"]] == [
        "unchanged", "cover", "blur", "synthetic",
    ]  # fmt: skip
    text = (out / "evaluation.md").read_text("utf-8")
    assert "### Attack" in text
    assert "| synthetic | auditor | same |" in text
    assert sorted(path.name for path in out.glob("*.png")) == [
        "faces_ages.png", "faces_groups.png", "faces_roc.png", "faces_similarity.png",
    ]  # fmt: skip
    assert "faces judged" in captured.err
    # Nothing that is written names a picture.
    written = captured.out + captured.err + text
    assert not any(path.stem in written for path in portraits.iterdir())


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "--faces", str(tmp_path)]) == 1
    assert "holds no labelled faces" in capsys.readouterr().err
    assert run(["evaluate", "--faces", str(tmp_path), "--privacy", "weak"]) == 2
    assert "standard or strong" in capsys.readouterr().err
    assert run(["evaluate"]) == 1
    assert "--faces or --clips" in capsys.readouterr().err


@pytest.mark.shared_data
def test_on_labelled_faces(models) -> None:
    if not UTKFACE.is_dir():
        pytest.skip("../shared/data/utkface is missing")
    files = labelled_files(UTKFACE)
    recognisers = {"matcher": models.matcher, "auditor": models.auditor}
    request = FacesRequest(limit=12, reference_limit=48, linking=frozenset())
    swapper = MeshSwapper()
    generated = Generated(BankGenerator(FaceBank.default()))
    reference = reference_of(
        files, models=models, recognisers=recognisers, request=request, tell=_quiet
    )
    found = evaluate_faces(
        files,
        models=models,
        recognisers=recognisers,
        conditions={
            "unchanged": Unchanged(),
            "cover": Covered(),
            "synthetic": Synthetic(models, generated, swapper),
        },
        reference=reference,
        request=request,
        tell=_quiet,
    )
    under = {one.condition: one for one in found.conditions}
    means = {name: one.reidentified[0].all.mean_similarity or 0.0 for name, one in under.items()}
    assert means["unchanged"] > 0.99
    assert means["cover"] < means["synthetic"] < 0.6
    assert (under["synthetic"].found.share or 0) > 0.9
    assert (under["cover"].found.share or 0) < 0.2
    assert len(under["synthetic"].reidentified[0].groups["age_group"]) == 6
    assert as_markdown(Evaluation({}, {}, 0.0, found)).count("\n### ") == 8


def test_the_pipeline_s_own_parts_are_judged(models) -> None:
    for privacy in ("standard", "strong"):
        assert list(conditions(models, privacy)) == ["unchanged", "cover", "blur", "synthetic"]


def test_a_chosen_face_is_what_the_chooser_says() -> None:
    class Chooser:
        def choose(self, person_id, age_years, gender, source, views, rng, *, taken):
            self.asked = (age_years, gender, source, views, rng, taken)
            return "the choice"

    chooser: Callable = Chooser()
    maker = Chosen(chooser)
    asked = (30.0, "female", "source", ["view"], "rng", ["reading"])
    assert maker.make(*asked) == "the choice"
    assert chooser.asked == asked


def test_faces_of_one_run_are_kept_apart(portraits: Path, models) -> None:
    """Each gets the readings of those before it in the run, and none of the other run's."""

    class Remembering:
        def __init__(self) -> None:
            self.taken: list[list[float]] = []

        def replace(self, portrait, rng, taken=()) -> Replaced:
            self.taken.append([float(one.embeddings[0][0]) for one in taken])
            reading = FaceReading((np.full(2, len(self.taken), np.float32),))
            return Replaced(portrait.rgb.copy(), reading=reading)

    remembering = Remembering()
    sitting = Sitting(
        Panel(models, {"matcher": models.matcher}),
        models,
        {"x": remembering, "unchanged": Unchanged()},
        seed=0,
        twice={"x"},
        twice_limit=2,
    )
    for file in labelled_files(portraits)[:3]:
        sitting.add(file)
    # first run, second run, first run, second run, first run
    assert remembering.taken == [[], [], [1], [2], [1, 3]]
