from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import fsp_ray.synthesis
from fsp_ray.core.errors import BankError
from fsp_ray.synthesis import topology
from fsp_ray.synthesis.bank import FaceBank
from fsp_ray.synthesis.bank_filter import clean_edges, measure, smile
from fsp_ray.synthesis.bank_mix import mix_bank
from fsp_ray.synthesis.mixing import MIN_SHARE, amplitude, draw_shares, mix
from fsp_ray.synthesis.texture import areas, encode_ratio
from tests.unit.synthesis.faces import face_ratio, small_bank

DATA = Path(fsp_ray.synthesis.__file__).parent / "data"


def test_a_bank_is_read_as_it_was_written(tmp_path):
    bank = small_bank(10)
    bank.save(tmp_path / "bank.npz")
    back = FaceBank.load(tmp_path / "bank.npz")
    assert back.webp == bank.webp
    np.testing.assert_allclose(back.shape, bank.shape, atol=1e-4)
    for name in ("age_years", "female", "tone", "beard", "brow", "num_mixed"):
        np.testing.assert_array_equal(getattr(back, name), getattr(bank, name))


def test_textures_survive_webp():
    rng = np.random.default_rng(0)
    rng.normal(0, 0.01, (16, 6, 3))  # what small_bank draws before its textures
    first = encode_ratio(face_ratio(rng)).astype(int)
    assert np.abs(small_bank(8).encoded(0).mean(axis=2) - first.mean(axis=2)).mean() < 1


def test_a_folder_of_parts_is_one_bank(tmp_path):
    bank = small_bank(10)
    bank.take(bank.of("female")).save(tmp_path / "a.npz")
    bank.take(bank.of("male")).save(tmp_path / "b.npz")
    assert FaceBank.load(tmp_path).webp == bank.webp


def damaged(kind: str, good: bytes) -> bytes:
    with np.load(io.BytesIO(good)) as stored:
        arrays = dict(stored)
    if kind == "short":
        return good[: len(good) // 2]
    if kind == "text":
        return b"not a bank at all"
    if kind == "missing":
        del arrays["tone"]
    if kind == "nan":
        arrays["shape"][0, 0, 0] = np.nan
    if kind == "shape":
        arrays["shape"] = arrays["shape"][:, :400]
    if kind == "pickle":
        arrays["age_years"] = np.array([{}], object)
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["short", "text", "missing", "nan", "shape", "pickle"])
def test_a_damaged_bank_is_refused_by_name(tmp_path, kind):
    small_bank(10).save(tmp_path / "bank.npz")
    path = tmp_path / "bank.npz"
    path.write_bytes(damaged(kind, path.read_bytes()))
    with pytest.raises(BankError, match=r"bank\.npz is not a face bank"):
        FaceBank.load(path)


def test_no_bank_and_a_poor_bank_are_refused(tmp_path):
    with pytest.raises(BankError, match="no face bank"):
        FaceBank.load(tmp_path / "nowhere.npz")
    with pytest.raises(BankError, match="no face bank"):
        FaceBank.load(tmp_path)
    bank = small_bank(10)
    bank.take(bank.of("female")).save(tmp_path / "women.npz")
    with pytest.raises(BankError, match="fewer than 8 male"):
        FaceBank.load(tmp_path / "women.npz")


def test_a_texture_that_does_not_decode_is_refused():
    bank = small_bank(8)
    broken = FaceBank(
        webp=(b"RIFF", *bank.webp[1:]),
        **{name: getattr(bank, name) for name in FaceBank.__slots__ if name != "webp"},
    )
    with pytest.raises(BankError, match="Texture 0"):
        broken.ratio(0)


def test_shares_are_real_and_heaviest_first():
    rng = np.random.default_rng(0)
    for _ in range(200):
        shares = draw_shares(rng)
        assert shares.sum() == pytest.approx(1, abs=1e-5)
        assert shares.min() >= MIN_SHARE
        assert (np.diff(shares) <= 0).all()


def test_mixing_keeps_the_spread_of_faces():
    rng = np.random.default_rng(0)
    faces = rng.normal(0, 1, (4000, 4, 30)).astype(np.float32)
    mean = np.zeros(30, np.float32)
    mixed = np.stack([mix(f, mean, draw_shares(rng), power=1.0) for f in faces])
    assert mixed.std() == pytest.approx(1, abs=0.02)
    assert amplitude(np.full(4, 0.25, np.float32)) == pytest.approx(2)


def clean():
    return face_ratio(np.random.default_rng(4))


def test_a_clean_face_passes():
    assert measure(clean()).reason(female=True) is None


def with_spectacles():
    ratio = clean()
    eye_row = round(float(topology.load_topology().uv[33, 1]) * 256)
    ratio[eye_row - 2 : eye_row + 2, 30:226] -= 0.7
    return ratio


def with_fringe():
    ratio = clean()
    ratio[: int(256 * 0.17)] -= 0.8
    return ratio


def lit_from_the_side():
    return clean() + np.linspace(-0.25, 0.25, 256, dtype=np.float32)[None, :, None]


def bearded():
    return clean() - np.float32(0.3) * areas().chin[:, :, None]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (with_spectacles, "spectacles"),
        (with_fringe, "hair over the forehead"),
        (lit_from_the_side, "light from one side"),
        (bearded, "shade on the chin"),
    ],
)
def test_what_hides_a_face_is_named(make, reason):
    assert measure(make()).reason(female=True) == reason


def test_men_may_have_beards():
    assert measure(bearded()).reason(female=False) is None


def test_cleaning_takes_hair_from_the_rim_and_leaves_the_middle():
    ratio = clean()
    ratio[:, :40] = -1.2
    out = clean_edges(ratio)
    assert np.abs(out[60:200, :30]).max() < 0.1
    np.testing.assert_allclose(out[100:200, 90:166], ratio[100:200, 90:166], atol=0.02)


def test_a_smile_scores_higher():
    neutral = topology.load_topology().mean_shape.copy()
    smiling = neutral.copy()
    smiling[[61, 291], 1] -= 0.04
    smiling[61, 0] -= 0.03
    smiling[291, 0] += 0.03
    assert smile(smiling) > smile(neutral) + 0.03


def test_a_mixed_bank_is_reproducible_and_new(tmp_path):
    bank = small_bank(30)
    folders = [tmp_path / name for name in "abc"]
    made = []
    for folder, seed in zip(folders, (1, 1, 2), strict=True):
        folder.mkdir()
        made.append(mix_bank(bank, folder, per_gender=9, seed=seed, per_file=5))
    assert made[0].webp == made[1].webp != made[2].webp
    assert made[0].num_mixed.min() >= 4
    assert sorted(f.name for f in folders[0].iterdir()) == [
        "female_0.npz",
        "female_1.npz",
        "male_0.npz",
        "male_1.npz",
    ]
    assert FaceBank.load(folders[0]).webp == made[0].webp
    originals = np.stack([bank.encoded(i).astype(int) for i in range(len(bank))])
    for i in range(len(made[0])):
        nearest = np.abs(originals - made[0].encoded(i)).mean(axis=(1, 2, 3)).min()
        assert nearest > 0.7


def test_mixing_needs_many_faces(tmp_path):
    with pytest.raises(BankError, match="to mix a new one takes"):
        mix_bank(small_bank(10), tmp_path, per_gender=4, seed=0)


def test_the_shipped_bank_is_mixed_described_and_small():
    bank = FaceBank.default()
    assert len(bank.of("female")) >= 300
    assert len(bank.of("male")) >= 300
    assert bank.num_mixed.min() >= 4
    files = [file for file in DATA.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 12e6
    assert max(file.stat().st_size for file in files) < 1.5e6
    card = (DATA / "MODEL_CARD.md").read_text(encoding="utf-8")
    for word in ("generated-faces", "UTKFace", "four or five", "Limits", str(len(bank))):
        assert word in card


def test_shipped_faces_show_nothing_that_a_face_should_not():
    bank = FaceBank.default()
    for index in range(0, len(bank), 16):
        assert measure(bank.ratio(index)).reason(female=bool(bank.female[index])) is None


def test_shipped_faces_differ():
    bank = FaceBank.default()
    rows = np.arange(0, len(bank), 7)
    small = np.stack([bank.encoded(int(i))[::8, ::8].astype(np.float32) for i in rows])
    flat = small.reshape(len(rows), -1)
    gap = np.abs(flat[:, None] - flat[None]).mean(axis=2) + np.eye(len(rows)) * 99
    assert gap.min() > 1
    assert bank.tone[:, 2].min() < 0.5
    assert bank.tone[:, 2].max() > 0.65
