"""A Ray cluster: how to reach it, and the processes on it that work for this one.

Ray is asked for where `--cluster` is given alone; without it nothing here is imported.
"""

import importlib.util
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from stagewise.files import paths, writers
from stagewise.files.leftovers import remove_leftovers
from stagewise.machine import interruption, processor
from stagewise.machine.gpus import NONE, Choice
from stagewise.machine.workers import one_thread
from stagewise.messages.errors import InputError, StagewiseError

AUTO = "auto"
PATIENCE = 5.0  # seconds for the head to answer; Ray itself asks for five minutes, and then ends the process
NO_CORE = "the cluster has no core to give; add a machine: ray start --address HOST:PORT"
START = "start one: ray start --head; or name one that runs: --cluster HOST:PORT"
ADDRESS = "ray/ray_current_cluster"  # where Ray keeps its head's address on each machine, in /tmp or RAY_TMPDIR
CARRIED = ("STAGEWISE_", "AWS_", "KERAS_")  # how the settings begin that a worker needs as this process has them


def require(asked: str | None, shard: object = None, workers: int | None = None, gpus: Iterable[Choice] = ()) -> None:
    """Raise InputError where `--cluster` was given, and cannot be on this machine, or beside other options.

    shard, workers, gpus: of `--shard`; of `--workers`, None for all cores; of each `--gpu`.
    """
    if asked is None:
        return
    if workers == 0:
        raise InputError("--workers 0 is this process alone; give the cores that are wanted, or leave out --cluster")
    if shard:
        raise InputError("a cluster shares out the videos itself; leave out --shard, or --cluster")
    if numbers := [gpu for gpu in gpus if gpu not in (None, NONE)]:
        raise InputError(f"a cluster gives its workers a GPU each; leave out --gpu {numbers[0]}, or --cluster")
    if not importlib.util.find_spec("ray"):
        raise InputError("--cluster needs Ray; run: python -m pip install -r requirements-cluster.txt")
    address_of(asked)


@contextmanager
def connected(asked: str) -> Iterator[tuple[str, ModuleType]]:
    """The head's address and the module ray; this process is a driver of the cluster until its workers end with it.

    asked: of `--cluster`, as `require` has let it pass. Raises StagewiseError where the cluster does not answer.
    """
    address = address_of(asked)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "1")  # of 40 seconds each
    if address.startswith(("127.", "localhost:")):  # which Ray would turn into this machine's address for others
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    _require_answer(address)
    import ray

    taken = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with interruption.Held():
            ray.init(address, log_to_driver=False, logging_level="ERROR")
            for number, handler in taken.items():  # Ray takes SIGTERM, and would leave without a last line
                signal.signal(number, handler)
    except Exception as error:
        raise StagewiseError(f"no Ray cluster at {address}: {' '.join(str(error).split())}; {START}") from error
    try:
        yield address, ray
    finally:
        with interruption.Held():
            ray.shutdown()


def address_of(asked: str) -> str:
    """HOST:PORT of a cluster's head: as it was asked for, or what Ray's own settings on this machine say.

    Raises InputError where a script cannot be a part of that cluster, or there is none.
    """
    if asked != AUTO:
        return _checked(asked, "--cluster")
    if (known := os.environ.get("RAY_ADDRESS", AUTO)) not in ("", AUTO):
        return _checked(known, "RAY_ADDRESS")
    try:
        return _checked((Path(os.environ.get("RAY_TMPDIR") or "/tmp") / ADDRESS).read_text().strip(), "Ray's own file")
    except FileNotFoundError as error:
        raise InputError(f"no Ray cluster runs on this machine; {START}") from error


def _checked(address: str, of: str) -> str:
    if address.startswith("ray://"):
        raise InputError(
            f"{of} {address} is for a client from outside, which loses its work with its connection; run this on a "
            "machine of the cluster, with --cluster auto"
        )
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdecimal()) or "://" in host:  # http:// is the dashboard's
        raise InputError(f"{of} {address!r} is no cluster; give auto, or HOST:PORT of its head")
    return address


def _require_answer(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise StagewiseError(f"nothing answers at {address}, the head of a cluster ({error}); {START}") from error


def resources(ray: ModuleType) -> list[dict[str, float]]:
    """What each machine of the cluster has, of "CPU" and "GPU" among others; none is 0 or not there."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def sizes(
    machines: Sequence[Mapping[str, float]], wanted: int | None, most_cpus: int, use_gpus: bool
) -> tuple[int, int, int]:
    """How many workers there are to be, and the cores and GPUs of each.

    machines: what each of the cluster has of "CPU" and "GPU"; the rest: of `cluster_pool.ClusterPool`. Raises
    StagewiseError where no machine has a core.
    """
    with_cores = [machine for machine in machines if machine.get("CPU", 0) >= 1]
    if not with_cores:
        raise StagewiseError(NO_CORE)
    with_gpus = [machine for machine in with_cores if use_gpus and machine.get("GPU", 0) >= 1]
    if with_gpus:
        cpus = min(most_cpus, *(int(machine["CPU"] // machine["GPU"]) or 1 for machine in with_gpus))
        places = sum(int(min(machine["CPU"] // cpus, machine["GPU"])) for machine in with_gpus)
        return min(places, max(1, (wanted or places * cpus) // cpus)), cpus, 1
    cores = [int(machine["CPU"]) for machine in with_cores]
    cpus = min(most_cpus, *cores)
    return max(1, (wanted or sum(cores)) // cpus), cpus, 0


class Worker:
    """What runs in a process of the cluster, with the settings of the process that hired it.

    folders: where that process finds modules, which what it sends may be of.
    """

    def __init__(self, settings: dict[str, str], folders: Sequence[str]) -> None:
        os.environ |= settings
        sys.path += [folder for folder in folders if folder not in sys.path]
        one_thread()

    def ready(self, probe: Path) -> str:
        """What is wrong with this place, or "". probe: a file that the hiring process has made."""
        return "" if probe.exists() else f"{socket.gethostname()} does not see what lies in {probe.parent}"

    def run(self, function: Callable, task: object) -> tuple[object, Exception | None]:
        """What the function makes of the task, or what it raised."""
        try:
            return function(task), None
        except Exception as error:
            return None, error


def each(cpus: int, gpus: int) -> str:
    """What a worker has, in words."""
    return f"{cpus} core{'s' * (cpus > 1)}{' and a GPU' * gpus}"


def settings(cpus: int) -> dict[str, str]:
    """The environment of a worker of so many cores: what it needs of this process', folders as whole paths."""
    carried = {name: value for name, value in os.environ.items() if name.startswith(CARRIED)}
    place = carried.get(paths.INPUT)
    if place and "://" not in place:
        carried[paths.INPUT] = str(Path(place).absolute())
    return carried | {"STAGEWISE_ROOT": str(paths.root()), processor.GRANTED: str(cpus)}


@contextmanager
def probe() -> Iterator[Path]:
    """A file in the root, by which a worker knows that its machine shares that folder."""
    remove_leftovers(paths.root())  # of drivers that were killed
    path = writers.temporary(paths.root() / "cluster")
    path.touch()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
