"""The out-of-fold answers, checked against the weights and the threshold that belong to them."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from stagewise.data.clips import require_both_classes
from stagewise.data.tables import read_oof_table
from stagewise.files import paths
from stagewise.messages.errors import InputError
from stagewise.prediction.inference import answering_sha256
from stagewise.prediction.threshold import read_scores
from stagewise.recipes.recipe import Recipe
from stagewise.report.training import Run
from stagewise.scores.evaluation import Evaluation, evaluate
from stagewise.scores.score import is_stalled


@dataclass(frozen=True)
class OutOfFold:
    """Every fold's answers to its own validation clips, and their scores.

    table: filename, stalled, fold, probability, answer (0 or 1), wrong (bool), and what `projects_of`
    knows. seed: of the scores' resamples.
    """

    table: pd.DataFrame
    evaluation: Evaluation
    seed: int

    @property
    def threshold(self) -> float:
        """Stalled above it."""
        return self.evaluation.best.threshold

    @property
    def folds(self) -> list[int]:
        """The folds that answered, ascending."""
        return sorted(self.table["fold"].unique().tolist())


def read_out_of_fold(recipe: Recipe, runs: Sequence[Run], projects: pd.DataFrame, mend: str) -> OutOfFold:
    """Read r41's table and the threshold chosen from it.

    recipe, runs: the stage's own, finished; projects: of `projects_of`; mend: the words that end a message. Raises
    InputError where one is missing, of other weights, or does not follow from the other.
    """
    stage = recipe.name
    path = paths.oof_csv(stage)
    table = read_oof_table(path, mend)[["filename", "stalled", "fold", "probability"]]
    folds = set(table["fold"])
    weights = {str(run.fold): answering_sha256(recipe, run.fold, run.config) for run in runs if run.fold in folds}
    if len(weights) < len(folds):
        others = ", ".join(map(str, sorted(folds - {run.fold for run in runs})))
        raise InputError(
            f"{paths.shown(path)} has clips of fold {others}, which is not trained or was not asked for; ask for it, "
            f"too, or {mend}"
        )
    require_both_classes(table["stalled"].to_numpy(), f"the rows of {paths.shown(path)}", mend)
    content = read_scores(stage, weights, mend)
    try:
        seed, prevalence, counts = content["seed"], content["at_prevalence"]["share"], content["confusion"]
    except (KeyError, TypeError) as error:
        raise InputError(f"{paths.shown(paths.threshold_json(stage))} lacks {error}; {mend}") from error
    stalled, probability = (table[name].to_numpy() for name in ("stalled", "probability"))
    evaluation = evaluate(stalled, probability, seed, prevalence, recipe.fitted_share(stalled))
    if (evaluation.best.threshold, list(evaluation.counts)) != (content["threshold"], list(counts.values())):
        raise InputError(f"{paths.shown(paths.threshold_json(stage))} does not follow from {paths.shown(path)}; {mend}")
    answer = is_stalled(table["probability"], evaluation.best.threshold)
    table = table.assign(answer=answer.astype(int), wrong=answer != (table["stalled"] == 1))
    return OutOfFold(table.merge(projects, on="filename", how="left"), evaluation, seed)
