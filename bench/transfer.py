"""Whether nets that learnt on one half of what a hard phantom varies answer the other half: motion, or one renderer.

    bench/run.sh transfer
    bench/run.sh transfer --train 400 --test 100 --epochs 1

r00 makes two sets, `--hard --half lower` and `--hard --half upper`: of every range (optics, noise, vessels, speed,
outline) each set has a half. The demo's net trains on a set, fold 0 of 5, by the three stages with a third more epochs
than the demo, and answers the test clips of both. What is finished is not done again, so that the same command goes on.

Writes: --root (default: bench/work/transfer), and a section of RESULTS.md
Time:   about an hour on 2 CPU cores that have other work, too
"""

import argparse
from functools import partial
from pathlib import Path

import pandas as pd
from measure import REPOSITORY, machine, write_section
from trainings import STAGES, script, side_by_side, stage_recipe

from stagewise.console import cli
from stagewise.recipes.d121 import PRESETS
from stagewise.recipes.recipe import changed
from stagewise.scores.score import roc_auc

HALVES = ("lower", "upper")
FOLD = ("--fold", 0)


def make_set(root: Path, half: str, options: tuple) -> None:
    """A half's clips, volumes and split, once."""
    if not (root / "modified_data" / "kfold_split_5_42.csv").exists():
        root.mkdir(parents=True, exist_ok=True)
        seed = HALVES.index(half)
        script(root, "preproc_data/r00_make_phantom.py", "--hard", "--half", half, "--seed", seed, *options)
        script(root, "preproc_data/r01_extract_roi.py")
        script(root, "preproc_data/r03_gen_kfold_split.py")


def train_stages(epochs: int) -> None:
    """The demo's stages of so many epochs, in this process and the root that `STAGEWISE_ROOT` names."""
    from stagewise.data.splits import read_split
    from stagewise.machine import device
    from stagewise.training.plans import plan_training

    device.prepare()
    from stagewise.training.train import train_folds

    for recipe in (changed(PRESETS["demo"](stage_recipe(stage)), epochs=epochs) for stage in STAGES):
        train_folds([plan_training(recipe, recipe.rows.of(read_split(None)), FOLD[1], 42)], workers=1, force=False)


def train(root: Path, epochs: int, core: int) -> None:
    """Train on a set, and find the threshold that r42 asks for."""
    script(root, __file__, "--train-stages", epochs, core=core)
    script(root, f"{STAGES[-1]}/r41_process_oof.py", *FOLD, core=core)


def answer(trained: Path, asked: Path) -> float:
    """ROC AUC of one set's nets on the test clips of a set, in a root of links to both."""
    root = trained.with_name(f"{trained.name}_answers_{asked.name}")
    for home, entry in ((trained, "models"), (asked, "input"), (asked, "modified_data/roi_parts")):
        link = root / entry
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(home / entry)
    script(root, f"{STAGES[-1]}/r42_process_test.py", *FOLD)
    truth = pd.read_csv(root / "input" / "phantom_test_labels.csv")
    means = pd.read_csv(root / "subm" / f"{STAGES[-1]}_test.csv").merge(truth, on="filename", suffixes=("_answer", ""))
    return roc_auc(means["stalled"].to_numpy(), means["probability"].to_numpy())


def main() -> None:
    """Make both sets, train on each, ask each about both, and write the table."""
    parser = cli.parser(__doc__)
    parser.add_argument("--root", type=Path, default=REPOSITORY / "bench" / "work" / "transfer")
    parser.add_argument("--train", type=cli.at_least(50), default=1000, help="clips a half (default: %(default)s)")
    parser.add_argument("--test", type=cli.at_least(20), default=200, help="clips a half (default: %(default)s)")
    parser.add_argument("--epochs", type=cli.at_least(1), default=4, help="of a stage (default: %(default)s)")
    parser.add_argument("--train-stages", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train_stages:
        train_stages(arguments.train_stages)
        return
    roots = {half: arguments.root.absolute() / half for half in HALVES}
    for half, root in roots.items():
        make_set(root, half, ("--train", arguments.train, "--test", arguments.test))
    side_by_side([partial(train, root, arguments.epochs) for root in roots.values()])
    rows = [(half, *(f"{answer(roots[half], roots[other]):.3f}" for other in HALVES)) for half in HALVES]
    write_section(
        "Transfer",
        "bench/run.sh transfer",
        f"ROC AUC on {arguments.test} test clips of a half, by the demo's net, trained on fold 0 of 5 of "
        f"{arguments.train} clips of a half for {arguments.epochs} epochs of each stage; clips by r00 --hard --half. "
        f"{machine('keras', 'tensorflow')}",
        ("trained on", *(f"answers the {half} half" for half in HALVES)),
        rows,
    )


if __name__ == "__main__":
    cli.run(main)
