"""A real benchmark: VesselMNIST3D, vessel or aneurysm (1 in 9), by the same scripts as the capillaries.

    bench/run.sh vesselmnist3d --npz vesselmnist3d.npz --weights densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5
    bench/run.sh vesselmnist3d ... --designs official                three trainings of it all
    bench/run.sh vesselmnist3d ... --designs folds --seeds 0         five

The scripts run by their command lines: r31 of the three stages with `--preset small`, r41 and r42, on the official
split (validation is fold 0) and on 5 folds of train and validation together. The test part is only answered.
Trainings run side by side, a core each; what is finished is not done again, so that the same command goes on. The
table has all that is finished.

Reads:  MedMNIST v2's npz (Yang et al., Scientific Data 10, 2023), and ImageNet weights as for r04
Writes: --root (default: bench/work/vesselmnist3d), and a section of RESULTS.md
Time:   33 to 51 minutes on one CPU core for each of 3 x (1 + 5) trainings
"""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from measure import REPOSITORY, machine, write_section
from trainings import SHARED, STAGES, Data, answer, script, side_by_side, spread

from stagewise.console import cli
from stagewise.data.fold_making import FoldMaking, gen_kfold_split
from stagewise.data.splits import ALWAYS_TRAINED
from stagewise.messages.errors import InputError
from stagewise.volumes.pklz import save_volume

FOLDS = 5
DESIGNS = {"official": (0,), "folds": tuple(range(FOLDS))}
COLUMNS = ("AUC", "ACC", "ACC at 0.5", "MCC", "core hours")
# test AUC and ACC: MedMNIST v2's table; NeuroVis-3D's authors, 2026; the share of vessels in the test part
PUBLISHED = (
    ("MedMNIST v2: ResNet-18, 3D", "0.874", "0.877"),
    ("MedMNIST v2: ResNet-18, ACS convolutions", "0.930", "0.928"),
    ("NeuroVis-3D", "0.941", ""),
    ("always vessel", "0.500", "0.887"),
)


def make_data(folder: Path, npz: Path, weights: Path) -> Data:
    """Volumes grey in all three channels, splits, submission format and inflated weights, once.

    npz: MedMNIST's file, images (n, 28, 28, 28) uint8 and labels (n, 1), 1 an aneurysm; weights: as for r04.
    """
    data = Data(folder.absolute())
    shared = data.shared
    if (shared / SHARED[-1]).exists():
        return data
    if not weights.is_file():
        raise InputError(f"no file {weights}; give the 2D weights, as for r04, with --weights")
    parts, tables = read_parts(npz), {}
    for part in ("train", "val", "test"):
        names = [f"{part}_{number:04d}.mp4" for number in range(len(parts[f"{part}_images"]))]
        roi_folder = shared / "modified_data" / "roi_parts" / ("test" if part == "test" else "train")
        roi_folder.mkdir(parents=True, exist_ok=True)
        for name, image in zip(names, parts[f"{part}_images"], strict=True):
            save_volume(roi_folder / f"{name}.pklz", np.repeat(image[..., None], 3, axis=-1), durable=False)
        stalled = parts[f"{part}_labels"][:, 0]
        tables[part] = pd.DataFrame({"filename": names, "stalled": stalled, "tier1": True})
    (shared / "input").mkdir(exist_ok=True)
    tables["test"].assign(stalled=0)[["filename", "stalled"]].to_csv(
        shared / "input/submission_format.csv", index=False
    )
    tables["test"].to_csv(data.folder / "truth.csv", index=False)
    both = pd.concat([tables["train"].assign(fold=ALWAYS_TRAINED), tables["val"].assign(fold=0)], ignore_index=True)
    both.to_csv(data.split("official"), index=False)
    gen_kfold_split(both, FoldMaking(FOLDS)).to_csv(data.split("folds"), index=False)
    script(shared, "preproc_data/r04_inflate_imagenet.py", "--weights", weights.absolute())
    return data


def read_parts(npz: Path) -> Mapping[str, np.ndarray]:
    """MedMNIST's arrays by name, such as train_images. Raises InputError where the file has none."""
    with suppress(ValueError, EOFError, BadZipFile):
        parts = np.load(npz)
        if isinstance(parts, Mapping) and "test_labels" in parts:
            return parts
    raise InputError(f"{npz} does not hold MedMNIST's arrays; give vesselmnist3d.npz with --npz")


def train_fold(data: Data, design: str, seed: int, fold: int, core: int) -> None:
    """The three stages of one fold, and the seconds that each took in seconds_<fold>.json."""
    root = data.root(f"{design}_{seed}")
    seconds = _seconds(root, fold)
    options = ("--preset", "small", "--split", data.split(design), "--fold", fold, "--seed", seed, "--workers", 1)
    for stage in STAGES:
        if stage not in seconds:
            start = time.monotonic()
            script(root, f"{stage}/r31_train.py", *options, core=core, log=f"fold_{fold}.txt")
            seconds[stage] = time.monotonic() - start
            (root / f"seconds_{fold}.json").write_text(json.dumps(seconds))


def finished(data: Data, design: str) -> list[int]:
    """Seeds of which every fold has all its stages."""
    roots = data.folder.glob(f"{design}_*")
    whole = (root for root in roots if all(len(_seconds(root, fold)) == len(STAGES) for fold in DESIGNS[design]))
    return sorted(int(root.name.removeprefix(f"{design}_")) for root in whole)


def _seconds(root: Path, fold: int) -> dict[str, float]:
    path = root / f"seconds_{fold}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def answered(data: Data, design: str, seed: int) -> dict[str, float]:
    """Scores of the test part, and the core hours that the training took."""
    root = data.root(f"{design}_{seed}")
    path = root / "scores.json"
    if not path.exists():
        seconds = sum(sum(_seconds(root, fold).values()) for fold in DESIGNS[design])
        found = {**answer(data, root, design, DESIGNS[design]), "core hours": seconds / 3600}
        path.write_text(json.dumps(found))
    return json.loads(path.read_text())


def rows_of(data: Data, design: str) -> list[tuple]:
    """A row a finished seed, and one of their mean and standard deviation."""
    found = {seed: answered(data, design, seed) for seed in finished(data, design)}
    what = f"ours, {'official split' if design == 'official' else f'{len(DESIGNS[design])} folds of train + val'}"
    rows = [(f"{what}, seed {seed}", *(f"{scores[name]:.3f}" for name in COLUMNS)) for seed, scores in found.items()]
    if len(found) > 1:
        rows.append((f"**{what}, mean**", *(spread([scores[name] for scores in found.values()]) for name in COLUMNS)))
    return rows


def main() -> None:
    """Train what is not trained yet, answer, and write the table."""
    parser = cli.parser(__doc__)
    parser.add_argument("--npz", type=Path, required=True, help="MedMNIST's vesselmnist3d.npz")
    parser.add_argument("--weights", type=Path, required=True, metavar="H5", help="the 2D weights, as for r04")
    parser.add_argument("--root", type=Path, default=REPOSITORY / "bench" / "work" / "vesselmnist3d")
    parser.add_argument("--designs", nargs="+", choices=tuple(DESIGNS), default=tuple(DESIGNS))
    parser.add_argument("--seeds", nargs="+", type=cli.at_least(0), default=(0, 1, 2))
    arguments = parser.parse_args()
    data = make_data(arguments.root, arguments.npz, arguments.weights)
    runs = [(design, seed) for design in arguments.designs for seed in arguments.seeds]
    side_by_side([partial(train_fold, data, *run, fold) for run in runs for fold in DESIGNS[run[0]]])
    write_section(
        "VesselMNIST3D",
        "bench/run.sh vesselmnist3d --npz vesselmnist3d.npz --weights H5",
        f"Test part, 382 volumes, 43 of them aneurysms; `--preset small`, 8 flips, ACC and MCC at the "
        f"threshold chosen out of fold. {machine('keras', 'tensorflow', 'openvino')}",
        ("what", *COLUMNS),
        [
            *(row for design in DESIGNS for row in rows_of(data, design)),
            *((*row, *[""] * (len(COLUMNS) - 2)) for row in PUBLISHED),
        ],
    )


if __name__ == "__main__":
    cli.run(main)
