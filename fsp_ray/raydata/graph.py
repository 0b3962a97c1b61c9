"""The Ray Data graph: one dataset a step, shard or video rows in, result rows out as they come.

A row is a path and counts; frames live and die inside of an actor, which decodes, works and
encodes (docs/design/). One row is one block, so that a lost actor costs one shard, and every
output has a deterministic name, so that a repeated task overwrites its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, cast

import ray.data
from ray.data import ActorPoolStrategy, Dataset
from ray.util.annotations import RayDeprecationWarning

from fsp_ray.raydata.rows import RayRow, from_row, to_row
from fsp_ray.raydata.workers import RunContext

MAX_RETRIES = 2  # a video that kills its worker is given up after this many more tries


class RowWorker(Protocol):
    """An actor class: made once with the run's context, called with row after row."""

    def __init__(self, context: RunContext) -> None: ...

    def __call__(self, row: RayRow) -> RayRow:
        """Do one row."""
        ...


def run_tasks(
    items: Sequence[object],
    work: Callable[[RayRow, RunContext], RayRow],
    context: RunContext,
) -> Iterator[Any]:
    """Do a light step on every item, as Ray tasks; yield results as they come."""
    if not items:
        return
    done = _map(
        items,
        work,
        fn_kwargs={"context": context},
        num_cpus=1,
        max_retries=MAX_RETRIES,
    )
    yield from _results(done)


def run_actors(
    items: Sequence[object],
    worker: type[RowWorker],
    context: RunContext,
    *,
    workers: int,
) -> Iterator[Any]:
    """Do a heavy step on every item, in a pool of actors; yield results as they come."""
    if not items:
        return
    size = min(workers, len(items))
    done = _map(
        items,
        worker,
        fn_constructor_kwargs={"context": context},
        # Not of fixed size: a pool that waits for a lost node's place would stall.
        compute=ActorPoolStrategy(
            min_size=1, max_size=size, initial_size=size, max_tasks_in_flight_per_actor=1
        ),
        num_cpus=1,
        max_restarts=-1,
        max_task_retries=MAX_RETRIES,
    )
    yield from _results(done)


def _map(items: Sequence[object], work: object, **options: object) -> Dataset:
    rows = ray.data.from_items([to_row(item) for item in items], override_num_blocks=len(items))
    with warnings.catch_warnings():
        # Ray 2.60, which we pin, deprecates setting retries here and names no other place yet.
        warnings.simplefilter("ignore", RayDeprecationWarning)
        return rows.map(cast("Any", work), **cast("dict[str, Any]", options))


def _results(dataset: Dataset) -> Iterator[Any]:
    for row in dataset.iter_rows():
        yield from_row(row)
