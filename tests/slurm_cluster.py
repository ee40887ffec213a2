"""A cluster of one node with SLURM's own daemons, on 127.0.0.1 and in a folder of its own; a context manager."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
GPUS = ("null", "zero", "full")  # files that stand for GPUs; SLURM gives a job the number of one
CONFIG = """\
ClusterName=trial
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=30
CredType=cred/munge
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
KillWait=1
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=32 Gres=gpu:{gpus}
PartitionName=all Nodes={host} Default=YES
"""
LONGEST = 900.0  # seconds that jobs may take, on a busy machine


def why_not() -> str:
    """Why there can be no cluster here, or ""."""
    missing = [name for name in (*DAEMONS, "sbatch") if not _program(name)]
    if missing:
        return f"{', '.join(missing)} not installed: apt-get install slurm-wlm munge"
    return "SLURM's daemons ask for root here" if os.geteuid() else ""


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    """The cluster; `submitted_from` is the folder that jobs start in, `environment` what they and its commands have."""

    def __init__(self, folder: Path, submitted_from: Path, **environment: str) -> None:
        self.folder, self.submitted_from = folder, submitted_from
        self.environment = {**os.environ, **environment, "SLURM_CONF": str(folder / "slurm.conf")}
        self.daemons: list[subprocess.Popen] = []

    def __enter__(self) -> "Cluster":
        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)  # munged asks for it
        host = socket.gethostname().partition(".")[0]
        config = CONFIG.format(host=host, ports=_free_ports(2), folder=self.folder, gpus=len(GPUS))
        (self.folder / "slurm.conf").write_text(config)
        (self.folder / "gres.conf").write_text("".join(f"Name=gpu File=/dev/{name}\n" for name in GPUS))
        (self.folder / "key").write_bytes(secrets.token_bytes(1024))
        (self.folder / "key").chmod(0o600)
        files = [f"--{name}={self.folder}/{name.partition('-')[0]}" for name in ("key-file", "seed-file", "log-file")]
        own = [f"--socket={self.folder}/munge.socket", f"--pid-file={self.folder}/munged.pid"]
        try:
            self._start("munged", "--foreground", "--force", *files, *own)
            self.until("munged", (self.folder / "munge.socket").exists)
            self._start("slurmctld", "-D", "-i")
            self.until("slurmctld", lambda: "is UP" in self._said("scontrol", "ping"))
            self._start("slurmd", "-D")
            self.until("slurmd", lambda: self._said("sinfo", "-ho", "%T").strip() == "idle")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if len(self.daemons) == len(DAEMONS):  # else there is no job
            self._said("scancel", "--state=PENDING,RUNNING", f"--user={os.geteuid()}")
            self.wait()
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def submit(self, *words: str) -> str:
        """Submit a job, sbatch's words. Returns: its number."""
        return self.command("sbatch", "--parsable", *words).strip()

    def command(self, *words: str) -> str:
        """What a command said on standard output; it must end well."""
        done = subprocess.run(
            words, env=self.environment, cwd=self.submitted_from, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def wait(self) -> None:
        """Wait until no job is left."""
        self.until("the queue's end", lambda: not self.command("squeue", "-h").strip(), LONGEST)

    def states(self) -> dict[str, str]:
        """The state and exit code of each job that this run of slurmctld still knows, by its number."""
        told = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in self._jobs()]
        return {
            f"{job['ArrayJobId']}_{job['ArrayTaskId']}" if "ArrayTaskId" in job else job["JobId"]: (
                f"{job['JobState']} {job['ExitCode']}"
            )
            for job in told
        }

    def output(self, job: str) -> str:
        """What a job, or an element of an array, wrote; "" where it has not begun."""
        path = self.submitted_from / f"slurm-{job}.out"
        return path.read_text() if path.exists() else ""

    def _jobs(self) -> list[str]:
        return [
            line for line in self.command("scontrol", "-o", "show", "jobs").splitlines() if line.startswith("JobId")
        ]

    def _start(self, name: str, *words: str) -> None:
        with (self.folder / f"{name}.out").open("wb") as said:
            words = (_program(name), *words)
            self.daemons.append(subprocess.Popen(words, env=self.environment, stdout=said, stderr=said))

    def _said(self, *words: str) -> str:
        return subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=60).stdout

    def until(self, what: str, done: Callable[[], object], seconds: float = 120) -> None:
        """Wait until `done`; what: is awaited, for the error where it does not come in time."""
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, f"{what} did not come; {self._told()}"
            time.sleep(0.2)

    def _told(self) -> str:
        outputs = (path.read_text(errors="replace")[-2000:] for path in sorted(self.folder.glob("*.out")))
        return "\n".join([*outputs, self._said("squeue")])
