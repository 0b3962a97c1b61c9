"""What faces swappers break on: one picture of each, measured where it can be, and to be looked at.

`make pictures` writes them all, before over after, to build/pictures.png.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fsp_ray.audit.metrics import opening
from fsp_ray.core.face_types import F32, U8, Landmarks
from fsp_ray.faces import head_pose
from fsp_ray.models import load_models
from tests.fakes import hard_pictures as hard
from tests.fakes.hard_pictures import HardPicture, Studio, Take

SHEET = os.environ.get("FSP_RAY_PICTURES")

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.slow,
    pytest.mark.skipif(not hard.FOLDER.is_dir(), reason=f"no pictures in {hard.FOLDER.name}"),
]

SMILES = ("male_white_3563.jpg", "female_white_1116.jpg", "male_latino_3118.jpg")
TURNED = ("male_latino_3052.jpg", "female_white_2174.jpg")
SHAVEN = ("male_white_3338.jpg", "female_white_2417.jpg", "female_white_1705.jpg")
DARK = ("female_black_0263.jpg", "male_black_2933.jpg", "female_black_0152.jpg")
SPECTACLES = ("male_white_3261.jpg", "female_white_1529.jpg")
FRINGE = ("male_white_3338.jpg", "female_white_1449.jpg")
BEARD = ("male_white_3160.jpg", "male_white_3819.jpg")
PLAIN = "female_white_2038.jpg"

PICTURES = (
    *(HardPicture(f"smile {n}", file, hard.as_it_is) for n, file in enumerate(SMILES)),
    *(HardPicture(f"beard {n}", file, hard.as_it_is) for n, file in enumerate(BEARD)),
    *(HardPicture(f"shaven {n}", file, hard.as_it_is) for n, file in enumerate(SHAVEN)),
    *(HardPicture(f"spectacles {n}", file, hard.as_it_is) for n, file in enumerate(SPECTACLES)),
    *(HardPicture(f"fringe {n}", file, hard.as_it_is) for n, file in enumerate(FRINGE)),
    *(HardPicture(f"dark {n}", file, hard.as_it_is) for n, file in enumerate(DARK)),
    *(HardPicture(f"turned {n}", file, hard.as_it_is) for n, file in enumerate(TURNED)),
    HardPicture("scarf", "female_white_0542.jpg", hard.as_it_is),
    HardPicture("microphone", PLAIN, hard.microphone),
    HardPicture("hand", SHAVEN[1], hard.hand),
    HardPicture("side light", SHAVEN[1], hard.side_light),
    HardPicture("flashes", SHAVEN[2], hard.flashes),
    HardPicture("20 px", SMILES[0], hard.scaled(20)),
    HardPicture("32 px", SMILES[1], hard.scaled(32)),
    HardPicture("900 px", SHAVEN[0], hard.scaled(900)),
)
NAMES = tuple(picture.name for picture in PICTURES)
SKIN = (50, 280, 205, 425, 151)  # cheeks and forehead
STRONG = ("smile 0", "shaven 1", "dark 0")


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio(load_models())


@pytest.fixture(scope="module")
def takes(studio: Studio) -> dict[str, Take]:
    done = {picture.name: studio.take(picture) for picture in PICTURES}
    strong = Studio(studio.models, "strong")
    done |= {f"strong {p.name}": strong.take(p) for p in PICTURES if p.name in STRONG}
    if SHEET:
        Path(SHEET).parent.mkdir(parents=True, exist_ok=True)
        rgb = hard.sheet(done)
        assert cv2.imwrite(SHEET, np.ascontiguousarray(rgb[:, :, ::-1]))
    return done


@pytest.mark.parametrize("name", [*NAMES, *(f"strong {name}" for name in STRONG)])
def test_a_face_stays_a_face_and_becomes_another(
    takes: dict[str, Take], studio: Studio, name: str
) -> None:
    before, after, mesh, mesh_after = takes[name].last
    assert takes[name].found
    assert np.abs(before.astype(int) - after).max() > 30
    if name == "20 px":
        return  # recognisers see nothing in it
    auditor = studio.models.auditor
    near = float(_embedding(auditor, before, mesh) @ _embedding(auditor, after, mesh_after))
    assert 1 - near > auditor.match_distance(0.001)


@pytest.mark.parametrize("name", [f"smile {n}" for n in range(len(SMILES))])
def test_a_smile_on_a_single_photograph_stays(takes: dict[str, Take], name: str) -> None:
    _, _, mesh, mesh_after = takes[name].last
    assert _mouth_width(mesh_after) == pytest.approx(_mouth_width(mesh), rel=0.15)
    was, now = (float(opening(m[None], "mouth")[0]) for m in (mesh, mesh_after))
    assert now == pytest.approx(was, abs=0.12)
    assert now > 0.6 * was


@pytest.mark.parametrize("name", [f"turned {n}" for n in range(len(TURNED))])
def test_a_turned_head_stays_turned(takes: dict[str, Take], name: str) -> None:
    _, _, mesh, mesh_after = takes[name].last
    was, now = head_pose(mesh[None]), head_pose(mesh_after[None])
    assert float(now.yaw[0]) == pytest.approx(float(was.yaw[0]), abs=6)
    assert float(now.pitch[0]) == pytest.approx(float(was.pitch[0]), abs=6)


@pytest.mark.parametrize("name", [f"shaven {n}" for n in range(len(SHAVEN))])
def test_who_is_shaven_gets_no_beard(takes: dict[str, Take], name: str) -> None:
    before, after, mesh, _ = takes[name].last
    # Upper lip and chin against the cheeks, in log luminance.
    for place in ((164, 167, 393), (200, 175, 152)):
        was, now = (_darker(picture, mesh, place) for picture in (before, after))
        assert now > was - 0.18


@pytest.mark.parametrize("name", [f"beard {n}" for n in range(len(BEARD))])
def test_a_beard_outside_of_the_face_goes_on_inside(takes: dict[str, Take], name: str) -> None:
    before, after, mesh, _ = takes[name].last
    assert _darker(after, mesh, (200, 175)) < 0.5 * _darker(before, mesh, (200, 175)) < 0


@pytest.mark.parametrize("name", [f"dark {n}" for n in range(len(DARK))])
def test_skin_goes_with_the_neck(takes: dict[str, Take], name: str) -> None:
    before, after, mesh, _ = takes[name].last
    cheeks = [_lab(picture, mesh, (50, 280, 205, 425)) for picture in (before, after)]
    assert np.linalg.norm(cheeks[1] - cheeks[0]) < 14  # CIE76; 2.3 is just noticeable


def test_light_from_the_side_stays_there(takes: dict[str, Take]) -> None:
    before, after, mesh, _ = takes["side light"].last
    ratios = [
        _luminance(picture, mesh, (50, 205)) / _luminance(picture, mesh, (280, 425))
        for picture in (before, after)
    ]
    assert ratios[0] > 1.3
    assert ratios[1] == pytest.approx(ratios[0], rel=0.2)


def test_flashes_light_the_new_face_as_they_did_the_old(takes: dict[str, Take]) -> None:
    take = takes["flashes"]
    series = [
        [
            _luminance(f, m, (50, 280, 205, 425, 151))
            for f, m in zip(frames, take.meshes, strict=True)
        ]
        for frames in (take.before, take.after)
    ]
    assert np.corrcoef(series[0], series[1])[0, 1] > 0.98
    assert np.log(np.array(series[1]) / series[0]) == pytest.approx(0, abs=0.25)


@pytest.mark.parametrize(
    ("name", "mask"), [("microphone", hard.microphone_mask), ("hand", hard.hand_mask)]
)
def test_what_is_before_the_face_stays_before_it(
    takes: dict[str, Take], name: str, mask: Any
) -> None:
    before, after, mesh, _ = takes[name].last
    there = mask(before, mesh) > 0
    hull: Any = cv2.convexHull(mesh[:, :2].astype(np.float32))
    face = cv2.fillConvexPoly(np.zeros(there.shape, np.uint8), hull[:, 0].astype(np.int32), 1) > 0
    changed = np.abs(before.astype(int) - after).max(axis=2)[there & face]
    assert (changed < 30).mean() > 0.6
    # And the face goes on beside it.
    assert np.abs(before.astype(int) - after).max(axis=2)[face & ~there].mean() > 8


def test_a_large_face_is_as_sharp_as_its_surroundings(takes: dict[str, Take]) -> None:
    before, after, mesh, _ = takes["900 px"].last
    detail = [_detail(picture, mesh) for picture in (before, after)]
    assert detail[1] > 0.4 * detail[0]


@pytest.mark.parametrize("name", [f"strong {name}" for name in STRONG])
def test_strong_leaves_eyes_and_mouths_human(takes: dict[str, Take], name: str) -> None:
    plain, strong = takes[name.removeprefix("strong ")], takes[name]
    assert _mouth_width(strong.last[3]) == pytest.approx(_mouth_width(plain.last[2]), rel=0.25)
    eyes = [float(opening(m[None], "eyes")[0]) for m in (plain.last[2], strong.last[3])]
    assert eyes[1] == pytest.approx(eyes[0], abs=0.12)


def _embedding(embedder: Any, rgb: U8, mesh: F32) -> F32:
    return embedder.embed(rgb, Landmarks(mesh[None], np.ones(1, np.float32)))[0]


def _mouth_width(mesh: F32) -> float:
    """Between the corners, in distances of the outer eye corners."""
    return float(np.linalg.norm(mesh[61] - mesh[291]) / np.linalg.norm(mesh[33] - mesh[263]))


def _patch(rgb: U8, mesh: F32, point: int) -> U8:
    radius = max(1, round(0.03 * float(np.ptp(mesh[:, 0]))))
    x, y = (round(float(v)) for v in mesh[point, :2])
    return rgb[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]


def _luminance(rgb: U8, mesh: F32, points: tuple[int, ...]) -> float:
    return float(np.mean([_patch(rgb, mesh, p).mean() for p in points])) + 1


def _darker(rgb: U8, mesh: F32, points: tuple[int, ...]) -> float:
    """Log luminance of some points against the cheeks'."""
    return float(np.log(_luminance(rgb, mesh, points) / _luminance(rgb, mesh, (50, 280))))


def _lab(rgb: U8, mesh: F32, points: tuple[int, ...]) -> F32:
    colors = np.array([[_patch(rgb, mesh, p).reshape(-1, 3).mean(axis=0) for p in points]])
    lab: Any = cv2.cvtColor((colors / 255).astype(np.float32), cv2.COLOR_RGB2LAB)
    return np.asarray(lab[0].mean(axis=0), np.float32)


def _detail(rgb: U8, mesh: F32) -> float:
    """Standard deviation of what is finer than 2 % of the face, in grey levels."""
    hull: Any = cv2.convexHull(mesh[:, :2].astype(np.float32))
    face = cv2.fillConvexPoly(np.zeros(rgb.shape[:2], np.uint8), hull[:, 0].astype(np.int32), 1)
    grey = rgb.mean(axis=2)
    blurred: Any = cv2.GaussianBlur(grey, (0, 0), 0.02 * float(np.ptp(mesh[:, 0])))
    return float((grey - blurred)[face > 0].std())
