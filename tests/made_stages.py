"""What r41 and r42 leave behind of stages, made without training: tables to join."""

from functools import cache

import numpy as np
import pandas as pd
import tiny

from stagewise.data.tables import videos_to_answer
from stagewise.files import paths
from stagewise.folds import runs
from stagewise.prediction.submission import AnswerSettings, write_submission
from stagewise.scores.evaluation import evaluate

CLIPS, FOLDS, VIDEOS = 240, 4, 12
SHARES = np.linspace(0.05, 0.95, VIDEOS)  # of the test videos' probabilities, if nothing else is asked


def clips(count: int = CLIPS, seed: int = 0, projects: int = 0) -> pd.DataFrame:
    """Rows of a split: filename, stalled (a third), fold; with projects their names, each in one fold."""
    generator = np.random.default_rng(seed)
    number = np.arange(count)
    table = pd.DataFrame({"filename": [f"{100000 + n}.mp4" for n in number], "stalled": 0, "fold": number % FOLDS})
    table.loc[generator.permutation(count)[: count // 3], "stalled"] = 1
    return table.assign(project_id=(number % projects).astype(str)) if projects else table


def guesses(stalled: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """Probabilities that know the answer, but for noise on their log odds."""
    seen = 4 * np.asarray(stalled) - 2 + np.random.default_rng(seed).normal(0, noise, len(stalled))
    return 1 / (1 + np.exp(-seen))


def ask(spelled: str = "{}.mp4") -> list[str]:
    """Write submission_format.csv, not in the order of names; returns its filenames as it spells them."""
    names = [spelled.format(200000 + number) for number in np.random.default_rng(1).permutation(VIDEOS)]
    paths.input_folder().mkdir(exist_ok=True)
    path = paths.input_folder() / "submission_format.csv"
    pd.DataFrame({"filename": names, "stalled": 0}).to_csv(path, index=False)
    return names


def write_stage(
    stage: str,
    table: pd.DataFrame,
    probability: np.ndarray,
    test: np.ndarray = SHARES,
    unanswered: str | None = None,
    **settings,
) -> None:
    """Write the stage's tables, and its threshold.

    test: the means of the videos asked for, in their order; the last video has none where `unanswered` says its row.
    """
    write_out_of_fold(stage, table, probability)
    asked = videos_to_answer()
    count = len(asked) - bool(unanswered)
    reasons = {asked["filename"].iloc[-1]: "its volume is not there"} if unanswered else None
    weights = weights_of(stage, sorted(table["fold"].unique()))
    by_fold = np.repeat(np.asarray(test)[:count, None], len(weights), axis=1)
    made = AnswerSettings(0.5, weights, unanswered=unanswered, **settings)
    write_submission(tiny.recipe(name=stage), asked, by_fold, made, reasons=reasons)


def write_out_of_fold(stage: str, table: pd.DataFrame, probability: np.ndarray) -> None:
    """Write r41's table and threshold."""
    paths.modified_data_folder().mkdir(exist_ok=True)
    table.assign(probability=probability, unflipped=probability).to_csv(paths.oof_csv(stage), index=False)
    content = _evaluated(tuple(table["stalled"].tolist()), tuple(np.asarray(probability).tolist()))
    weights = weights_of(stage, sorted(table["fold"].unique()))
    runs.write_json(paths.threshold_json(stage), {**content, "weights": weights})


def weights_of(stage: str, folds: list[int]) -> dict[str, str]:
    """A sha256 a fold, which nothing reads."""
    return {str(fold): f"{sum(map(ord, stage)) + int(fold):064x}" for fold in folds}


@cache
def _evaluated(stalled: tuple[int, ...], probability: tuple[float, ...]) -> dict:
    """What r41 finds, apart from the weights; the same for each of many tests."""
    return evaluate(np.array(stalled), np.array(probability), 0, 0.003, 0.25).content()
