"""Everything that a report shows, read and checked: what is missing is said, with the command that makes it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, pairwise
from pathlib import Path

import pandas as pd

from stagewise.data.projects import projects_of
from stagewise.data.splits import Split, named, read_split
from stagewise.data.tables import KNOWN, read_roi_index
from stagewise.files import paths
from stagewise.folds import runs
from stagewise.folds.runs import train_command
from stagewise.messages.commands import EXTRACT, OUT_OF_FOLD, TEST, step_of
from stagewise.prediction.inference import answering_sha256, split_with_rows
from stagewise.prediction.unanswered import has_test_set
from stagewise.recipes.recipe import Recipe, trained_recipe
from stagewise.report.answers import Answers, read_answers
from stagewise.report.out_of_fold import OutOfFold, read_out_of_fold
from stagewise.report.training import FINISHED, NOT_FINISHED, NOT_TRAINED, Run, read_runs

INDEX = ("filename", "frames", "height", "width", "status", "reason")  # columns of r01's table that the page shows


@dataclass(frozen=True)
class Gap:
    """What the report lacks, the command that makes it, and the section of the page where it belongs."""

    what: str
    command: str
    section: str

    def __str__(self) -> str:
        return f"{self.what}; run: {self.command}"


@dataclass(frozen=True)
class Evidence:
    """All that there is.

    projects: of `projects_of`; stages: a list of runs a stage, the first stage first; indexes: `INDEX` of r01's table
    a subset; recipe: of the stage, as its first fold was trained; best: as for `gather`.
    """

    split: Split
    projects: pd.DataFrame
    stages: list[list[Run]]
    out_of_fold: OutOfFold
    answers: Answers | None
    indexes: dict[str, pd.DataFrame]
    recipe: Recipe
    gaps: list[Gap]
    best: bool = False

    @property
    def stage(self) -> str:
        """The stage that the report is of."""
        return self.stages[-1][0].stage

    @property
    def trained(self) -> list[Run]:
        """Its runs that have ended."""
        return [run for run in self.stages[-1] if run.state == FINISHED]

    @property
    def seen_note(self) -> str:
        """Of `Split.seen_note`, of the stage's own rows."""
        return self.recipe.rows.of(self.split).seen_note(self.out_of_fold.folds)

    @property
    def holds_submission(self) -> bool:
        """Whether `submission.csv` is made of the stage's answers."""
        return self.answers is not None and self.answers.submission == self.stage

    def command(self, step: str, folds: Sequence[int]) -> str:
        """The command of one of the stage's steps (of `messages.commands`), for these folds."""
        return _command(self.split, self.stage, step, folds, self.best)

    def gaps_of(self, section: str) -> list[Gap]:
        """What that section of the page lacks."""
        return [gap for gap in self.gaps if gap.section == section]

    def __str__(self) -> str:
        oof, answers = self.out_of_fold, self.answers
        folds = named([run.fold for run in self.trained])
        answered = f"{answers.answered if answers else 'no'} test videos answered"
        answered += f", {len(answers.reasons)} not" if answers and answers.reasons else ""
        summary = f"{self.stage}: {folds}, {len(oof.table)} clips out of fold, {answered}"
        return "\n".join((summary, *[self.seen_note] * bool(self.seen_note), *(f"missing: {gap}" for gap in self.gaps)))


def gather(page: Recipe, split_path: Path | None, asked_folds: Sequence[int] | None, best: bool = False) -> Evidence:
    """Read what the scripts left behind.

    page: the stage's recipe as its page has it; best: whether answers are by each fold's best epoch, not by snapshots.
    asked_folds: all of them must be there; None takes the folds that are trained. Raises InputError where not even one
    fold is trained and answered, or where files do not belong together.
    """
    stage = page.name
    split = split_with_rows(stage, split_path, read=partial(read_split, only=KNOWN))
    folds = split.chosen_folds(asked_folds)
    stages = read_runs(stage, folds)
    trained = _require_trained(stages[-1], split, every=asked_folds is not None)
    projects = projects_of(split)
    r41, r42 = (_command(split, stage, step, [run.fold for run in trained], best) for step in (OUT_OF_FOLD, TEST))
    where = paths.shown(paths.fold_folder(stage, trained[0].fold))
    recipe = trained_recipe(page, trained[0].config["recipe"], where)
    if best:
        recipe = replace(recipe, kept=recipe.kept.best_alone())
    oof = read_out_of_fold(recipe, trained, projects, f"run: {r41}")
    answers = read_answers(stage, f"run: {r42}")
    indexes, asked = {part: paths.roi_index(part) for part in paths.SUBSETS}, has_test_set()
    return Evidence(
        split,
        projects,
        stages,
        oof,
        answers,
        {part: read_roi_index(path, INDEX) for part, path in indexes.items() if path.exists()},
        recipe,
        [
            *(_no_index(part) for part, path in indexes.items() if not path.exists() and (part != "test" or asked)),
            *untrained(stages),
            *outdated(stages),
            *_unanswered(recipe, trained, oof, answers, r41, r42 if asked else None),
        ],
        best,
    )


def _command(split: Split, stage: str, step: str, folds: Sequence[int], best: bool) -> str:
    return split.command(step_of(stage, step), folds, from_root=True) + " --best" * best


def _no_index(part: str) -> Gap:
    return Gap(f"no table of the {part} videos", f"{EXTRACT} {part}", "data")


def untrained(stages: list[list[Run]]) -> Iterator[Gap]:
    """Folds whose training has not begun, or has not ended."""
    for stage_runs in stages:
        stage, known = stage_runs[0].stage, [run.config for run in stage_runs if run.config]
        for state in (NOT_TRAINED, NOT_FINISHED):
            if folds := [run.fold for run in stage_runs if run.state == state]:
                yield Gap(
                    f"{state}: {named(folds)} of {stage}",
                    train_command(stage, folds, known[0] if known else None),
                    "training",
                )


def outdated(stages: list[list[Run]]) -> Iterator[Gap]:
    """Runs whose parent was trained anew after they had started from it."""
    for parent, run in chain.from_iterable(zip(*pair, strict=True) for pair in pairwise(stages)):
        if run.config and parent.best and run.config["start"]["sha256"] not in parent.kept_sha256:
            what = f"fold {run.fold} of {run.stage} started from other weights than {parent.stage} holds now"
            yield Gap(what, f"{run.command} --force", "training")


def _unanswered(
    recipe: Recipe, trained: list[Run], oof: OutOfFold, answers: Answers | None, r41: str, r42: str | None
) -> Iterator[Gap]:
    """Clips and videos that not all of the trained folds have answered.

    r41, r42: the commands that answer them; no r42 where there is no test set.
    """
    folds = [run.fold for run in trained]
    if silent := [fold for fold in folds if fold not in oof.folds]:
        yield Gap(f"no out-of-fold answers of {named(silent)}", r41, "out-of-fold")
    if r42 is None:
        return
    if answers is not None and answers.submission is None:
        yield Gap("no submission.csv", r42, "test-set")
    if answers is None:
        yield Gap("no answers to the test videos", r42, "test-set")
    elif set(answers.folds) != set(folds):
        yield Gap(f"the test videos were answered by {named(answers.folds)}, not {named(folds)}", r42, "test-set")
    else:
        now = {run.fold: answering_sha256(recipe, run.fold, run.config) for run in trained}
        if changed := [fold for fold, sha256 in now.items() if answers.settings.weights[str(fold)] != sha256]:
            yield Gap(f"{named(changed)} answered the test videos with other weights than now", r42, "test-set")


def _require_trained(stage_runs: Sequence[Run], split: Split, every: bool) -> list[Run]:
    """The runs that have ended, on this split. Raises InputError where none has, or with `every` one has not."""
    finished = [run for run in stage_runs if run.state == FINISHED]
    for run in stage_runs if every or not finished else finished:
        runs.finished_config(run.stage, run.fold, split.sha256, {"split": split.recorded})
    return finished
