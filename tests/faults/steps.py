"""Every numbered script's command, on 12 clips: the data's, and each recipe's behind them."""

from dataclasses import dataclass, replace
from pathlib import Path

from house import FOLDS, RANDOM, STAGES

WORKERS = ("--workers", "{workers}")
SPLIT = ("--split", "{tables}/kfold_split_2_42.csv")
ONE = ("--fold", "0")
GOES_ON = (0,)
IS_DONE = (0, 2)  # the fault came after the file stood: the script refuses to replace it without --force


@dataclass(frozen=True)
class Step:
    """One numbered script's command, and the exit codes with which it may answer when called again.

    recipe: whose it is, "" for the data's, which come before each recipe.
    """

    name: str
    command: tuple[str, ...]
    again: tuple[int, ...] = GOES_ON
    recipe: str = ""


def steps(weights: Path | None) -> list[Step]:
    """Every numbered script in its order, recipe after recipe; r04 only where 2D ImageNet `weights` are at hand."""
    sizes = ("--train", "10", "--test", "2", "--stalled-share", "0.5", "--tier1-share", "1")
    recipes = {"d121": _d121(), "r101": _r101(), "vote": _vote(), "pneumothorax": _pneumothorax()}
    return [
        Step("r00", ("preproc_data/r00_make_phantom.py", *sizes, *WORKERS), IS_DONE),
        Step("r01", ("preproc_data/r01_extract_roi.py", *WORKERS)),
        Step("r02", ("preproc_data/r02_verify_data.py", *WORKERS)),
        Step("r03", ("preproc_data/r03_gen_kfold_split.py", "--folds", "2"), IS_DONE),
        *([Step("r04", ("preproc_data/r04_inflate_imagenet.py", "--weights", str(weights)), IS_DONE)] * bool(weights)),
        *(replace(step, recipe=recipe) for recipe, own in recipes.items() for step in own),
    ]


def _d121() -> list[Step]:
    first, second, third = STAGES
    return [
        _trains("r31 stage 1", f"{first}/r31_train.py", ONE, *RANDOM),
        _trains("r31 stage 2", f"{second}/r31_train.py", ONE),
        _trains("r31 stage 3", f"{third}/r31_train.py", ONE),
        *_answers("", third, ONE),
        Step("r05", ("preproc_data/r05_pack_volumes.py",)),
        *_looks("", third, ONE, third),
    ]


def _r101() -> list[Step]:
    folder = "second_place_r101"
    return [
        _trains("r101 r31", f"{folder}/r31_train_run1.py", ONE),
        _trains("r101 r32", f"{folder}/r32_train_run2.py", ONE),
        *_answers("r101 ", folder, ONE),
        *_looks("r101 ", folder, ONE, f"{folder}_run2"),
    ]


def _vote() -> list[Step]:
    """On two folds, which joining needs."""
    folder, nets = "third_place_vote", ("r2plus1d", "mc3", "r3d")
    joined = [f"{folder}_{net}" for net in nets[1:]]
    return [
        *(_trains(f"vote r{n}", f"{folder}/r{n}_train_{net}.py", FOLDS, *RANDOM) for n, net in enumerate(nets, 31)),
        *_answers("vote ", folder, FOLDS),
        Step("vote r61", (f"{folder}/r61_vote.py",)),
        *_looks("vote ", folder, FOLDS, f"{folder}_{nets[0]}"),
        Step("join r61", ("join/r61_join.py", *joined)),
        Step("join r50", ("join/r50_score_phantom.py",)),
    ]


def _pneumothorax() -> list[Step]:
    """With data of its own: 12 films."""
    folder, part = "pneumothorax", ("--part", "part0")
    sizes = ("--train", "12", "--test", "2", "--side", "128", "--positive-share", "0.5", "--least-area", "20000")
    options = ("--split", "{tables}/xrays/kfold_split_2_42.csv", *ONE, *part)
    train = (f"{folder}/r34_train_resnet50.py", "--preset", "demo", *RANDOM, *options, *WORKERS)
    return [
        Step("xrays r00", (f"{folder}/r00_make_phantom.py", *sizes, *WORKERS), IS_DONE),
        Step("xrays r01", (f"{folder}/r01_convert_dicom.py", *WORKERS)),
        Step("xrays r02", (f"{folder}/r02_verify_data.py", *WORKERS)),
        Step("xrays r03", (f"{folder}/r03_gen_kfold_split.py", "--folds", "2"), IS_DONE),
        Step("xrays r31", train),
        Step("xrays r41", (f"{folder}/r41_process_oof.py", *options, *WORKERS)),
        Step("xrays r42", (f"{folder}/r42_process_test.py", *options, *WORKERS)),
        Step("xrays r61", (f"{folder}/r61_blend.py", *options, *WORKERS)),
        Step("xrays r50", (f"{folder}/r50_score_phantom.py",)),
        Step("xrays r51", (f"{folder}/r51_report.py", *options)),
    ]


def _trains(name: str, script: str, folds: tuple[str, ...], *options: str) -> Step:
    return Step(name, (script, "--preset", "demo", *SPLIT, *folds, *WORKERS, *options))


def _answers(prefix: str, folder: str, folds: tuple[str, ...]) -> list[Step]:
    options = (*SPLIT, *folds, *WORKERS)
    return [
        Step(f"{prefix}r41", (f"{folder}/r41_process_oof.py", *options)),
        Step(f"{prefix}r42", (f"{folder}/r42_process_test.py", *options)),
    ]


def _looks(prefix: str, folder: str, folds: tuple[str, ...], stage: str) -> list[Step]:
    options = (*SPLIT, *folds)
    return [
        Step(f"{prefix}r52", (f"{folder}/r52_create_heatmap_video.py", *options, "--sure", "1", "--method", "gradcam")),
        Step(f"{prefix}r50", (f"{folder}/r50_score_phantom.py",)),
        Step(f"{prefix}r51", (f"{folder}/r51_report.py", *options, "--clips", "1")),
        Step(f"{prefix}r53", (f"{folder}/r53_compare_splits.py", f"{{tables}}/{stage}_oof.csv")),
    ]
