"""What flips, folds and the threshold are worth, from trained folds and without new trainings.

    bench/run.sh ensembling      after bench/run.sh vesselmnist3d, in the same --root

Every flip and fold answers the test part by itself; means over fewer of them are scored as the full one is. A
threshold is chosen out of fold anew for each number of flips.

Reads:  --root (default: bench/work/vesselmnist3d)
Writes: every_answer.npy in the root of each training, and a section of RESULTS.md
"""

import argparse
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
from measure import REPOSITORY, machine, write_section
from trainings import STAGES, Data, scores, script, spread
from vesselmnist3d import DESIGNS, answered, finished

from stagewise import cli, paths
from stagewise.score import best_threshold

COLUMNS = ("AUC", "ACC", "MCC")
WINNERS_THRESHOLD = 0.7

Way = list[tuple[np.ndarray, float]]  # probabilities (n,) and a threshold; several are scored one by one


def predict_every_flip(split_csv: Path, folds: list[int]) -> None:
    """Write every_answer.npy, (n, 8, folds) probabilities of the test part, in the root that `STAGEWISE_ROOT` names."""
    from stagewise import device
    from stagewise.inference import plan_test

    plan = plan_test(STAGES[-1], split_csv, folds)
    device.prepare_to_predict()
    from stagewise.ensemble import merge
    from stagewise.predict import load_nets, volume_predictor
    from stagewise.tta import with_flips
    from stagewise.workers import WorkerPool

    with WorkerPool(1) as pool:
        model = with_flips(merge(list(load_nets(plan).values())))
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


def scored(data: Data, design: str, seed: int) -> dict[str, dict[str, float]]:
    """Scores of every way to answer by one training's folds; of several answers their mean."""
    root = data.root(f"{design}_{seed}")
    answered(data, design, seed)  # whose tables are read here
    if not (root / "every_answer.npy").exists():
        script(root, __file__, "--predict", data.split(design), *DESIGNS[design])
    every = np.load(root / "every_answer.npy")
    answers = pd.read_csv(root / "subm" / f"{STAGES[-1]}_test.csv")
    if not np.allclose(every.mean(axis=(1, 2)), answers["probability"], atol=1e-4):
        raise RuntimeError(f"r42 answered otherwise in {root}")
    stalled = answers.merge(data.truth, on="filename", validate="1:1")["stalled"].to_numpy()
    out_of_fold = pd.read_csv(root / "modified_data" / f"{STAGES[-1]}_oof.csv")
    tables = {
        name: pd.DataFrame([scores(stalled, *answer) for answer in way])
        for name, way in ways(every, out_of_fold).items()
    }
    return {name: table.mean().to_dict() for name, table in tables.items()}


def rows_of(data: Data, design: str, seeds: list[int]) -> list[tuple]:
    """A row a way: mean and standard deviation over seeds of each score."""
    found = [scored(data, design, seed) for seed in seeds]
    what = "official split" if design == "official" else "folds of train + val"
    return [
        (what, name, len(seeds), *(spread([each[name][c] for each in found]) for c in COLUMNS)) for name in found[0]
    ]


def main() -> None:
    """Let every flip and fold of the finished trainings answer, and write the table."""
    parser = cli.parser(__doc__)
    parser.add_argument("--root", type=Path, default=REPOSITORY / "bench" / "work" / "vesselmnist3d")
    parser.add_argument("--predict", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.predict:
        predict_every_flip(Path(arguments.predict[0]), [int(fold) for fold in arguments.predict[1:]])
        return
    data = Data(arguments.root.absolute())
    seeds = {design: finished(data, design) for design in DESIGNS}
    if not any(seeds.values()):
        command = f"vesselmnist3d --npz vesselmnist3d.npz --weights H5 --root {shlex.quote(str(data.folder))}"
        parser.error(f"no finished training in {arguments.root}; run: bench/run.sh {command}")
    write_section(
        "Ensembling",
        "bench/run.sh ensembling",
        "VesselMNIST3D's test part, mean ± standard deviation over seeds; ACC and MCC at the threshold chosen out of "
        f"fold unless said. No training of its own. {machine('keras', 'openvino')}",
        ("trained on", "answered by", "seeds", *COLUMNS),
        [row for design, done in seeds.items() if done for row in rows_of(data, design, done)],
    )


if __name__ == "__main__":
    cli.run(main)
