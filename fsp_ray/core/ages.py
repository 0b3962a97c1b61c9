"""Age groups and genders, the words of every table."""

from __future__ import annotations

from typing import Final, Literal

Gender = Literal["female", "male"]
GENDERS: Final[tuple[Gender, ...]] = ("female", "male")

# The bins of the UTKFace-based literature: first year of each group.
AGE_GROUP_STARTS: Final[tuple[int, ...]] = (0, 5, 15, 25, 35, 45, 55, 65)
AGE_GROUPS: Final[tuple[str, ...]] = (
    "0-4",
    "5-14",
    "15-24",
    "25-34",
    "35-44",
    "45-54",
    "55-64",
    "65+",
)
MAX_AGE_YEARS: Final = 120.0


def age_group(age_years: float) -> str:
    """Return the name of the group that an age falls into.

    The age is rounded to whole years first, as the tables show it, so that a row that reads
    "35" never stands in the group "25-34".

    Raises:
        ValueError: the age is not a number between 0 and 120.
    """
    if not 0 <= age_years <= MAX_AGE_YEARS:
        raise ValueError(f"age_years must lie in 0..{MAX_AGE_YEARS:.0f}, not {age_years}")
    years = round(age_years)
    index = sum(years >= start for start in AGE_GROUP_STARTS) - 1
    return AGE_GROUPS[index]
