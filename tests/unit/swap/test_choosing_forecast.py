"""The forecast finds what sketches have to do with what is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsp_ray.swap.choosing_forecast import Forecast, load_forecast
from fsp_ray.swap.choosing_forecast_build import MIN_SAMPLES, WornFaces, fit_forecast
from fsp_ray.swap.layout import DISTANCES
from fsp_ray.synthesis.sketching import SKETCH_SIZE

D = 6


def worn_faces(count: int = 2 * MIN_SAMPLES) -> WornFaces:
    """What is read depends on sketch and head alone, along fixed random directions."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(count, 20))
    sketch = hidden @ rng.normal(size=(20, SKETCH_SIZE)) + 0.01 * rng.normal(
        size=(count, SKETCH_SIZE)
    )
    bare = rng.normal(size=(count, D))
    bare /= np.linalg.norm(bare, axis=1, keepdims=True)
    female = rng.random(count) < 0.5
    typical = np.where(female[:, None], 1.0, -1.0) * np.eye(D)[0]
    change = rng.normal(size=(count, len(DISTANCES)))
    worn = 0.5 * hidden @ rng.normal(size=(20, D)) / 20**0.5 + 0.5 * bare + typical
    worn += 0.5 * change[:, :D]
    worn /= np.linalg.norm(worn, axis=1, keepdims=True)
    return WornFaces(
        sketch=sketch.astype(np.float32),
        change=change.astype(np.float32),
        worn=worn.astype(np.float32),
        bare=bare.astype(np.float32),
        female_probability=np.where(female, 0.9, 0.1).astype(np.float32),
        older_years=(8 * hidden[:, 0]).astype(np.float32),
        age_years=rng.uniform(10, 70, count).astype(np.float32),
        female=female,
        origin=rng.integers(-1, 4, count),
    )


@pytest.fixture(scope="module")
def fitted() -> tuple[WornFaces, Forecast]:
    faces = worn_faces()
    return faces, fit_forecast(faces)


def test_faces_that_will_read_unlike_the_person_are_told_from_those_that_will(
    fitted: tuple[WornFaces, Forecast],
) -> None:
    faces, forecast = fitted
    foretold, unshaped, true = [], [], []
    for n in range(200):
        gender = "female" if faces.female[n] else "male"
        face = faces.sketch[n : n + 1], gender, float(faces.age_years[n]), faces.bare[n]
        read, female, older = forecast.read(*face, faces.change[n : n + 1])
        foretold.append(float(read[0] @ faces.bare[n]))
        unshaped.append(float(forecast.read(*face).embeddings[0] @ faces.bare[n]))
        true.append(float(faces.worn[n] @ faces.bare[n]))
        assert np.linalg.norm(read[0]) == pytest.approx(1, abs=1e-5)
        assert older[0] * faces.older_years[n] > 0 or abs(faces.older_years[n]) < 2
        assert (female[0] > 0.5) == faces.female[n]
    with_shape, without = (np.corrcoef(told, true)[0, 1] for told in (foretold, unshaped))
    assert with_shape > 0.8
    assert 0.3 < without < with_shape - 0.05


def test_what_faces_have_in_common_is_known_by_gender(
    fitted: tuple[WornFaces, Forecast],
) -> None:
    _, forecast = fitted
    for gender, sign in (("female", 1), ("male", -1)):
        typical = forecast.typical_of(gender, 40)
        assert sign * typical[0] > 0.8
        assert np.linalg.norm(typical) == pytest.approx(1, abs=1e-5)


def test_it_is_written_and_read(fitted: tuple[WornFaces, Forecast], tmp_path: Path) -> None:
    forecast = fitted[1]
    forecast.save(tmp_path / "f.npz")
    with np.load(tmp_path / "f.npz") as stored:
        again = Forecast(**{name: stored[name].astype(np.float32) for name in stored.files})
    np.testing.assert_allclose(again.typical, forecast.typical, rtol=1e-2, atol=1e-3)


def test_the_shipped_one_fits_the_matcher_and_knows_both_genders() -> None:
    forecast = load_forecast()
    assert forecast.dimensions == 128
    women, men = (forecast.typical_of(gender, 30) for gender in ("female", "male"))
    assert float(women @ men) < 0.9


def test_too_few_faces_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        fit_forecast(worn_faces(MIN_SAMPLES - 1))


def test_coefficients_must_fit_together(fitted: tuple[WornFaces, Forecast]) -> None:
    with pytest.raises(ValueError, match="typical"):
        replace(fitted[1], typical=np.zeros((2, 3, D + 1), np.float32))


def test_origins_lie_together_along_their_directions() -> None:
    faces = worn_faces()
    bare = faces.bare.copy()
    for group in range(4):
        bare[faces.origin == group, group] += 1
    directions = fit_forecast(replace(faces, bare=bare)).origin
    at = bare @ directions
    groups = [at[faces.origin == group] for group in range(4)]
    assert np.mean([group.std(axis=0) for group in groups]) == pytest.approx(1, abs=0.1)
    means = np.stack([group.mean(axis=0) for group in groups])
    assert np.linalg.norm(means[:, None] - means, axis=2)[np.triu_indices(4, 1)].min() > 1.5
