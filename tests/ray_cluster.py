"""A Ray cluster on 127.0.0.1 with machines that are none: a head without cores, and nodes of one core each."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

OWN = "127.0.0.1"  # by which all of Ray's ports are this machine's alone
COMMON = {"node_ip_address": OWN, "object_store_memory": 80 << 20}  # bytes of a node's shared memory, hardly used
WORK = (b"ray::Worker", b"ray::train_there")  # how processes at work are called


class RayCluster:
    """Its head's address, and its nodes, each of processes by their numbers."""

    def __init__(self, cluster: Any, nodes: list[Any]) -> None:
        self.cluster, self.nodes, self.address = cluster, nodes, cluster.address

    def mend(self) -> None:
        """Put new nodes in the place of those that were killed or frozen."""
        for number, node in enumerate(self.nodes):
            raylet = node.all_processes["raylet"][0].process
            state = Path(f"/proc/{raylet.pid}/stat")
            if raylet.poll() is not None or state.read_text().rpartition(")")[2].split()[0] == "T":
                for process in family(raylet.pid) if raylet.poll() is None else ():
                    os.kill(process, signal.SIGKILL)
                self.cluster.remove_node(node, allow_graceful=False)
                self.nodes[number] = self.cluster.add_node(num_cpus=1, **COMMON)
        self.cluster.wait_for_nodes()

    def harm(self, what: str) -> None:
        """Kill "a worker", "a node" or "the head's store", freeze "a frozen node", or do "nothing"."""
        victims = {"a worker": self.workers, "a node": self.processes, "a frozen node": self.processes}
        for process in [self.store] if what == "the head's store" else victims.get(what, lambda number: ())(0):
            os.kill(process, signal.SIGSTOP if what == "a frozen node" else signal.SIGKILL)

    def processes(self, number: int) -> list[int]:
        """A node's raylet and all that it has started."""
        return family(self.nodes[number].all_processes["raylet"][0].process.pid)

    def workers(self, number: int) -> list[int]:
        """A node's processes at work."""
        return [
            process
            for process in self.processes(number)
            if Path(f"/proc/{process}/cmdline").read_bytes().startswith(WORK)
        ]

    @property
    def store(self) -> int:
        """The process that knows what the cluster has."""
        return self.cluster.head_node.all_processes["gcs_server"][0].process.pid


def family(process: int) -> list[int]:
    """A process and those that it has started, and so on."""
    children = [
        child for task in Path(f"/proc/{process}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    return [process, *(one for child in children for one in family(int(child)))]


@contextmanager
def ray_cluster(nodes: int = 2) -> Iterator[RayCluster]:
    """A cluster, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # short: a socket's name has 107 bytes
    (folder / "ray").mkdir()
    changed = {"RAY_TMPDIR": str(folder), "HOME": str(folder), "RAY_USAGE_STATS_ENABLED": "0"}
    changed["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # else it would take the machine's address for others
    changed["RAY_worker_niceness"] = "0"  # Ray's own 15 stops them beside other tests
    before = {name: os.environ.get(name) for name in changed}
    os.environ |= changed
    from ray.cluster_utils import Cluster

    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **COMMON})
    try:
        made = [cluster.add_node(num_cpus=1, **COMMON) for _ in range(nodes)]
        yield RayCluster(cluster, made)
    finally:
        cluster.shutdown()
        for number, handler in signals.items():
            signal.signal(number, handler)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        shutil.rmtree(folder, ignore_errors=True)
