"""`r30`: every fold through a recipe's trainings, side by side where the machine has several GPUs."""

import argparse
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle

from stagewise.console import cli, nets
from stagewise.console.ending import command, ending
from stagewise.machine import backends, cluster, gpus
from stagewise.machine.processor import available_cpus
from stagewise.messages.commands import fold_options
from stagewise.messages.errors import InputError, StagewiseError
from stagewise.training import memory
from stagewise.training.clips import CLIPS
from stagewise.training.fold_cluster import ClusterQueue
from stagewise.training.fold_queue import Chain, Failure, FoldQueue, on_gpu, python_words, shell_code
from stagewise.training.footprint import GIBIBYTE
from stagewise.training.tasks import Task

Scripts = Mapping[str, Sequence[str]]  # of each experiment, in the order in which a fold goes through them


class UntrainedError(StagewiseError):
    """Trainings that did not come to their end; its exit code is the first one's."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def train_all_folds(experiments: Scripts, doc: str, following: str, task: Task = CLIPS) -> None:
    """Parse the command line, check every experiment's first training, and train all folds of all experiments.

    following: the script to run next. Raises UntrainedError where a training fails, when the others have ended.
    """
    arguments = _arguments(experiments, doc).parse_args()
    _require_cluster(arguments)
    chosen = {name: experiments[name] for name in arguments.nets or experiments}
    folds = task.split(arguments.split).chosen_folds(arguments.folds)
    places = [] if arguments.cluster else arguments.gpus or places_to_train()
    common = _common(arguments, len(places))
    for scripts in chosen.values():
        _check([scripts[0], *fold_options(folds), *common, *_init(arguments)])
    chains = [
        Chain(f"{name} fold {fold}", tuple(_trainings(scripts, fold, common, _init(arguments))))
        for fold in folds
        for name, scripts in chosen.items()
    ]
    told = ", ".join("the backend's choice" if gpu is None else f"--gpu {gpu}" for gpu in places)
    told = f"{len(places)} at a time: {told}" if places else f"on the cluster at {arguments.cluster}"
    print(f"{len(chains)} chains of trainings, {told}", flush=True)
    if arguments.dry_run:
        _show(chains, places or arguments.gpus or [None])
        return
    _require_seen(places)
    if failures := _queue(arguments, places).train(chains):
        raise _untrained(failures, len(chains))
    arguments.gpu = arguments.gpus[0] if len(set(arguments.gpus or ())) == 1 else None  # what follows runs on one
    print(ending([chain.log for chain in chains], command(following, arguments, *nets.net_options(arguments))))


def places_to_train() -> list[gpus.Choice]:
    """A number for each GPU where there are several and the backend sees them; else the backend's one choice."""
    if gpus.count() < 2:
        return [None]
    return list(range(backends.count_gpus_apart() or 0)) or [None]


def _queue(arguments: argparse.Namespace, places: Sequence[gpus.Choice]) -> FoldQueue | ClusterQueue:
    if places:
        return FoldQueue(places)
    return ClusterQueue(arguments.cluster, (arguments.gpus or [None])[0], arguments.workers)


def _require_cluster(arguments: argparse.Namespace) -> None:
    """Raise InputError for what is not for a cluster."""
    cluster.require(arguments.cluster, gpus=arguments.gpus or ())
    if arguments.cluster and arguments.force:
        raise InputError(
            "with --force a training whose machine is lost would start over; remove models/STAGE/fold_K of those "
            "that are to be new, and leave out --force"
        )


def _show(chains: Sequence[Chain], places: Sequence[gpus.Choice]) -> None:
    """Every command, on the GPU that it would have if all chains took as long."""
    for chain, gpu in zip(chains, cycle(places), strict=False):
        for words in chain.trainings:
            print(f"python {shlex.join(on_gpu(words, gpu))}")


def _require_seen(places: Sequence[gpus.Choice]) -> None:
    """Raise InputError for a GPU that is not there, before any fold begins."""
    numbers = [gpu for gpu in places if gpu not in (None, gpus.NONE)]
    for gpu in numbers:
        gpus.settings(gpu)
    if numbers and (seen := backends.count_gpus_apart()) is not None and max(numbers) >= seen:
        raise InputError(
            f"the backend sees {seen or 'none'} of the machine's GPUs, and --gpu {max(numbers)} asks for another; list "
            "them with: nvidia-smi -L"
        )


def _arguments(experiments: Scripts, doc: str) -> argparse.ArgumentParser:
    parser = cli.parser(doc, "split", "fold", "workers", "cluster", "memory", "seed", "preset", "dry-run", "force")
    parser.add_argument(
        "--gpu",
        type=cli.gpu_choice,
        action="append",
        dest="gpus",
        metavar="J",
        help="train on this GPU, one fold at a time; repeatable; none: on the CPU (default: all that the backend sees)",
    )
    parser.add_argument("--init", choices=("random",), help="from random weights (default: the first stage's own)")
    if len(experiments) > 1:
        net = dict(choices=tuple(experiments), action="append", dest="nets")
        parser.add_argument("--net", **net, help="train this one alone; repeatable (default: all)")
    else:
        parser.set_defaults(nets=None)
    return parser


def _common(arguments: argparse.Namespace, places: int) -> list[str]:
    """Options of every training; of workers and memory, which are of the whole machine, each has its part.

    On a cluster each has what is given.
    """
    words = [] if arguments.split is None else ["--split", str(arguments.split)]
    if arguments.cluster and words:
        words[1] = str(arguments.split.absolute())  # a training there has another current directory
    words += ["--seed", str(arguments.seed), "--preset", arguments.preset]
    if arguments.cluster:
        given = {"--workers": arguments.workers, "--memory": arguments.memory}
        return words + [word for option, value in given.items() if value is not None for word in (option, str(value))]
    workers = available_cpus() if arguments.workers is None else arguments.workers
    words += ["--workers", str(min(workers, max(1, workers // places)))]
    free = memory.free()
    if arguments.memory:
        words += ["--memory", _gibibytes(arguments.memory / places)]
    elif places > 1 and free is not None:
        words += ["--memory", _gibibytes(memory.SHARE * free / places / GIBIBYTE)]
    return words + ["--force"] * arguments.force


def _gibibytes(count: float) -> str:
    """As `--memory` takes it, which is more than 0, however small."""
    return f"{count:.2f}" if count >= 0.1 else f"{count:.2g}"


def _init(arguments: argparse.Namespace) -> list[str]:
    return ["--init", arguments.init] if arguments.init else []


def _trainings(scripts: Sequence[str], fold: int, common: list[str], init: list[str]) -> Iterator[tuple[str, ...]]:
    for number, script in enumerate(scripts):
        yield (script, "--fold", str(fold), *common, *init * (number == 0))


def _check(words: list[str]) -> None:
    """Let a training check everything that it can before it begins; its plan and its messages are shown."""
    done = subprocess.run(python_words([*words, "--dry-run"]))
    if code := shell_code(done.returncode):
        said = f"python {shlex.join(words)} --dry-run ended with exit code {code}; its message is above"
        raise UntrainedError(said, code)


def _untrained(failures: Sequence[Failure], chains: int) -> UntrainedError:
    listed = "\n  ".join(map(str, failures))
    again = "mend what each log ends with, and run the same command, or those alone, without --force, to resume"
    return UntrainedError(
        f"{len(failures)} of {chains} chains stopped:\n  {listed}\n{again}",
        failures[0].code or StagewiseError.exit_code,
    )
