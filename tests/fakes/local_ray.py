"""The whole job in this process: no Ray, so that a test can spoil what runs inside of workers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from fsp_ray.raydata import run as run_module
from fsp_ray.raydata import wave as wave_module
from fsp_ray.raydata.resources import Share, Wishes
from fsp_ray.raydata.rows import RayRow, from_row, to_row
from fsp_ray.raydata.workers import RunContext


def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `anonymize` do its steps one after the other, here."""
    monkeypatch.setattr(wave_module, "run_tasks", _run_tasks)
    monkeypatch.setattr(wave_module, "run_actors", _run_actors)
    monkeypatch.setattr(run_module, "cluster", _cluster)


def _run_tasks(
    items: Sequence[object], work: Callable[[RayRow, RunContext], RayRow], context: RunContext
) -> Iterator[Any]:
    for item in items:
        yield from_row(work(to_row(item), context))


def _run_actors(
    items: Sequence[object], worker: Any, context: RunContext, *, workers: int
) -> Iterator[Any]:
    if items:
        actor = worker(context)
        for item in items:
            yield from_row(actor(to_row(item)))


@contextmanager
def _cluster(address: str | None, wishes: Wishes) -> Generator[Share]:
    yield Share()
