"""The papers keep their word: queries run, commands exist, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fsp_ray.core.errors import FailureReason
from fsp_ray.core.progress import VIDEO_STATUSES
from fsp_ray.lake import Lake

from .conftest import Fsp

ROOT = Path(__file__).parents[3]
PAPERS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def _queries(paper: Path) -> list[str]:
    return re.findall(
        r"^```sql\n(.*?)^```", paper.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


QUERIES = [sql for paper in PAPERS for sql in _queries(paper)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return Lake.create(str(tmp_path_factory.mktemp("lake") / "lake"))


def test_there_are_papers_and_queries() -> None:
    assert len(PAPERS) >= 6
    assert len(QUERIES) >= 8


@pytest.mark.parametrize("sql", QUERIES)
def test_a_query_in_the_papers_runs(lake: Lake, sql: str) -> None:
    assert lake.query(sql).num_columns >= 1


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.name)
def test_links_lead_to_files_that_are_there(paper: Path) -> None:
    text = paper.read_text(encoding="utf-8")
    links = [*re.findall(r"\]\(([^)#]+)", text), *re.findall(r'src="([^"]+)"', text)]
    for link in links:
        if "://" not in link:
            assert (paper.parent / link).exists(), link


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.name)
def test_commands_and_options_named_exist(fsp: Fsp, paper: Path) -> None:
    text = paper.read_text(encoding="utf-8")
    for line in re.findall(r"(?:^|`)fsp ([a-z][^`\n]*)", text, re.MULTILINE):
        words = line.split()
        command = words[:2] if words[0] in {"packs", "faces"} else words[:1]
        code, shown, err = fsp(*command, "--help")
        assert code == 0, f"fsp {line}: {err}"
        for option in re.findall(r"(?<=\s)--[a-z-]+", line):
            assert option in shown, f"fsp {line}"


def test_the_glossary_has_every_status_and_reason() -> None:
    text = (ROOT / "docs" / "GLOSSARY.md").read_text(encoding="utf-8")
    for word in (*VIDEO_STATUSES, *FailureReason):
        assert f"| `{word}` |" in text


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.name)
def test_no_machine_s_paths(paper: Path) -> None:
    text = paper.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(work|root|home)/", text)
