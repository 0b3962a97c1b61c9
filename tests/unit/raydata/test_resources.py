"""What a run takes of a cluster: laws over any nodes, and the clusters that people have."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.core.errors import SettingsError
from fsp_ray.raydata import RunRequest
from fsp_ray.raydata.resources import (
    ClusterError,
    Node,
    Share,
    Wishes,
    choose_layout,
    nodes_of,
    share_out,
)

LAPTOP = [Node(8)]
FARM = [Node(4), Node(4), Node(16)]
GPU_BOX = [Node(64, 8)]
POOR_GPUS = [Node(4, 4), Node(16), Node(16)]
"""A node whose GPUs have a CPU each, and CPUs elsewhere."""


@pytest.mark.parametrize(
    ("nodes", "wishes", "share"),
    [
        (LAPTOP, Wishes(), Share(8)),
        (LAPTOP, Wishes(workers=3), Share(3)),
        (LAPTOP, Wishes(cpus_per_worker=3), Share(2, 3)),
        (LAPTOP, Wishes(cpus_per_worker=0.1), Share(80, 0.1)),
        (FARM, Wishes(cpus_per_worker=3), Share(7, 3)),  # 1 + 1 + 5: none lies on two nodes
        (GPU_BOX, Wishes(gpus_per_worker=1), Share(8, 1, 1)),
        (GPU_BOX, Wishes(gpus_per_worker=0.25), Share(32, 1, 0.25)),
        (POOR_GPUS, Wishes(gpus_per_worker=1), Share(4, 1, 1, "frames")),
        (POOR_GPUS, Wishes(gpus_per_worker=1, layout="shards"), Share(4, 1, 1, "shards")),
        (POOR_GPUS, Wishes(), Share(36)),
        # A worker and its decoder: one CPU each.
        (LAPTOP, Wishes(layout="frames"), Share(4, 1, 0, "frames")),
        (LAPTOP, Wishes(workers=8, layout="frames"), Share(4, 1, 0, "frames")),
        ([Node(2)], Wishes(workers=2, layout="frames"), Share(1, 1, 0, "frames")),
        ([Node(1), Node(1)], Wishes(layout="frames"), Share(1, 1, 0, "frames")),
    ],
)
def test_clusters_that_people_have(nodes: list[Node], wishes: Wishes, share: Share) -> None:
    assert share_out(nodes, wishes) == share


@pytest.mark.parametrize(
    ("nodes", "wishes", "said"),
    [
        (LAPTOP, Wishes(gpus_per_worker=1), "1 CPUs and 1 GPUs.*8 CPUs and 0 GPUs"),
        (GPU_BOX, Wishes(gpus_per_worker=9), "64 CPUs and 8 GPUs"),
        (FARM, Wishes(cpus_per_worker=17), "16 CPUs and 0 GPUs; 4 CPUs and 0 GPUs"),
        # The CPUs and the GPUs must be on one node.
        ([Node(8), Node(0, 2)], Wishes(gpus_per_worker=1), "room for a worker"),
        ([Node(0.5)], Wishes(cpus_per_worker=0.5), "a whole CPU"),
        ([Node(1)], Wishes(layout="frames"), "--layout frames needs a CPU"),
        ([], Wishes(), "the nodes have nothing"),
    ],
)
def test_what_no_node_has_is_refused_at_once(nodes: list[Node], wishes: Wishes, said: str) -> None:
    with pytest.raises(ClusterError, match=said) as caught:
        share_out(nodes, wishes)
    assert caught.value.advice
    # Where nodes may come, it is waited for: with one worker, or as many as were asked for.
    assert share_out(nodes, wishes, grows=True).workers == 1
    many = share_out(nodes, replace(wishes, workers=5), grows=True)
    assert many.workers in (1, 5)


@given(
    nodes=st.lists(
        st.builds(Node, st.integers(0, 64).map(float), st.integers(0, 8).map(float)), max_size=6
    ),
    cpus=st.sampled_from([0, 0.25, 0.5, 1, 2, 3.5]),
    gpus=st.sampled_from([0, 0.25, 1, 2]),
    workers=st.none() | st.integers(1, 40),
    layout=st.sampled_from(["auto", "shards", "frames"]),
)
def test_whatever_is_shared_out_can_run(
    nodes: list[Node], cpus: float, gpus: float, workers: int | None, layout: Any
) -> None:
    if cpus == gpus == 0:
        return
    try:
        share = share_out(nodes, Wishes(workers, cpus, gpus, layout))
    except ClusterError:
        return
    assert any(node.cpus >= cpus and node.gpus >= gpus for node in nodes)
    if share.layout == "frames":  # however Ray lays them out, a decoder finds its CPU
        assert _worst_left(nodes, share) >= 1


def _worst_left(nodes: list[Node], share: Share) -> int:
    """Whole CPUs left when the workers are laid so that they leave as few as possible."""
    left = [node.cpus for node in nodes]
    places = [
        node.places(Wishes(None, share.cpus_per_worker, share.gpus_per_worker)) for node in nodes
    ]
    for _ in range(share.workers):
        fits = [i for i, free in enumerate(places) if free > 0]
        if not fits:
            break
        # Where a worker costs most whole CPUs.
        worst = max(
            fits,
            key=lambda i: math.floor(left[i]) - math.floor(left[i] - share.cpus_per_worker),
        )
        left[worst] -= share.cpus_per_worker
        places[worst] -= 1
    return sum(math.floor(cpus + 1e-6) for cpus in left)


def test_frames_travel_only_where_gpus_lack_cpus_and_others_have_them() -> None:
    gpu = Wishes(gpus_per_worker=1)
    assert choose_layout(POOR_GPUS, gpu) == "frames"
    assert choose_layout(POOR_GPUS, Wishes()) == "shards"  # no GPU is asked for
    assert choose_layout([Node(4, 4)], gpu) == "shards"  # nobody else has a CPU
    assert choose_layout([Node(8, 4), Node(16)], gpu) == "shards"  # they have CPUs enough
    assert choose_layout([Node(7, 4), Node(16)], gpu) == "frames"
    assert choose_layout([Node(4, 4), Node(0.5)], gpu) == "shards"


def test_nodes_that_are_gone_have_nothing() -> None:
    found = [
        {"Alive": True, "Resources": {"CPU": 4.0, "GPU": 1.0, "memory": 1e9}},
        {"Alive": False, "Resources": {"CPU": 16.0}},
        {"Alive": True, "Resources": {"node:10.0.0.1": 1.0}},
    ]
    assert nodes_of(found) == (Node(4, 1), Node(0, 0))


@pytest.mark.parametrize(
    "asked",
    [
        {"workers": 0},
        {"cpus_per_worker": -1},
        {"cpus_per_worker": math.nan},
        {"gpus_per_worker": math.inf},
        {"gpus_per_worker": 1.5},
        {"cpus_per_worker": 0},
        {"layout": "rows"},
        {"stall_s": 0},
    ],
)
def test_what_makes_no_sense_is_said_before_anything_starts(asked: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        RunRequest("source", "lake", **asked)


def test_a_worker_may_have_a_gpu_and_no_cpu() -> None:
    assert share_out([Node(2, 1)], Wishes(cpus_per_worker=0, gpus_per_worker=0.5)).workers == 2
