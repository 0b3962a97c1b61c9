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
from ray.data.exceptions import ExecutionTimeoutError
from ray.util.annotations import RayDeprecationWarning

from fsp_ray.lake import SourceVideo
from fsp_ray.raydata import metrics
from fsp_ray.raydata.resources import LIGHT_STEP_CPUS, ClusterError
from fsp_ray.raydata.rows import RayRow, from_row, to_row
from fsp_ray.raydata.watchdog import TRIES
from fsp_ray.raydata.workers import RunContext, ShardTask
from fsp_ray.stages.results import DrawnVideo, PlannedVideo

# A worker on a node that is lost is "unavailable" for the seconds in which Ray repeats a task many
# times. That a video which kills its workers is given up is what their tombstones see to.
WITHOUT_END = -1

# Ray sees whole tasks, not the steps in them, which the watchdog does: this is for what no worker
# can say of itself: that it is frozen, that its node is cut off, that there is no place for it.
_PLACE_S = 900.0  # a node comes up, starts its workers, and they load their models
_SLOWEST_FRAME_S = 2.0
_SLOWEST_BYTES_PER_S = 1 << 20


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
        num_cpus=LIGHT_STEP_CPUS,
        max_retries=WITHOUT_END,
    )
    yield from _results(done, patience_s(items, context.stall_s))


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
        num_cpus=context.share.cpus_per_worker,
        num_gpus=context.share.gpus_per_worker,
        max_restarts=WITHOUT_END,
        max_task_retries=WITHOUT_END,
    )
    yield from _results(done, patience_s(items, context.stall_s))


def _map(items: Sequence[object], work: object, **options: object) -> Dataset:
    rows = ray.data.from_items([to_row(item) for item in items], override_num_blocks=len(items))
    with warnings.catch_warnings():
        # Ray 2.60, which we pin, deprecates setting retries here and names no other place yet.
        warnings.simplefilter("ignore", RayDeprecationWarning)
        return rows.map(cast("Any", work), **cast("dict[str, Any]", options))


def patience_s(items: Sequence[object], stall_s: float) -> float:
    """Return how long Ray may see nothing come out of a step, before it stands still for sure.

    A long shard, for there are videos with a single keyframe, may take hours over its frames.
    """
    return _PLACE_S + TRIES * stall_s + max(map(_slowest_s, items))


def _slowest_s(item: object) -> float:
    match item:
        case SourceVideo():
            return item.size_bytes / _SLOWEST_BYTES_PER_S
        case ShardTask():
            return item.shard.num_frames * _SLOWEST_FRAME_S
        case PlannedVideo():
            return item.info.num_frames * _SLOWEST_FRAME_S
        case DrawnVideo():
            return item.planned.info.num_frames * _SLOWEST_FRAME_S
        case _:
            return 0.0


def _results(dataset: Dataset, patience_s: float) -> Iterator[Any]:
    dataset.context.execution_no_progress_timeout_s = patience_s
    try:
        for row in dataset.iter_rows():
            result = from_row(row)
            metrics.count(result)
            yield result
    except ExecutionTimeoutError as error:
        raise ClusterError(
            f"The cluster came to a stand: nothing was done for {patience_s / 60:.0f} minutes.",
            advice="Check that its nodes are alive and have room (`ray status`), then run again: "
            "what is done stays done.",
        ) from error
