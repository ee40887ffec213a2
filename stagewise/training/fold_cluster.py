"""Chains of trainings on a Ray cluster: a training runs as it is, on whichever machine has a GPU free.

The machines share the root: a training whose machine is lost goes on elsewhere from its last epoch.
"""

import ctypes
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from stagewise.files import paths
from stagewise.machine import cluster, interruption
from stagewise.machine.gpus import NONE, Choice
from stagewise.messages.errors import BusyError, InputError
from stagewise.training.fold_queue import Chain, Failure, on_gpu, python_words, say, shell_code
from stagewise.training.footprint import GIBIBYTE

LOSSES = 20  # of machines under one training, after which it is not their fault; a spot market takes one now and then
TRIES, PAUSE = 20, 30.0  # seconds between them, of a training that meets the lock of a lost machine
END_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux' prctl


class ClusterQueue:
    """A cluster's GPUs, each for one training at a time; or its machines, where gpu is "none".

    asked: of `--cluster`; cores: of each training, None for its share of a machine's.
    """

    def __init__(self, asked: str, gpu: Choice, cores: int | None) -> None:
        self.asked, self.gpu, self.cores = asked, gpu, cores
        self.losses: Counter[tuple[str, ...]] = Counter()

    def train(self, chains: Sequence[Chain]) -> list[Failure]:
        """Train all; one that fails stops its own chain alone. An error or a signal here ends all of them."""
        with cluster.connected(self.asked) as (address, ray), cluster.probe() as probe:
            machines = cluster.resources(ray)
            cpus = cores_each(machines, self.gpu, self.cores)
            self.more = memory_each(machines, self.gpu, cpus)
            gpus = int(self.gpu != NONE)
            self.task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(train_there)
            self.settings = cluster.settings(cpus)
            self.probe, self.running = probe, {}
            print(f"the cluster at {address}; {cluster.each(cpus, gpus)} for each training", flush=True)
            for chain in chains:
                self._start(chain, 0)
            failures = []
            while self.running:
                interruption.check()
                for reference in ray.wait(list(self.running), num_returns=1, timeout=1.0)[0]:
                    failures += self._next(ray, reference)
            return failures

    def _start(self, chain: Chain, number: int) -> None:
        words = on_gpu(chain.trainings[number], self.gpu)
        words += () if "--memory" in words else self.more
        say(chain, f"python {shlex.join(words)}, its lines in {paths.shown(chain.log)}")
        reference = self.task.remote(words, chain.log, self.settings, self.probe)
        self.running[reference] = chain, number, words

    def _next(self, ray: ModuleType, reference: Any) -> list[Failure]:
        """Go on behind a training that has ended: with the chain's next one, or the same where its machine is lost."""
        chain, number, words = self.running.pop(reference)
        try:
            host, code = ray.get(reference)
        except ray.exceptions.RayTaskError as error:  # a machine without this repository's environment, say
            say(chain, f"could not begin: {str(error).splitlines()[-1]}")
            return [Failure(chain, words, 1)]
        except ray.exceptions.RayError as error:
            self.losses[words] += 1
            say(chain, f"lost: {' '.join(str(error).split())[:300]}")
            if self.losses[words] == LOSSES:
                return [Failure(chain, words, 1)]
            self._start(chain, number)
            return []
        say(chain, f"exit code {code} on {host}")
        if code:
            return [Failure(chain, words, code)]
        if number + 1 < len(chain.trainings):
            self._start(chain, number + 1)
        return []


def cores_each(machines: Sequence[Mapping[str, float]], gpu: Choice, asked: int | None) -> int:
    """Of each training. machines: what each of the cluster has of "CPU" and "GPU"; asked: None for a machine's share.

    Raises InputError where no machine has the place for one, which Ray would wait for without a word.
    """
    unit = "CPU" if gpu == NONE else "GPU"
    fit = [machine for machine in machines if machine.get(unit, 0) >= 1]
    if not fit:
        raise InputError(
            "the cluster has no GPU; add a machine that has, or train on its cores: --gpu none"
            if unit == "GPU"
            else cluster.NO_CORE
        )
    shares = [machine.get("CPU", 0) // (1 if unit == "CPU" else machine["GPU"]) for machine in fit]
    cores = max(1, int(min(shares)) if asked is None else asked)
    if (most := int(max(machine.get("CPU", 0) for machine in fit))) < cores:
        with_gpu = " with a GPU" * (unit == "GPU")
        raise InputError(
            f"a training takes {cores} core{'s' * (cores > 1)} of one machine, and those of the cluster{with_gpu} have "
            f"{most} at most; give --workers {most}, or add a machine"
            if most
            else "the cluster's machines with a GPU have no core to give; start Ray there with some: --num-cpus"
        )
    return cores


def memory_each(machines: Sequence[Mapping[str, float]], gpu: Choice, cores: int) -> tuple[str, ...]:
    """The option of trainings that share a machine, which have equal parts of it; none where each has its own.

    machines: also what each has of "memory" for Ray, in bytes; cores: of each training.
    """
    shares = []
    for machine in machines:
        places = [machine.get("CPU", 0) // cores] + [machine.get("GPU", 0)] * (gpu != NONE)
        if (count := int(min(places))) > 1:
            shares.append(machine["memory"] / count / GIBIBYTE)
    return ("--memory", f"{min(shares):.2f}") if shares else ()


def train_there(words: Sequence[str], log: Path, settings: dict[str, str], probe: Path) -> tuple[str, int]:
    """Run a training in this place, its lines added to the log. Returns: the host's name, and the exit code.

    The training ends, as by SIGTERM, where this process does. One that meets the lock of a lost machine, which a shared
    folder may keep for minutes, waits.
    """
    host = socket.gethostname()
    if not probe.exists():
        return f"{host}, which does not see {probe.parent}: all machines must share STAGEWISE_ROOT", 1
    os.environ |= settings
    log.parent.mkdir(parents=True, exist_ok=True)
    libc = ctypes.CDLL(None)
    with log.open("ab") as lines:
        for _ in range(TRIES):
            lines.write(f"$ python {shlex.join(words)} on {host}\n".encode())
            lines.flush()
            done = subprocess.run(
                python_words(words),
                stdin=subprocess.DEVNULL,
                stdout=lines,
                stderr=lines,
                preexec_fn=lambda: sys.platform == "linux" and libc.prctl(END_WITH_PARENT, signal.SIGTERM),
            )
            if done.returncode != BusyError.exit_code:
                break
            time.sleep(PAUSE)
    return host, shell_code(done.returncode)
