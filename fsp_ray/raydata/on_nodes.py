"""`fsp` on a cluster of this machine's own, of some nodes: what more nodes, or a layout, take.

Usage: python -m fsp_ray.raydata.on_nodes CPUS,CPUS… COMMAND…, with the CPUs of each node.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from ray.cluster_utils import Cluster

# Of each node: the default is a third of the machine's memory, of each.
STORE_BYTES = 640 << 20


def main(cpus: Sequence[int], words: Sequence[str]) -> int:
    """Run a command of `fsp` on such a cluster; return its exit code."""
    head = {
        "num_cpus": cpus[0],
        "include_dashboard": False,
        "object_store_memory": STORE_BYTES,
    }
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        for of_node in cpus[1:]:
            cluster.add_node(num_cpus=of_node, object_store_memory=STORE_BYTES)
        command = [
            sys.executable,
            "-m",
            "fsp_ray.cli.main",
            *words,
            "--address",
            str(cluster.address),
        ]
        return subprocess.run(command, check=False).returncode  # noqa: S603 - our own
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    sys.exit(main([int(number) for number in sys.argv[1].split(",")], sys.argv[2:]))
