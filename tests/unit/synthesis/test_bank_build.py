from __future__ import annotations

import cv2
import numpy as np
import pytest

from fsp_ray.core.errors import BankError
from fsp_ray.core.face_types import Attributes, FaceBatch, Landmarks
from fsp_ray.synthesis.bank import FaceBank
from fsp_ray.synthesis.bank_build import build_bank
from fsp_ray.synthesis.texture import areas
from fsp_ray.synthesis.topology import load_topology
from tests.unit.synthesis.faces import TINT, face_ratio
from tests.unit.synthesis.test_texels import head, render

POINTS = head(300, (200, 225))


class Eye:
    """Detector, landmarker and estimator in one: finds the face wherever it is not black."""

    def detect(self, rgb):
        found = rgb[0].mean() > 5
        m = int(found)
        low, high = POINTS[:, :2].min(axis=0), POINTS[:, :2].max(axis=0)
        return FaceBatch(
            frame_index=np.zeros(m, np.int64),
            xyxy=np.tile(np.concatenate([low, high]), (m, 1)).astype(np.float32),
            kps=np.tile(POINTS[[33, 263, 4, 61, 291], :2], (m, 1, 1)),
            det_score=np.ones(m, np.float32),
        )

    def landmarks(self, rgb, rois):
        points = POINTS
        if rgb[2, 2, 2] > 200:  # a blue corner marks a turned head
            c, s = np.cos(0.4), np.sin(0.4)
            turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
            points = (load_topology().mean_shape @ turn.T * 300 + [200, 225, 0]).astype(np.float32)
        return Landmarks(points=points[None].copy(), presence=np.ones(1, np.float32))

    def estimate(self, rgb, landmarks):
        female = np.float32(rgb[2, 2, 0] > 100)  # a red corner marks a woman
        return Attributes(np.array([33], np.float32), np.array([female], np.float32))


def picture(seed: int, *, corner=(0, 0, 0), change=None):
    ratio = face_ratio(np.random.default_rng(seed))
    if change is not None:
        ratio = ratio + change
    texture = np.clip(140 * np.exp(ratio) * TINT, 0, 255).astype(np.uint8)
    frame = render(texture, POINTS, (460, 410))
    frame[:6, :6] = corner
    return frame


def write(path, rgb):
    cv2.imwrite(str(path), rgb[:, :, ::-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """20 women and 20 men, and what a folder may hold besides."""
    out = tmp_path_factory.mktemp("faces")
    for seed in range(40):
        corner = (255, 0, 0) if seed < 20 else (0, 0, 0)
        write(out / f"face_{seed:02d}.png", picture(seed, corner=corner))
    (out / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (out / "empty.png").write_bytes(b"")
    (out / "notes.txt").write_text("not a picture")
    write(out / "nobody.png", np.zeros((300, 300, 3), np.uint8))
    write(out / "turned.png", picture(90, corner=(0, 0, 255)))
    (out / "copy.png").write_bytes((out / "face_00.png").read_bytes())
    fringe = np.zeros((256, 256, 1), np.float32)
    fringe[:44] = -1.0
    write(out / "fringe.png", picture(91, change=fringe))
    beard = -0.4 * areas().chin[:, :, None]
    write(out / "bearded_man.png", picture(92, change=beard))
    write(out / "shaded_woman.png", picture(93, corner=(255, 0, 0), change=beard))
    return out


def build(folder, out, **kwargs):
    eye = Eye()
    return build_bank(folder, out, detector=eye, landmarker=eye, attributes=eye, **kwargs)


def test_good_pictures_become_a_bank_and_bad_ones_a_reason(folder, tmp_path):
    calls: list[tuple[int, int]] = []
    report = build(folder, tmp_path / "bank.npz", progress=lambda *done: calls.append(done))
    reasons = dict(report.skipped_files)
    assert reasons["broken.jpg"] == reasons["empty.png"] == "not a readable picture"
    assert reasons["nobody.png"] == "no face found"
    assert reasons["turned.png"] == "looks aside"
    assert reasons["fringe.png"] == "hair over the forehead"
    assert reasons["shaded_woman.png"] == "shade on the chin"
    assert "the same file again" in {reasons.get("copy.png"), reasons.get("face_00.png")}
    assert "bearded_man.png" not in reasons
    assert report.num_pictures == 48
    assert calls[-1] == (48, 48)
    assert len(calls) == 48
    assert sum(report.skipped.values()) == len(report.skipped_files)
    bank = FaceBank.load(tmp_path / "bank.npz")
    assert (report.num_female, report.num_male) == (len(bank.of("female")), len(bank.of("male")))
    assert report.num_pictures == len(bank) + len(report.skipped_files)
    assert (bank.num_mixed == 1).all()
    assert bank.beard.max() > 0.1


def test_an_index_overrules_the_estimate(folder, tmp_path):
    faces = tmp_path / "faces"
    faces.mkdir()
    for file in sorted(folder.glob("face_*.png")):
        (faces / file.name).write_bytes(file.read_bytes())
    rows = [f"face_{n:02d}.png,{'male' if n < 20 else 'female'}" for n in range(40)]
    (faces / "index.csv").write_text("file,gender\n" + "\n".join(rows) + "\nother.png,unknown\n")
    build(faces, tmp_path / "bank.npz")
    bank = FaceBank.load(tmp_path / "bank.npz")
    first_male = bank.encoded(int(bank.of("male")[0])).astype(int)
    ratio = face_ratio(np.random.default_rng(0))
    error = np.abs(first_male[110:200, 90:166] - (128 + 80 * ratio)[110:200, 90:166])
    assert error.mean() < 6


def test_too_few_faces_say_why(tmp_path):
    for seed in range(3):
        write(tmp_path / f"{seed}.png", picture(seed))
    write(tmp_path / "nobody.png", np.zeros((300, 300, 3), np.uint8))
    with pytest.raises(BankError, match=r"0 female faces.*no face found: 1"):
        build(tmp_path, tmp_path / "bank.npz")
    assert not (tmp_path / "bank.npz").exists()


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(BankError, match="holds no pictures"):
        build(tmp_path, tmp_path / "bank.npz")
    with pytest.raises(BankError, match="can't be listed"):
        build(tmp_path / "nowhere", tmp_path / "bank.npz")


def test_an_index_that_is_not_text_is_refused(tmp_path):
    write(tmp_path / "1.png", picture(1))
    (tmp_path / "index.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(BankError, match=r"index\.csv can't be read"):
        build(tmp_path, tmp_path / "bank.npz")
