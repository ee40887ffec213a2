"""The answers: probabilities a fold, their mean, 0/1 in the competition's format and order, and how they were made.

A video that could not be answered has its row in every table, with its reason in the detailed one.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stagewise.data.columns import probabilities
from stagewise.data.tables import read_videos
from stagewise.files import paths
from stagewise.files.leftovers import remove_leftovers
from stagewise.folds import runs
from stagewise.messages.errors import InputError
from stagewise.recipes.recipe import Recipe
from stagewise.scores.score import is_stalled


@dataclass(frozen=True)
class AnswerSettings:
    """How test videos were answered.

    threshold: above it is stalled; weights: the sha256 of each fold's, by its number; adaptive: of an adaptive ensemble
    its prevalence, bound and seed, else None; unanswered: the row that videos got which could not be answered,
    "flowing" or "blank", and None where there were none.
    """

    threshold: float
    weights: dict[str, str]
    adaptive: dict[str, float] | None = None
    unanswered: str | None = None


def write_submission(
    recipe: Recipe,
    asked: pd.DataFrame,
    probabilities: np.ndarray,
    settings: AnswerSettings,
    passes: np.ndarray | None = None,
    reasons: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write the detailed table, the means and `submission.csv`, rows as asked, and the settings that made them.

    asked: of `videos_to_answer`. reasons: why some of them have no answer, by filename. probabilities: (n, folds) of
    the others, each 0-1, a column for each of the settings' weights; a video is stalled (1) if what the recipe
    makes of them is above the threshold.
    passes: (n,) forward passes behind each row, of an adaptive ensemble; a fold that was not asked is NaN then.
    Returns: the four paths. Raises ValueError where a probability is missing or not finite.
    """
    reasons = reasons or {}
    answered = asked.loc[~asked["filename"].isin(list(reasons)), "filename"]
    known = np.isfinite(probabilities)
    enough = known.all() if passes is None else known.any(axis=1).all()
    if probabilities.shape != (len(answered), len(settings.weights)) or not enough:
        raise ValueError(f"every video needs a finite probability of each fold, not {probabilities.shape}")
    if bool(reasons) != bool(settings.unanswered):
        raise ValueError(f"{len(reasons)} videos are unanswered, and their row is {settings.unanswered}")
    remove_leftovers(paths.submission_folder())
    stage, mean = recipe.name, recipe.answer.of_folds(probabilities)
    columns = {f"fold_{fold}": probabilities[:, number] for number, fold in enumerate(settings.weights)}
    if passes is not None:
        columns["passes"] = pd.array(passes, dtype="Int64")
    stalled = pd.array(is_stalled(mean, settings.threshold), dtype="Int64")
    rows = pd.DataFrame({**columns, "probability": mean, "stalled": stalled}, index=answered)
    rows = rows.reindex(asked["filename"]).reset_index()
    if reasons:
        rows["unanswered"] = rows["filename"].map(reasons)
    return _write(stage, rows, asked["asked"].to_numpy(), settings)


def _write(stage: str, rows: pd.DataFrame, names: np.ndarray, settings: AnswerSettings) -> list[Path]:
    """The three tables and the settings. rows: of all of them; names: of the videos, as they were asked for."""
    written = {
        paths.test_detailed_csv(stage): rows.drop(columns="stalled"),
        paths.test_csv(stage): rows[["filename", "probability"]],
        paths.submission_csv(): as_asked(names, rows["stalled"], settings.unanswered),
    }
    runs.write_json(paths.test_json(stage), asdict(settings) | {"tables": write_tables(written)})
    return [*written, paths.test_json(stage)]


def as_asked(names: np.ndarray, stalled: pd.Series, unanswered: str | None) -> pd.DataFrame:
    """The rows of `submission.csv`.

    names: of the videos, as they were asked for; stalled: Int64, NA where a video could not be answered; unanswered:
    what the row of such a video is, "flowing" or "blank".
    """
    stalled = stalled.fillna(0) if unanswered == "flowing" else stalled
    return pd.DataFrame({"filename": names, "stalled": stalled.array})


def write_tables(tables: Mapping[Path, pd.DataFrame]) -> dict[str, str]:
    """Write each table in its place, whole; returns the sha256 of each, by its file's name."""
    for path, table in tables.items():
        with paths.replacing(path) as temporary:
            table.to_csv(temporary, index=False)
    return {path.name: paths.sha256_of(path) for path in tables}


def read_means(stage: str, mend: str) -> pd.DataFrame:
    """The means that r42 wrote, a row a video that has an answer: filename, probability (float64, 0-1)."""
    path = paths.test_csv(stage)
    table = read_videos(path, ("probability",), mend, may_be_blank=("probability",), subset="test")
    blank = table["probability"].str.strip() == ""
    table["probability"] = table["probability"].mask(blank, "0")  # for its row's number in a message to stay right
    table["probability"] = probabilities(table, "probability", path, mend)
    return table[~blank].reset_index(drop=True)


def read_settings(stage: str, mend: str) -> AnswerSettings | None:
    """How the answers that are there were made; None where r42 has not answered, or a table of it is gone.

    mend: ends every message. `submission.csv` may be another stage's by now. Raises InputError where a table is not the
    one that r42 wrote.
    """
    path = paths.test_json(stage)
    if not path.exists():
        return None
    try:
        content = json.loads(paths.read_text(path))
        tables = content.pop("tables")
        settings = AnswerSettings(**content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{paths.shown(path)} is damaged ({error!r}); {mend}") from error
    tables.pop(paths.submission_csv().name, None)
    for name, sha256 in tables.items():
        table = paths.submission_folder() / name
        if not table.exists():
            return None
        if paths.sha256_of(table) != sha256:
            raise InputError(f"{paths.shown(table)} is not as r42 wrote it; {mend}")
    return settings


def whose_submission(stage: str) -> str | None:
    """Whose answers `submission.csv` holds, which each stage's r42 and r61 replace, by its hash in their settings.

    Returns: a stage's name, where there are several the one given; "joined" for r61's; "" where no settings know of
    it; None where there is no such file.
    """
    path = paths.submission_csv()
    if not path.exists():
        return None
    sha256, found = paths.sha256_of(path), []
    for settings in sorted((*path.parent.glob("*_test.json"), paths.joined_json())):
        try:
            known = json.loads(paths.read_text(settings))["tables"][path.name]
        except (OSError, ValueError, KeyError, TypeError):  # other stages' files are not this one's to judge
            continue
        found += [settings.stem.removesuffix("_test")] * (known == sha256)
    return stage if stage in found else next(iter(found), "")
