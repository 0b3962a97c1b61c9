"""The words and the rhythm of a run's progress."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from fsp_ray.cli.console import duration, plural
from fsp_ray.cli.progress import PLAIN_EVERY_S, PlainListener, describe, listener
from fsp_ray.core.progress import Progress


def _at(seconds: float, done: float = 0.0) -> Progress:
    return Progress("render", seconds, 1, 3, 2, 8, done, 400)


def test_a_report_says_videos_shards_pace_and_time_left() -> None:
    text = describe(_at(10.0, 100.0))
    assert text == "rendering  1/3 videos  2/8 shards  10.0 frames/s  30 s left"


def test_before_the_first_frame_no_pace_is_made_up() -> None:
    text = describe(Progress("start", 0.0, message="starting Ray"))
    assert text == "starting  starting Ray"


def test_plain_lines_come_every_ten_seconds() -> None:
    stream, now = io.StringIO(), [0.0]
    tell = PlainListener(Console(file=stream, width=200), clock=lambda: now[0])
    for second in range(31):
        now[0] = float(second)
        tell(_at(second, second * 10.0))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1 + 30 // int(PLAIN_EVERY_S)
    assert lines[1].startswith("[10 s] rendering")


def test_messages_and_the_end_are_not_held_back() -> None:
    stream = io.StringIO()
    tell = PlainListener(Console(file=stream, width=200), clock=lambda: 0.0)
    tell(Progress("start", 0.0, message="3 videos to do"))
    tell(Progress("start", 0.0, message="3 videos to do"))
    tell(Progress("start", 0.0, message="[red]one[/red] is gone"))
    tell(Progress("done", 5.0, 3, 3))
    assert [line.split("] ", 1)[1] for line in stream.getvalue().splitlines()] == [
        "starting  3 videos to do",
        "starting  [red]one[/red] is gone",
        "done  3/3 videos",
    ]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_line_is_live_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = _Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with listener() as tell:
        tell(_at(1.0, 10.0))
        tell(Progress("done", 2.0, 3, 3, frames_total=400))
    text = stream.getvalue()
    assert "done  3/3 videos" in text
    assert text.endswith("\x1b[2K")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_plurals() -> None:
    assert [plural(n, "video") for n in (0, 1, 12000)] == ["0 videos", "1 video", "12,000 videos"]
