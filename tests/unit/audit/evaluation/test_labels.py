"""What names say, which half a file is in, and how faces are chosen."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fsp_ray.audit.evaluation import LabelledFile, labelled_files, split, spread
from fsp_ray.core.errors import SourceError


def _touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def test_names_are_read(tmp_path) -> None:
    _touch(tmp_path, "a/7_1_0_2017.jpg", "35_0_4_x.JPG.chip.jpg", "80_1_1_b.png")
    _touch(tmp_path, "notes.txt", "35_2_0_bad.jpg", "x_1_0_bad.jpg", "130_1_0_bad.jpg", "9_1_0.gif")
    found = labelled_files(tmp_path)
    assert [(f.path.name, f.age_years, f.gender, f.age_group) for f in found] == [
        ("35_0_4_x.JPG.chip.jpg", 35, "male", "35-44"),
        ("80_1_1_b.png", 80, "female", "65+"),
        ("7_1_0_2017.jpg", 7, "female", "5-14"),
    ]


def test_a_folder_without_labels_says_what_names_must_be(tmp_path) -> None:
    with pytest.raises(SourceError, match=r"holds no labelled faces.*<age>_<gender>_"):
        labelled_files(_touch(tmp_path, "portrait.jpg"))


def _files(count: int) -> list[LabelledFile]:
    rng = np.random.default_rng(0)
    return [
        LabelledFile(Path(f"{i}.jpg"), float(rng.integers(0, 90)), ("female", "male")[i % 2])
        for i in range(count)
    ]


def test_a_file_stays_in_its_half_whatever_lies_beside_it() -> None:
    files = _files(400)
    judged, others = split(files)
    assert not set(judged) & set(others)
    assert len(judged) + len(others) == 400
    assert 150 < len(judged) < 250
    assert split(files[:10])[0] == tuple(f for f in judged if f in files[:10])
    moved = LabelledFile(Path("elsewhere") / files[0].path, 1.0, "male")
    assert moved.digest == files[0].digest


def test_choosing_spreads_over_age_and_gender() -> None:
    files = _files(400)
    chosen = spread(files, 32, np.random.default_rng(1))
    assert len(set(chosen)) == 32
    assert set(Counter((f.age_group, f.gender) for f in chosen).values()) == {2}
    assert set(
        Counter(f.age_group for f in spread(_files(900), 256, np.random.default_rng(1))).values()
    ) == {32}
    assert chosen == spread(files, 32, np.random.default_rng(1))
    assert chosen != spread(files, 32, np.random.default_rng(2))
    assert len(spread(files, 1000, np.random.default_rng(1))) == 400
    assert spread([], 5, np.random.default_rng(1)) == ()
