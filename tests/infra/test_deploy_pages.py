"""docs/deploy and all else that tells an operator what to type: it would be understood."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from .commands import ROOT, WrongCommandError, check_command, check_line, shell_commands

PAGES = sorted((ROOT / "docs" / "deploy").glob("*.md"))
PAPERS = [*PAGES, *sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
INFRA = sorted(path for path in (ROOT / "infra").rglob("*") if path.is_file())
SCRIPTS = sorted((ROOT / "jobs").glob("*.py"))
COMMANDS = re.compile(r"^(?:[A-Z_]+=\S+ )*(?:export |fsp |ray |python jobs/|docker |kubectl )")
# Not of this machine, nor anybody's: they are in the reader's.
HOSTS = re.compile(r"\b[a-z]+://([\w.-]+)")
OUR_HOSTS = {"127.0.0.1", "head", "s3", "fsp-head-svc", "archive", "lake"}


def _typed(text: str) -> list[str]:
    """Return the command lines of a text's blocks, without what is said beside them."""
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    # Beside a command stands a comment, or in two columns what it does.
    return [re.split(r"  +|\s#", line)[0] for line in lines if COMMANDS.match(line)]


LINES = [(path, line) for path in PAPERS for line in _typed(path.read_text("utf-8"))]
each_line = pytest.mark.parametrize(
    ("path", "line"), LINES, ids=[f"{path.name}-{line[:40]}" for path, line in LINES]
)


def test_there_are_pages_and_lines() -> None:
    names = {path.stem for path in PAGES}
    assert names >= {"docker", "kubernetes", "ray-clusters", "compose", "monitoring"}
    assert len([line for path, line in LINES if path in PAGES]) >= 20


@each_line
def test_a_command_would_be_read(path: Path, line: str) -> None:
    for words in shell_commands(line.replace(" … ", " ").replace(" …", "")):
        check_command(words)
        # `docker run IMAGE fsp …` and the like hold one of ours.
        for number, word in enumerate(words):
            if number and word in {"fsp", "ray"} and words[0] == "docker":
                check_command(words[number:])
                break


@each_line
def test_files_that_a_command_names_are_there(path: Path, line: str) -> None:
    for named in re.findall(r"\b(?:infra|jobs)/[\w./-]+", line):
        assert (ROOT / named).exists() or named == "infra/compose/.env", named


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_shows_how_it_is_submitted(script: Path) -> None:
    text = ast.get_docstring(ast.parse(script.read_text("utf-8"))) or ""
    (line,) = [line for line in text.splitlines() if line.startswith("ray job submit ")]
    check_line(line)


@pytest.mark.parametrize("path", [*PAGES, *INFRA], ids=lambda path: path.name)
def test_no_host_is_named_but_those_that_are_made_here(path: Path) -> None:
    assert set(HOSTS.findall(path.read_text("utf-8"))) <= OUR_HOSTS


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_says_what_was_tried(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith("# ")
    assert "\n## What was tried\n" in text


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_anchors_are_there(path: Path) -> None:
    for file, anchor in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", path.read_text("utf-8")):
        text = (path.parent / file).read_text("utf-8") if file else path.read_text("utf-8")
        titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        made = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
        assert anchor in made


@pytest.mark.parametrize(
    "line",
    [
        "fsp anonymize archive lake --wrkers 2",
        "fsp anonymise archive lake",
        "fsp anonymize archive",
        "ray job submit --adress http://127.0.0.1:8265 -- python jobs/anonymize.py a b",
        "ray job submit -- python jobs/anonymize.py a b --workers two",
        "ray job submit -- python jobs/anonymise.py a b",
        "RAY_AUTH_MODE=token ray start --hed",
        "true && pip install --requir-hashes -r requirements.lock",
    ],
)
def test_a_slip_of_the_pen_is_seen(line: str) -> None:
    with pytest.raises(WrongCommandError):
        check_line(line)
