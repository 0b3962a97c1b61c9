"""Who gets which CPUs and GPUs: how many workers a cluster has room for, and who decodes.

Pure functions over what the nodes have, so that every kind of cluster can be tested on none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from fsp_ray.core.errors import FspError, SettingsError

Layout = Literal["shards", "frames"]
"""`shards`: a worker decodes what it works on. `frames`: CPUs elsewhere decode, and workers take
batches of frames out of the object store."""
LayoutWish = Literal["auto", "shards", "frames"]

LIGHT_STEP_CPUS: Final = 1
"""Of a task that plans, resolves, judges or finishes a video."""
DECODER_CPUS: Final = 1
"""Of a task that decodes for a worker."""
_ROUNDING: Final = 1e-6  # 0.1 + 0.2


class ClusterError(FspError):
    """Ray could not be started or joined, has no room for the run, or came to a stand."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a run asks of a cluster.

    Attributes:
        workers: actors of a stage; None for as many as there is room for.
        cpus_per_worker, gpus_per_worker: of each; may be fractions.
        layout: who decodes; `auto` lets the cluster's nodes decide.
    """

    workers: int | None = None
    cpus_per_worker: float = 1
    gpus_per_worker: float = 0
    layout: LayoutWish = "auto"

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise SettingsError("--workers must be at least 1.")
        for name, amount in (("cpus", self.cpus_per_worker), ("gpus", self.gpus_per_worker)):
            if not math.isfinite(amount) or amount < 0:
                raise SettingsError(f"--{name}-per-worker can't be {amount}.")
        # Ray gives out whole GPUs, or shares one.
        if self.gpus_per_worker > 1 and self.gpus_per_worker % 1:
            raise SettingsError(
                f"--gpus-per-worker can't be {self.gpus_per_worker}.",
                advice="Say a whole number, or a fraction of one GPU.",
            )
        if self.cpus_per_worker == self.gpus_per_worker == 0:
            raise SettingsError("A worker must take some CPU or GPU.")
        if self.layout not in get_args(LayoutWish):
            raise SettingsError(f"--layout can't be {self.layout!r}; say auto, shards or frames.")


@dataclass(frozen=True, slots=True)
class Share:
    """What a run takes of its cluster: `workers` actors of a stage, and who decodes for them."""

    workers: int = 1
    cpus_per_worker: float = 1
    gpus_per_worker: float = 0
    layout: Layout = "shards"


@dataclass(frozen=True, slots=True)
class Node:
    """CPUs and GPUs of one machine of a cluster."""

    cpus: float
    gpus: float = 0

    def places(self, wishes: Wishes) -> int:
        """Return how many workers fit."""
        room = [
            has / takes
            for has, takes in (
                (self.cpus, wishes.cpus_per_worker),
                (self.gpus, wishes.gpus_per_worker),
            )
            if takes > 0
        ]
        return math.floor(min(room) + _ROUNDING)


def nodes_of(found: Iterable[Mapping[str, Any]]) -> tuple[Node, ...]:
    """Return the nodes that are alive, out of what `ray.nodes()` says."""
    return tuple(
        Node(float(node["Resources"].get("CPU", 0)), float(node["Resources"].get("GPU", 0)))
        for node in found
        if node["Alive"]
    )


def share_out(nodes: Sequence[Node], wishes: Wishes, *, grows: bool = False) -> Share:
    """Say what a run takes of a cluster.

    With `frames`, each worker finds a CPU for its decoder beside those of all workers: no more
    workers are made than that, or those would wait for CPUs that they hold themselves.

    Args:
        nodes: of the cluster, now.
        wishes: what was asked for.
        grows: an autoscaler adds nodes when somebody waits for one, so that nothing is refused
            for want of a node.

    Raises:
        ClusterError: a worker, its decoder or a light step would wait for ever.
    """
    places = sum(node.places(wishes) for node in nodes)
    layout = choose_layout(nodes, wishes) if wishes.layout == "auto" else wishes.layout
    if layout == "frames":
        cpus = sum(node.cpus for node in nodes)
        beside = wishes.cpus_per_worker + DECODER_CPUS
        places = min(places, math.floor(cpus / beside + _ROUNDING))
    if not grows:
        _check_room(nodes, wishes, layout, places)
    workers = wishes.workers or max(1, places)
    if layout == "frames" and places:
        workers = min(workers, places)
    return Share(workers, wishes.cpus_per_worker, wishes.gpus_per_worker, layout)


def choose_layout(nodes: Sequence[Node], wishes: Wishes) -> Layout:
    """Return `frames` only where it pays: workers sit at GPUs, their nodes have less than a CPU
    for each one's decoder beside the worker's own, and nodes without a GPU have CPUs for it.

    Everywhere else frames would take more CPU time, and travel, for nothing.
    """
    if wishes.gpus_per_worker == 0:
        return "shards"
    needed = wishes.cpus_per_worker + DECODER_CPUS
    lacking = any(node.places(wishes) * needed > node.cpus + _ROUNDING for node in nodes)
    spare = any(node.gpus == 0 and node.cpus >= DECODER_CPUS for node in nodes)
    return "frames" if lacking and spare else "shards"


def _check_room(nodes: Sequence[Node], wishes: Wishes, layout: Layout, places: int) -> None:
    if not any(node.places(wishes) for node in nodes):
        raise ClusterError(
            f"No node has room for a worker: it takes {_said(wishes)}, and the nodes have "
            f"{_had(nodes)}.",
            advice="Ask for less (--cpus-per-worker, --gpus-per-worker), or add such a node.",
        )
    if not any(node.cpus >= LIGHT_STEP_CPUS for node in nodes):
        raise ClusterError(
            f"No node has a whole CPU for the steps between the workers': they have {_had(nodes)}.",
            advice="Start a node with --num-cpus 1 or more.",
        )
    if layout == "frames" and not places:
        raise ClusterError(
            f"--layout frames needs a CPU for decoding beside a worker's: it takes "
            f"{_said(wishes)}, and the nodes have {_had(nodes)}.",
            advice="Add a CPU, ask for less (--cpus-per-worker), or say --layout shards.",
        )


def _said(wishes: Wishes) -> str:
    return f"{wishes.cpus_per_worker:g} CPUs and {wishes.gpus_per_worker:g} GPUs"


def _had(nodes: Sequence[Node]) -> str:
    """Say each kind of node once."""
    kinds = sorted({(node.cpus, node.gpus) for node in nodes}, reverse=True)
    return "; ".join(f"{cpus:g} CPUs and {gpus:g} GPUs" for cpus, gpus in kinds) or "nothing"
