"""Every recipe and what joins them, on clips that are hard to tell: the same volumes and split, several seeds.

    bench/run.sh recipes                                 the hard phantom, demo presets, seeds 0 to 2
    bench/run.sh recipes --seeds 0                       one seed; what is finished is not done again
    bench/run.sh recipes --npz vesselmnist3d.npz --weights H5 --seeds 0      VesselMNIST3D, small presets

The scripts run by their command lines, folds side by side, a core each: r31 of every stage, r41 and r42, r61 of the
vote and of all recipes. A seed of the phantom has clips of its own; VesselMNIST3D has its official split.

Reads:  VesselMNIST3D as bench/vesselmnist3d.py
Writes: --root (default: bench/work/recipes), and a section of RESULTS.md, again after each seed
Time:   about that of `./run.sh --recipe all` for a seed of the phantom
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from measure import REPOSITORY, machine, write_section
from trainings import STAGES, scores, script, side_by_side, spread
from vesselmnist3d import make_data

from stagewise.console import cli
from stagewise.messages.commands import OUT_OF_FOLD, TEST, TRAIN, VOTE, answering_stages, fold_options
from stagewise.messages.errors import InputError

JOINED = "joined"  # what r61 calls its table
VOTES = "third_place_vote"
WAYS = ("mean", "ranks", "weighted", "stacking")  # of one fold, on which r61 can choose none
FOLDERS = (STAGES[-1], "second_place_r101", VOTES)  # whose r41 and r42 answer
COLUMNS = ("AUC out of fold", "MCC out of fold", "AUC", "ACC", "MCC")
SCORES = ("OOF AUC", "OOF MCC", "AUC", "ACC", "MCC")  # in `scores.json`, in the same order


@dataclass(frozen=True)
class Trial:
    """One seed: where its scripts run, on which split and folds, by which preset; `make` puts its data there, once."""

    root: Path
    seed: int
    preset: str
    folds: tuple[int, ...]
    make: Callable[[Path], tuple[object, ...]]  # the words that name the split
    truth: str  # of the test part, seen from the root

    @property
    def done(self) -> bool:
        """Whether its scores are written."""
        return (self.root / "scores.json").exists()


def chains(init: Sequence[str]) -> list[list[tuple[str, ...]]]:
    """The training scripts that follow one another, each with its options; a chain is a fold's way to an answer."""
    votes = sorted(path.relative_to(REPOSITORY) for path in (REPOSITORY / VOTES).glob(f"{TRAIN[:2]}[1-9]_train*.py"))
    return [
        [(f"{STAGES[0]}/{TRAIN}.py", *init), *((f"{stage}/{TRAIN}.py",) for stage in STAGES[1:])],
        [("second_place_r101/r31_train_run1.py",), ("second_place_r101/r32_train_run2.py",)],
        *([(str(path), "--init", "random")] for path in votes),
    ]


def run(trial: Trial) -> None:
    """Train what is not trained yet, answer, join, and write the scores."""
    trial.root.mkdir(parents=True, exist_ok=True)
    split = trial.make(trial.root)
    init = ("--init", "random") if trial.preset == "demo" else ()
    side_by_side([partial(_train, trial, split, chain, fold) for chain in chains(init) for fold in trial.folds])
    for folder in FOLDERS:
        for step in (OUT_OF_FOLD, TEST):
            script(trial.root, f"{folder}/{step}.py", *split, *fold_options(trial.folds))
    found, joined = {}, ("join/r61_join.py", *FOLDERS, "--common")
    named = {f"{JOINED}: {way}": (*joined, "--method", way) for way in WAYS}
    ways = {JOINED: joined} if len(trial.folds) > 1 else named
    for name, command in {"vote": (f"{VOTES}/{VOTE}.py",), **ways}.items():
        script(trial.root, *command)
        found[name] = _joined_scores(trial)
    single = json.loads((trial.root / "subm/joined.json").read_text())["scores"]
    stages = [stage for folder in FOLDERS for stage in answering_stages(folder)]
    found = {stage: _stage_scores(trial, stage, single.get(stage)) for stage in stages} | found
    (trial.root / "scores.json").write_text(json.dumps(found))


def _train(trial: Trial, split: Sequence[object], chain: Sequence[Sequence[str]], fold: int, core: int) -> None:
    options = ("--preset", trial.preset, *split, "--fold", fold, "--seed", trial.seed, "--workers", 1)
    for command in chain:
        script(trial.root, *command, *options, core=core, log=f"{Path(command[0]).parent}_{fold}.txt")


def _stage_scores(trial: Trial, stage: str, out_of_fold: dict[str, float] | None) -> dict[str, float]:
    """Of the test part at r41's threshold, and r61's of the same clips out of fold, or r41's where it compared none."""
    table = pd.read_csv(trial.root / f"subm/{stage}_test.csv")
    own = json.loads((trial.root / f"models/{stage}/threshold.json").read_text())
    return _scores(trial, table, own["threshold"], out_of_fold or own)


def _joined_scores(trial: Trial) -> dict[str, float]:
    """The same of the joined submission."""
    made = json.loads((trial.root / "subm/joined.json").read_text())
    table = pd.read_csv(trial.root / f"subm/{JOINED}_test.csv")
    return {"method": made["method"], **_scores(trial, table, made["threshold"], made["scores"][made["method"]])}


def _scores(trial: Trial, table: pd.DataFrame, threshold: float, out_of_fold: dict[str, float]) -> dict[str, object]:
    table = table.merge(pd.read_csv(trial.root / trial.truth), on="filename", validate="1:1")
    found = scores(table["stalled"].to_numpy(), table["probability"].to_numpy(), threshold)
    return {"OOF AUC": out_of_fold.get("roc_auc"), "OOF MCC": out_of_fold.get("mcc"), **found}


def phantom(root: Path, seed: int) -> tuple[object, ...]:
    """A hard phantom's volumes and split, once."""
    if not (root / "modified_data/kfold_split_5_42.csv").exists():
        numbers = ("--train", 800, "--test", 200, "--seed", seed)
        script(root, "preproc_data/r00_make_phantom.py", "--hard", *numbers)
        script(root, "preproc_data/r01_extract_roi.py")
        script(root, "preproc_data/r03_gen_kfold_split.py")
    return ()


def vessels(npz: Path, weights: Path, root: Path) -> tuple[object, ...]:
    """VesselMNIST3D's volumes and official split, which all seeds share."""
    data = make_data(root.parent, npz, weights)
    data.root(root.name)
    return ("--split", data.split("official"))


def trials(arguments: argparse.Namespace) -> list[Trial]:
    """One a seed, of the data that the command line names."""
    if (arguments.npz is None) != (arguments.weights is None):
        raise InputError("VesselMNIST3D takes two files; give both --npz and --weights")
    if arguments.npz is None:
        folder, preset, folds, truth = arguments.root / "phantom", "demo", (0, 1), "input/phantom_test_labels.csv"
    else:
        folder, preset, folds, truth = arguments.root / "vessels", "small", (0,), "../truth.csv"
    return [
        Trial(
            (folder / f"seed_{seed}").absolute(),
            seed,
            preset,
            folds,
            partial(vessels, arguments.npz, arguments.weights) if arguments.npz else partial(phantom, seed=seed),
            truth,
        )
        for seed in arguments.seeds
    ]


def rows_of(done: Sequence[Trial]) -> list[tuple]:
    """A row a stage and a way to join: each score over the seeds, and which way each seed took."""
    found = [json.loads((trial.root / "scores.json").read_text()) for trial in done]
    rows = []
    for name in found[0]:
        ways = ", ".join(dict.fromkeys(one[name].get("method", "") for one in found)) * (":" not in name)
        columns = ([one[name][score] for one in found] for score in SCORES)
        cells = ["" if None in column else spread(column) for column in columns]
        rows.append((f"{name} ({ways})" if ways else name, *cells))
    return rows


def main() -> None:
    """Run the seeds in turn, and write the table after each."""
    parser = cli.parser(__doc__)
    parser.add_argument("--npz", type=Path, help="MedMNIST's vesselmnist3d.npz, in the place of the phantom")
    parser.add_argument("--weights", type=Path, metavar="H5", help="the 2D weights, as for r04")
    parser.add_argument("--root", type=Path, default=REPOSITORY / "bench" / "work" / "recipes")
    parser.add_argument("--seeds", nargs="+", type=cli.at_least(0), default=(0, 1, 2))
    arguments = parser.parse_args()
    own, every = arguments.npz is None, trials(arguments)
    for trial in every:
        if not trial.done:
            run(trial)
        done = [one for one in every if one.done]
        write_section(
            f"Recipes and joining, {'hard phantom' if own else 'VesselMNIST3D'}",
            "bench/run.sh recipes" if own else "bench/run.sh recipes --npz vesselmnist3d.npz --weights H5",
            f"{len(done)} seed{'s' * (len(done) > 1)}; test scores, ACC and MCC at the thresholds chosen out of fold; "
            f"`--preset {trial.preset}`, {len(trial.folds)} of the split's folds. {machine('keras', 'tensorflow')}",
            ("stage", *COLUMNS),
            rows_of(done),
        )


if __name__ == "__main__":
    cli.run(main)
