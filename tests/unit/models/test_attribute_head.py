"""The head: what it makes of features, and that it learns what is there to be learnt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fsp_ray.models.attribute_fit import by_decade, fit_head, gender_right
from fsp_ray.models.attribute_head import AGE_BINS, AttributeHead, expected_age, standardised
from fsp_ray.models.attribute_samples import LabelledFace, Samples, degraded, labelled_faces
from fsp_ray.models.attribute_training import Targets, Training, train

QUICK = Training(units=16, epochs=30, batch=32, unit_dropout=0.1, feature_dropout=0.0)


def samples(count=800, noise=0.2, seed=0) -> Samples:
    """Faces whose age and gender show in some of twelve features, more or less."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(1, 89, count).astype(np.float32)
    female = rng.random(count) < 0.5
    x = rng.normal(0, 1, (count, 12))
    x[:, 0] = age / 25 + rng.normal(0, noise, count)
    x[:, 1] = np.sqrt(age) + rng.normal(0, noise, count)
    x[:, 2] = np.where(female, 1, -1) + rng.normal(0, noise, count)
    names = tuple(f"{number}.jpg" for number in range(count))
    return Samples(x.astype(np.float32), age, female, names)


@pytest.fixture(scope="module")
def head() -> AttributeHead:
    return fit_head([samples()], QUICK)


def test_a_fit_reads_faces_that_it_never_saw(head):
    others = samples(seed=1)
    read = head.read(others.features)
    assert np.abs(read.age_years - others.age_years).mean() < 6
    assert min(gender_right(read, others)) > 0.97


def test_no_decade_is_read_much_too_old_or_too_young(head):
    others = samples(count=4000, noise=0.6, seed=2)
    noisy = fit_head([samples(count=1200, noise=0.6)], QUICK)
    assert all(abs(d.bias_years) < 5 for d in by_decade(noisy.read(others.features), others))
    bare = replace(noisy, curve_true=noisy.curve_read)
    oldest = by_decade(bare.read(others.features), others)[-1]
    assert oldest.bias_years < -3, "the curve has nothing to put right"
    assert by_decade(noisy.read(others.features), others)[-1].bias_years > oldest.bias_years + 1


def test_a_fit_is_the_same_every_time(head):
    again = fit_head([samples()], QUICK)
    np.testing.assert_array_equal(again.hidden, head.hidden)
    np.testing.assert_array_equal(again.curve_true, head.curve_true)


def test_only_faces_that_are_in_all_looks_are_fitted(head):
    whole = samples()
    part = Samples(whole.features[5:], whole.age_years[5:], whole.is_female[5:], whole.names[5:])
    turned = Samples(
        part.features[::-1].copy(), part.age_years[::-1], part.is_female[::-1], part.names[::-1]
    )
    read = fit_head([part, turned], QUICK).read(part.features)
    assert np.abs(read.age_years - part.age_years).mean() < 6
    with pytest.raises(ValueError, match="no face"):
        fit_head([part, replace(part, names=tuple(f"x{n}" for n in part.names))], QUICK)


def test_what_is_saved_is_read_again(head, tmp_path):
    head.save(tmp_path / "head.npz")
    kept = AttributeHead.load(tmp_path / "head.npz")
    features = samples(count=9, seed=3).features
    np.testing.assert_array_equal(kept.read(features).age_years, head.read(features).age_years)


def test_a_head_that_does_not_fit_together_is_refused(head):
    with pytest.raises(ValueError, match="scale"):
        replace(head, scale=head.scale[1:])
    with pytest.raises(ValueError, match="rise"):
        replace(head, curve_true=head.curve_true[::-1].copy())


def test_the_head_that_is_shipped_gives_ages_and_probabilities_whatever_it_is_fed():
    shipped = AttributeHead.default()
    wild = np.random.default_rng(0).normal(0, 1e6, (20, len(shipped.mean))).astype(np.float32)
    read = shipped.read(wild)
    assert ((read.age_years >= 0) & (read.age_years <= 120)).all()
    assert ((read.female_probability >= 0) & (read.female_probability <= 1)).all()
    assert len(shipped.read(wild[:0])) == 0


def test_the_mean_of_ages_lies_where_the_logits_say():
    logits = np.full((2, len(AGE_BINS)), -50, np.float32)
    logits[0, 8] = 0
    logits[1, [0, 8]] = 0
    assert expected_age(logits).tolist() == pytest.approx([20, 10])


def test_one_wild_feature_has_a_limit():
    one = np.ones(1, np.float32)
    assert standardised(np.array([[1e9], [-1e9], [2]], np.float32), one, one).tolist() == [
        [5],
        [-5],
        [1],
    ]


def test_training_goes_down_its_loss():
    data = samples(count=300)
    x = standardised(data.features, data.features.mean(0), data.features.std(0))
    targets = Targets(data.age_years, data.is_female.astype(np.float32))
    errors = []
    for epochs in (1, 120):
        net = train([x], targets, replace(QUICK, epochs=epochs), np.random.default_rng(0))
        logits = np.maximum(x @ net.hidden + net.hidden_bias, 0) @ net.output + net.output_bias
        errors.append(np.abs(expected_age(logits[:, :-1]) - data.age_years).mean())
    assert errors[1] < 0.6 * errors[0]


def test_names_say_age_and_gender_and_who_is_fitted_on(tmp_path):
    for name in ("31_1_0_2017.jpg", "5_0_3_2017.jpg.chip.jpg", "portrait.jpg", "5_9_1_2.jpg"):
        (tmp_path / name).touch()
    faces = labelled_faces(tmp_path)
    assert [(f.age_years, f.is_female) for f in faces] == [(31, True), (5, False)]
    many = [LabelledFace(tmp_path / f"{n}_0_0_2.jpg", n, is_female=False) for n in range(400)]
    assert 150 < sum(face.is_fitted_on for face in many) < 250
    assert many[3].rng(2).random() == many[3].rng(2).random() != many[3].rng(3).random()


def test_a_spoilt_picture_is_no_larger_and_says_its_scale():
    rgb = np.random.default_rng(0).integers(0, 255, (200, 160, 3), dtype=np.uint8)
    for seed in range(20):
        spoilt, scale = degraded(rgb, 120.0, np.random.default_rng(seed))
        assert 40 / 120 - 1e-6 <= scale <= 1
        assert abs(spoilt.shape[0] - 200 * scale) <= 1
        assert spoilt.dtype == np.uint8
