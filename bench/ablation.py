"""Ablations: what each part of the recipe is worth, on VesselMNIST3D and on a hard phantom, three seeds a row.

    bench/run.sh ablation --npz vesselmnist3d.npz --weights H5                       everything that is not done yet
    bench/run.sh ablation --npz ... --weights ... --data vessel --variants recipe random_start
    bench/run.sh ablation --data phantom --variants step_24_by_6 step_24_by_24

vessel: the official split, `--preset small` with 3 epochs of 100 batches a stage, half of the whole training. phantom:
fold 0 of 5 of 400 clips with 10 times the noise, `--preset demo`, whose small net has no ImageNet weights. A variant
changes one thing and trains on as many clips; step_24_by_6 and step_24_by_24 take 24 clips for a step of the optimizer
in place of 16, by batches of so many. Trainings go side by side, a core each. Each adds a row to ablation.csv, and is
not done again while that is there. The table in RESULTS.md is made of its rows.
"""

import argparse
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
from measure import REPOSITORY, machine, write_section
from trainings import STAGES, Data, answer, script, side_by_side, spread, stage_recipe
from vesselmnist3d import make_data

from stagewise import augment
from stagewise.console import cli
from stagewise.recipes.d121 import PRESETS, in_batches_of
from stagewise.recipes.recipe import Recipe, changed
from stagewise.recipes.starts import RandomStart

ROWS = Path(__file__).with_name("ablation.csv")
VESSEL_LENGTH = {"steps_per_epoch": 100, "epochs": 3}
PHANTOM_DIFFICULTY, PHANTOM_CLIPS, PHANTOM_TEST_CLIPS = 10, 400, 500
SEEDS = (0, 1, 2)
DESIGN = {"vessel": "official", "phantom": "folds"}
COLUMNS = ("AUC", "ACC", "MCC")
GEOMETRIC = (augment.Rotate, augment.Flip, augment.RotateQuarters)
CROP_AND_ELASTIC = (augment.RandomCropFromBorders, augment.ElasticTransform)
DROPPED_PLANES = (augment.DropPlanes,)
NOISE_AND_GAMMA = (augment.GaussianNoise, augment.RandomGamma)

Stages = list[Recipe]


def stage_recipes(data: str) -> Stages:
    """The three stages as their scripts have them, at the ablation's length and size."""
    stages = list(map(stage_recipe, STAGES))
    if data == "vessel":
        return [changed(PRESETS["small"](stage), **VESSEL_LENGTH) for stage in stages]
    return list(map(PRESETS["demo"], stages))


def without(kinds: tuple[type, ...], stages: Stages) -> Stages:
    """The stages less some kinds of augmentation."""
    return [
        replace(stage, augmentation=tuple(step for step in stage.augmentation if not isinstance(step, kinds)))
        for stage in stages
    ]


def step_of_24(size: int, stages: Stages) -> Stages:
    """The stages with 24 clips a step in batches of a size, and as many clips an epoch as before, to a step."""

    def whole(stage: Recipe) -> Recipe:
        steps = round(stage.sampling.steps_per_epoch * stage.batch_size / 24)
        return changed(stage, batch_size=24, accumulation_steps=1, steps_per_epoch=steps)

    return [in_batches_of(whole(stage), size) for stage in stages]


VARIANTS: dict[str, Callable[[Stages], Stages]] = {
    "recipe": lambda stages: stages,
    "random_start": lambda stages: [replace(stages[0], start=RandomStart()), *stages[1:]],
    "stage_3_alone": lambda stages: [
        changed(stages[2], start=stages[0].start, epochs=sum(stage.schedule.epochs for stage in stages))
    ],
    "no_geometric": partial(without, GEOMETRIC),
    "no_crop_and_elastic": partial(without, CROP_AND_ELASTIC),
    "no_dropped_planes": partial(without, DROPPED_PLANES),
    "no_noise_and_gamma": partial(without, NOISE_AND_GAMMA),
    **{f"step_24_by_{size}": partial(step_of_24, size) for size in (6, 24)},
}


def make_phantom(folder: Path) -> Data:
    """Hard phantom clips by the numbered scripts, once."""
    data = Data(folder.absolute())
    if not data.split("folds").exists():
        data.shared.mkdir(parents=True, exist_ok=True)
        clips = ("--train", PHANTOM_CLIPS, "--test", PHANTOM_TEST_CLIPS, "--difficulty", PHANTOM_DIFFICULTY)
        script(data.shared, "preproc_data/r00_make_phantom.py", *clips, "--seed", 0)
        script(data.shared, "preproc_data/r01_extract_roi.py")
        shutil.copy(data.shared / "input" / "phantom_test_labels.csv", data.folder / "truth.csv")
        script(data.shared, "preproc_data/r03_gen_kfold_split.py", "--output", data.split("folds"))
    return data


def train_variant(kind: str, variant: str, seed: int, split_csv: Path) -> None:
    """All stages of a variant's fold 0, in this process and the root that `STAGEWISE_ROOT` names."""
    from stagewise.data.splits import read_split
    from stagewise.machine import device
    from stagewise.training.plans import plan_training

    device.prepare()
    from stagewise.training.train import train_folds

    for recipe in VARIANTS[variant](stage_recipes(kind)):
        plan = plan_training(recipe, recipe.rows.of(read_split(split_csv)), 0, seed)
        train_folds([plan], workers=1, force=False)


def measure_variant(data: Data, kind: str, variant: str, seed: int, core: int) -> None:
    """Train a variant and let it answer the test part; its scores become a row of ablation.csv."""
    root, design = data.root(f"{kind}_{variant}_{seed}"), DESIGN[kind]
    command = (__file__, "--train", kind, variant, seed, data.split(design))
    script(root, *command, core=core)
    found = answer(data, root, design, folds=(0,), core=core)
    row = {"data": kind, "variant": variant, "seed": seed, **{name: round(found[name], 4) for name in COLUMNS}}
    pd.DataFrame([row]).to_csv(ROWS, mode="a", header=not ROWS.exists(), index=False)


def done() -> pd.DataFrame:
    """The rows so far."""
    return pd.read_csv(ROWS) if ROWS.exists() else pd.DataFrame(columns=["data", "variant", "seed", *COLUMNS])


def table_rows(rows: pd.DataFrame) -> list[tuple]:
    """A line a variant: how many seeds, and mean and standard deviation of each score."""
    lines = []
    for kind in DESIGN:
        for variant in VARIANTS:
            group = rows[(rows["data"] == kind) & (rows["variant"] == variant)]
            if len(group):
                cells = (spread(group[name].tolist()) for name in COLUMNS)
                lines.append((kind, variant.replace("_", " "), len(group), *cells))
    return lines


def write_table() -> None:
    """Put what the rows so far say into RESULTS.md."""
    length = "{epochs} epochs of {steps_per_epoch} batches a stage".format(**VESSEL_LENGTH)
    write_section(
        "Ablations",
        "bench/run.sh ablation --npz vesselmnist3d.npz --weights H5",
        "Scores of the test part, mean ± standard deviation over seeds; ACC and MCC at the threshold chosen out of "
        f"fold. vessel: official split, `--preset small`, {length}; phantom: "
        f"{PHANTOM_DIFFICULTY} times the noise, `--preset demo`, {PHANTOM_TEST_CLIPS} test clips. "
        f"{machine('keras', 'tensorflow')}",
        ("data", "variant", "seeds", *COLUMNS),
        table_rows(done()),
    )


def main() -> None:
    """Train what has no row yet, and write the table."""
    parser = cli.parser(__doc__)
    parser.add_argument("--npz", type=Path, help="MedMNIST's vesselmnist3d.npz")
    parser.add_argument("--weights", type=Path, metavar="H5", help="the 2D weights, as for r04")
    parser.add_argument("--root", type=Path, default=REPOSITORY / "bench" / "work")
    parser.add_argument("--data", nargs="+", choices=tuple(DESIGN), default=tuple(DESIGN))
    parser.add_argument("--variants", nargs="+", choices=tuple(VARIANTS), default=tuple(VARIANTS))
    parser.add_argument("--train", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        kind, variant, seed, split_csv = arguments.train
        train_variant(kind, variant, int(seed), Path(split_csv))
        return
    if "vessel" in arguments.data and not (arguments.npz and arguments.weights):
        parser.error("give --npz and --weights, or --data phantom")
    data = {
        "vessel": lambda: make_data(arguments.root / "vesselmnist3d", arguments.npz, arguments.weights),
        "phantom": lambda: make_phantom(arguments.root / "phantom"),
    }
    made = {kind: data[kind]() for kind in arguments.data}
    finished = set(done()[["data", "variant", "seed"]].itertuples(index=False, name=None))
    wanted = [
        (kind, variant, seed)
        for kind in made
        for seed in SEEDS
        for variant in arguments.variants
        if (kind, variant) != ("phantom", "random_start")  # as the phantom's recipe does anyway
    ]
    side_by_side([partial(measure_variant, made[row[0]], *row) for row in wanted if row not in finished])
    write_table()


if __name__ == "__main__":
    cli.run(main)
