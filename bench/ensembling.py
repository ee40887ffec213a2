"""What flips, folds and the threshold are worth, from trained folds and without new trainings.

    bench/run.sh ensembling      after bench/run.sh vesselmnist3d, and ablation for the phantom, in the same --root

Every flip and fold answers the test part by itself; means over fewer of them are scored as the full one is. For each
number of flips a threshold of its own is chosen out of fold.

Reads:  --root (default: bench/work): vesselmnist3d/, and in phantom/ what the ablation trained by the recipe as it is
Writes: every_answer.npy in the root of each training, and a section of RESULTS.md
"""

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from measure import REPOSITORY, machine, write_section
from trainings import STAGES, Data, scores, script, spread, stage_recipe
from vesselmnist3d import DESIGNS, answered, finished

from stagewise.console import cli
from stagewise.files import paths
from stagewise.messages.errors import StagewiseError
from stagewise.scores.score import best_threshold

COLUMNS = ("AUC", "ACC", "MCC")
WINNERS_THRESHOLD = 0.7

Way = list[tuple[np.ndarray, float]]  # probabilities (n,) and a threshold; several are scored one by one


def predict_every_flip(split_csv: Path, folds: list[int]) -> None:
    """Write every_answer.npy, (n, 8, folds) probabilities of the test part, in the root that `STAGEWISE_ROOT` names."""
    from stagewise.machine import device
    from stagewise.prediction.inference import plan_test

    plan = plan_test(stage_recipe(STAGES[-1]), split_csv, folds)
    device.prepare_to_predict()
    from stagewise.machine.workers import WorkerPool
    from stagewise.prediction.ensemble import merge
    from stagewise.prediction.predict import load_nets, volume_predictor

    with WorkerPool(1) as pool:
        model = plan.recipe.answer.shown(merge([net for of_fold in load_nets(plan).values() for net in of_fold]))
        answers = volume_predictor(model, plan, pool)(plan.volumes, "every flip")
    np.save(paths.root() / "every_answer.npy", answers)


def ways(every: np.ndarray, out_of_fold: pd.DataFrame) -> dict[str, Way]:
    """The ways to answer by fewer flips, fewer folds, or another threshold.

    every: (n, 8, folds) probabilities; out_of_fold: r41's table.
    """
    labels, folds = out_of_fold["stalled"].to_numpy(), every.shape[-1]
    chosen, chosen_unflipped = (
        best_threshold(labels, out_of_fold[column].to_numpy()).threshold for column in ("probability", "unflipped")
    )
    count = f"{folds} folds" if folds > 1 else "1 fold"
    full, unflipped = every.mean(axis=(1, 2)), every[:, 0].mean(axis=1)
    found = {
        f"{count}, 8 flips": [(full, chosen)],
        f"{count}, 8 flips, threshold 0.5": [(full, 0.5)],
        f"{count}, 8 flips, the winner's threshold {WINNERS_THRESHOLD}": [(full, WINNERS_THRESHOLD)],
        f"{count}, 1 flip": [(unflipped, chosen_unflipped)],
    }
    if folds > 1:
        found["1 of the folds, 8 flips"] = [(column, chosen) for column in every.mean(axis=1).T]
        found["1 of the folds, 1 flip"] = [(column, chosen_unflipped) for column in every[:, 0].T]
    return found


@dataclass(frozen=True)
class Trained:
    """Folds of one seed that are trained and have answered, in a root of the data; design: the split's name."""

    what: str
    data: Data
    design: str
    folds: tuple[int, ...]
    root: Path


def trained_on_vessels(data: Data) -> list[Trained]:
    """All of `vesselmnist3d` that is finished."""
    found = []
    for design, folds in DESIGNS.items():
        what = f"VesselMNIST3D, {'official split' if design == 'official' else 'folds of train + val'}"
        for seed in finished(data, design):
            answered(data, design, seed)  # whose tables are read here
            found.append(Trained(what, data, design, folds, data.root(f"{design}_{seed}")))
    return found


def trained_on_phantom(data: Data) -> list[Trained]:
    """What `ablation` has trained on the hard phantom by the recipe as it is."""
    roots = sorted(data.folder.glob("phantom_recipe_*"))
    done = [root for root in roots if (root / "subm" / f"{STAGES[-1]}_test.csv").exists()]
    return [Trained("hard phantom, fold 0 of 5", data, "folds", (0,), root) for root in done]


def scored(trained: Trained) -> dict[str, dict[str, float]]:
    """Scores of every way to answer by one training's folds; of several answers their mean."""
    root, data = trained.root, trained.data
    if not (root / "every_answer.npy").exists():
        script(root, __file__, "--predict", data.split(trained.design), *trained.folds)
    every = np.load(root / "every_answer.npy")
    answers = pd.read_csv(root / "subm" / f"{STAGES[-1]}_test.csv")
    if not np.allclose(every.mean(axis=(1, 2)), answers["probability"], atol=1e-4):
        raise StagewiseError(f"r42 answered otherwise in {root}; delete its every_answer.npy")
    stalled = answers.merge(data.truth, on="filename", validate="1:1")["stalled"].to_numpy()
    out_of_fold = pd.read_csv(root / "modified_data" / f"{STAGES[-1]}_oof.csv")
    tables = {
        name: pd.DataFrame([scores(stalled, *answer) for answer in way])
        for name, way in ways(every, out_of_fold).items()
    }
    return {name: table.mean().to_dict() for name, table in tables.items()}


def rows_of(what: str, seeds: Sequence[Trained]) -> list[tuple]:
    """A row a way: mean and standard deviation over seeds of each score."""
    found = [scored(trained) for trained in seeds]
    return [
        (what, name, len(seeds), *(spread([each[name][c] for each in found]) for c in COLUMNS)) for name in found[0]
    ]


def main() -> None:
    """Let every flip and fold of the finished trainings answer, and write the table."""
    parser = cli.parser(__doc__)
    parser.add_argument("--root", type=Path, default=REPOSITORY / "bench" / "work")
    parser.add_argument("--predict", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.predict:
        predict_every_flip(Path(arguments.predict[0]), [int(fold) for fold in arguments.predict[1:]])
        return
    vessels, phantom = (Data(arguments.root.absolute() / name) for name in ("vesselmnist3d", "phantom"))
    by_kind: dict[str, list[Trained]] = {}
    for trained in (*trained_on_vessels(vessels), *trained_on_phantom(phantom)):
        by_kind.setdefault(trained.what, []).append(trained)
    if not by_kind:
        command = f"vesselmnist3d --npz vesselmnist3d.npz --weights H5 --root {shlex.quote(str(vessels.folder))}"
        parser.error(f"no finished training in {arguments.root}; run: bench/run.sh {command}")
    write_section(
        "Ensembling",
        "bench/run.sh ensembling",
        "Scores of the test parts, mean ± standard deviation over seeds; ACC and MCC at the threshold chosen out of "
        f"fold unless said. No training of its own. {machine('keras', 'openvino')}",
        ("trained on", "answered by", "seeds", *COLUMNS),
        [row for what, seeds in by_kind.items() for row in rows_of(what, seeds)],
    )


if __name__ == "__main__":
    cli.run(main)
