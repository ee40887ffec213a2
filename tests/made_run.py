"""The files of a whole run, made without training: three stages, three folds, answers out of fold and of a test set."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import tiny

from stagewise.crops.extraction import write_index
from stagewise.crops.roi_index import ROI_INDEX
from stagewise.files import paths
from stagewise.folds import runs
from stagewise.folds.formats import FORMAT
from stagewise.folds.versions import versions
from stagewise.nets.densenet3d import densenet3d
from stagewise.prediction.inference import plan_out_of_fold
from stagewise.prediction.submission import AnswerSettings, write_submission
from stagewise.prediction.threshold import write_threshold
from stagewise.recipes.recipe import Recipe
from stagewise.recipes.rows import AllRows, Tier1
from stagewise.recipes.starts import ParentStage, RandomStart

STAGES = ("net_d121_stage1", "net_d121_stage2_auc", "net_d121_stage3_tier1")
FOLDS = (0, 1, 2)
SEED = 5  # of the scores' resamples
PROJECTS = ("A", "B</script><script>document.title = 'ran'</script>")
QUARANTINED = "bad<i>.mp4"
TEST_NAMES = ("200000.mp4", "<b>bold.mp4", "<!--<script>.mp4", "$x$ é.mp4", "200010.mp4", "200009.mp4")
UNKNOWN = "1" * 64  # a sha256 of weights that nothing reads


def recipe(stage: str = STAGES[-1]) -> Recipe:
    """The tiny recipe of one of the stages, which start from one another."""
    parent = dict(zip(STAGES[1:], STAGES, strict=False)).get(stage)
    start, rows = ParentStage(parent) if parent else RandomStart(), Tier1() if stage == STAGES[-1] else AllRows()
    return tiny.recipe(name=stage, start=start, rows=rows)


def make_run() -> None:
    """Write everything below the present STAGEWISE_ROOT."""
    split = tiny.write_volumes("train", 36)
    split["project_id"] = [PROJECTS[number % 5 == 0] for number in range(len(split))]
    split.to_csv(paths.split_csv(), index=False)
    _write_index("train", split["filename"], quarantined=QUARANTINED)
    _write_index("test", TEST_NAMES)
    _write_trainings()
    answer_out_of_fold(FOLDS)
    answer_test(np.linspace(0.05, 0.95, len(TEST_NAMES))[:, None] + [-0.02, 0.01, 0.02])


def answer_out_of_fold(folds: Sequence[int]) -> None:
    """Write what r41 writes, with a few wrong answers."""
    plan = plan_out_of_fold(recipe(), None, folds)
    noise = np.random.default_rng(0).normal(0, 0.45, len(plan.table))
    probability = np.clip(0.2 + 0.6 * plan.table["stalled"] + noise, 0.001, 0.999)
    table = plan.table.assign(probability=probability, unflipped=probability)
    table.to_csv(paths.oof_csv(STAGES[-1]), index=False)
    write_threshold(plan, table, SEED, prevalence=0.003)


def answer_test(
    by_fold: np.ndarray,
    names: Sequence[str] = TEST_NAMES,
    folds: Sequence[int] = FOLDS,
    passes: Sequence[int] | None = None,
    reasons: dict[str, str] | None = None,
    row: str | None = None,
) -> None:
    """Write what r42 writes of these probabilities, (n, folds).

    reasons, row: of videos that were left unanswered, which are among the names.
    """
    by_fold = np.asarray(by_fold).reshape(-1, len(folds))
    weights = {str(fold): runs.read_config(STAGES[-1], fold)["best"]["sha256"] for fold in folds}
    adaptive = None if passes is None else {"prevalence": 0.0031415926, "bound": 1e-4, "seed": 4242424242}
    passes = None if passes is None else np.array(passes)
    asked = pd.DataFrame({"filename": names, "asked": names})
    settings = AnswerSettings(0.5, weights, adaptive, row)
    write_submission(recipe(), asked, by_fold, settings, passes, reasons)


def _write_index(subset: str, names: Sequence[str], quarantined: str | None = None) -> None:
    whole = dict.fromkeys(ROI_INDEX, "9") | {"sha256": "0" * 64, "status": "ok", "reason": ""}
    rows = [whole | {"filename": name, "frames": str(9 + number % 5)} for number, name in enumerate(names)]
    if quarantined:
        reason = {"sha256": "", "status": "quarantined", "reason": "no orange outline in any frame"}
        rows.append(dict.fromkeys(ROI_INDEX, "0") | {"filename": quarantined} | reason)
    write_index(subset, rows)


def _write_trainings() -> None:
    net = densenet3d(tiny.NET)
    for stage in STAGES:
        for fold in FOLDS:
            folder = paths.fold_folder(stage, fold)
            folder.mkdir(parents=True)
            sha256 = UNKNOWN
            if stage == STAGES[-1]:
                net.save_weights(folder / runs.BEST_WEIGHTS)
                sha256 = paths.sha256_of(folder / runs.BEST_WEIGHTS)
            config = {
                "format": FORMAT,
                "recipe": recipe(stage).as_dict(),
                "fold": fold,
                "seed": 3,
                "split": {"file": paths.shown(paths.split_csv()), "sha256": paths.sha256_of(paths.split_csv())},
                "start": {"from": recipe(stage).start.label, "sha256": None if stage == STAGES[0] else UNKNOWN},
                "versions": versions(),
                "device": "keras 0 on nothing 0: CPU, 1 cores",
                "finished": True,
                "best": {"epoch": 1, "auc": 0.9, "sha256": sha256},
            }
            runs.write_json(folder / runs.CONFIG, config)
            scores = np.linspace(0.5, 0.9, 3) + fold / 100
            history = {"epoch": range(3), "loss": 1 - scores, "val_loss": 1.1 - scores}
            pd.DataFrame(history | {"val_auc": scores, "val_mcc": scores}).to_csv(folder / runs.HISTORY, index=False)
