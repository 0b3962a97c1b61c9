from __future__ import annotations

import numpy as np
import pytest

from fsp_ray.core.ages import GENDERS
from fsp_ray.core.protocols import FaceGenerator
from fsp_ray.synthesis.ageing import load_age_model
from fsp_ray.synthesis.ageing_build import KNOTS_YEARS, AgedFace, build_age_model
from fsp_ray.synthesis.bank import FaceBank
from fsp_ray.synthesis.fine_lines import draw_fine_lines
from fsp_ray.synthesis.generator import BankGenerator
from fsp_ray.synthesis.texture import areas, beard_score, blur, decode_ratio
from fsp_ray.synthesis.topology import load_topology
from fsp_ray.synthesis.wrinkles import draw_creases
from tests.unit.synthesis.faces import face_ratio, plain_source, small_bank

MODEL = load_age_model()


def shipped() -> BankGenerator:
    return BankGenerator(FaceBank.default())


def make(generator: FaceGenerator, *, seed=0, age=30.0, gender="female", source=None):
    rng = np.random.default_rng(seed)
    return generator.generate("p", age, gender, source or plain_source(), rng)


def test_one_seed_gives_one_face_and_two_give_two():
    generator = shipped()
    one, again, other = (make(generator, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.texture, again.texture)
    np.testing.assert_array_equal(one.shape, again.shape)
    assert np.abs(one.texture.astype(int) - other.texture).mean() > 2
    assert np.abs(one.shape - other.shape).max() > 0.005


def test_the_seed_alone_decides_not_what_was_made_before():
    fresh, used = shipped(), shipped()
    make(used, seed=5, gender="male")
    make(used, seed=6)
    np.testing.assert_array_equal(make(fresh, seed=1).texture, make(used, seed=1).texture)


@pytest.mark.parametrize("gender", GENDERS)
@pytest.mark.parametrize("age", [0.0, 7.0, 45.0, 120.0])
def test_every_age_and_gender_gives_a_face(age, gender):
    face = make(shipped(), age=age, gender=gender)
    assert (face.age_years, face.gender, face.person_id) == (age, gender, "p")
    assert np.abs(face.shape - load_topology().mean_shape).max() < 0.25
    ratio = decode_ratio(face.texture)
    assert (np.abs(ratio) > 1.5).mean() < 0.02


@pytest.mark.parametrize("age", [-1.0, 121.0, float("nan")])
def test_a_senseless_age_is_refused(age):
    with pytest.raises(ValueError, match="age_years"):
        make(shipped(), age=age)


def test_it_works_with_a_small_bank_and_an_unseen_source():
    dark = plain_source(150)
    unseen = type(dark)(dark.shape, dark.texture, np.zeros((256, 256), np.float32), 1)
    make(BankGenerator(small_bank(8)), source=unseen)


def test_no_generated_face_is_a_face_of_the_bank():
    bank = small_bank(12)
    face = make(BankGenerator(bank), age=30.0)
    for index in range(len(bank)):
        assert np.abs(bank.encoded(index).astype(int) - face.texture).mean() > 0.7


def test_faces_come_from_those_whose_skin_suits():
    bank = FaceBank.default()
    dark, light = plain_source(75), plain_source(190)
    generator = BankGenerator(bank)
    tones = [
        bank.tone[generator.candidates("female", source, 30.0), 2].mean()
        for source in (dark, light)
    ]
    assert tones[0] < tones[1] - 0.05


def test_bearded_men_get_beards_and_boys_do_not():
    generator = shipped()
    plain = plain_source()
    shade = np.exp(-0.35 * blur(areas().chin, 3.0))[:, :, None]
    texture = (plain.texture * shade).astype(np.uint8)
    bearded = type(plain)(plain.shape, texture, plain.weight, 1)

    def score(source, age):
        faces = [make(generator, seed=s, age=age, gender="male", source=source) for s in range(12)]
        return np.mean([beard_score(decode_ratio(face.texture)) for face in faces])

    man, shaven, boy = score(bearded, 32.0), score(plain, 32.0), score(bearded, 9.0)
    assert man > shaven + 0.03
    assert boy < man - 0.03


def test_ageing_to_the_same_age_changes_nothing():
    ratio = face_ratio(np.random.default_rng(3))
    for gender in GENDERS:
        same = MODEL.shift_detail(ratio, gender, 30, 30)
        np.testing.assert_allclose(same, ratio, atol=1e-5)


@pytest.mark.parametrize("gender", GENDERS)
def test_age_strengthens_detail_and_youth_smooths_it(gender):
    rng = np.random.default_rng(3)
    ratio = face_ratio(rng) + rng.normal(0, 0.03, (256, 256, 3)).astype(np.float32)
    skin = (areas().skin > 0) & (areas().core > 0.9)

    def detail(age):
        out = MODEL.shift_detail(ratio, gender, 27, age).mean(axis=2)
        return (out - blur(out, 1.5))[skin].std()

    assert detail(80) > detail(55) > detail(27)


@pytest.mark.parametrize("gender", GENDERS)
def test_children_have_larger_eyes_in_shorter_faces(gender):
    def eyes(shape):
        return np.linalg.norm(shape[33] - shape[133]) / np.linalg.norm(shape[10] - shape[152])

    assert eyes(MODEL.mean_shape(gender, 4)) > 1.01 * eyes(MODEL.mean_shape(gender, 30))


@pytest.mark.parametrize("age", [5.0, 85.0])
def test_losing_the_mean_beard_brightens_no_bare_chin(age):
    generator = shipped()
    chin = areas().chin > 0
    for seed in range(3):
        ratio = decode_ratio(make(generator, seed=seed, age=age, gender="male").texture)
        broad = blur(ratio.mean(axis=2), 4.0)
        assert broad[chin].max() < 0.19


def test_creases_come_with_age_and_are_their_own():
    def drawn(seed, age):
        return draw_creases(np.random.default_rng(seed), age)

    assert not drawn(0, 30).any()
    depth = [float(np.abs(drawn(0, age)).sum()) for age in (40, 60, 80)]
    assert depth == sorted(depth)
    assert depth[0] > 0
    assert np.abs(drawn(0, 80) - drawn(1, 80)).max() > 0.05
    np.testing.assert_array_equal(drawn(2, 70), drawn(2, 70))


@pytest.mark.parametrize("draw", [draw_creases, draw_fine_lines])
def test_lines_draw_the_same_chance_at_every_age(draw):
    young, old = np.random.default_rng(0), np.random.default_rng(0)
    draw(young, 20)
    draw(old, 80)
    assert young.random() == old.random()


def test_fine_lines_run_along_the_creases_and_come_with_age():
    def drawn(age):
        return draw_fine_lines(np.random.default_rng(0), age)

    assert not drawn(34).any()
    depth = [float(drawn(age).std()) for age in (40, 60, 80)]
    assert depth == sorted(depth)
    assert depth[0] > 0
    forehead = drawn(80)[areas().forehead > 0]
    assert forehead.std() > 0.02
    whole = drawn(80) * (areas().forehead > 0)
    across, down = (np.abs(np.diff(whole, axis=axis)).mean() for axis in (1, 0))
    assert across < 0.7 * down  # a forehead's lines lie across it


def test_old_skin_is_lined_and_not_the_grain_of_its_bank_face_made_stronger():
    model, rng = load_age_model(), np.random.default_rng(0)
    grain = rng.normal(0, 0.02, (256, 256, 3)).astype(np.float32)
    aged = model.shift_detail(grain, "male", 27, 100)
    plain = areas().cheeks > 0
    assert 1 <= aged[plain].std() / grain[plain].std() < 1.3


def aged_faces(count):
    """Faces that grow, and whose skin roughens, with age."""
    rng = np.random.default_rng(0)
    ages = 95 * rng.uniform(0, 1, count) ** 2.2
    rough = rng.normal(0, 0.1, (256, 256, 3)).astype(np.float32)
    for number, age in enumerate(ages):
        yield (
            number,
            ages,
            AgedFace(
                (rough * (0.3 + age / 95)).astype(np.float32),
                np.ones((256, 256), np.float32),
                load_topology().mean_shape * (1 + age / 1000),
            ),
        )


def test_statistics_follow_the_faces_and_need_fifty(tmp_path):
    made = list(aged_faces(1500))
    ages = made[0][1]
    female = np.arange(1500) % 2 == 0
    origin = np.arange(1500) % 3
    faces = ((number, face) for number, _, face in made)
    effective = build_age_model(faces, ages, female, origin, tmp_path / "a.npz")
    assert effective.shape == (2, len(KNOTS_YEARS))
    with np.load(tmp_path / "a.npz") as stored:
        energy = stored["log_energy"][:, :, 0, 12:20, 12:20].mean(axis=(2, 3))
        growth = stored["cubic"]
    assert (np.diff(energy[:, 3:], axis=1) > 0).all()
    at_50 = growth.sum(axis=1)[0]
    np.testing.assert_allclose(at_50, load_topology().mean_shape * 1.05, atol=0.003)
    few = ((number, face) for number, _, face in made[:300])
    with pytest.raises(ValueError, match="50 needed"):
        build_age_model(few, ages, female, origin, tmp_path / "b.npz")


def test_one_draw_of_chance_is_one_person_at_every_age():
    generator = shipped()

    def marks(seed, age):
        ratio = decode_ratio(make(generator, seed=seed, age=age).texture).mean(axis=2)
        return blur(ratio, 2.0)[areas().core > 0.5]

    mean = np.mean([marks(seed, 30.0) for seed in range(6)], axis=0)
    same = np.corrcoef(marks(0, 30.0) - mean, marks(0, 36.0) - mean)[0, 1]
    other = np.corrcoef(marks(0, 30.0) - mean, marks(1, 36.0) - mean)[0, 1]
    assert same > 0.7 > other + 0.3
