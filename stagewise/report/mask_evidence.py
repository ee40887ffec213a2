"""Everything that a report on masks shows, read and checked: what is missing is said, with what makes it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from stagewise.data.kinds import XRAYS
from stagewise.data.splits import Split, named
from stagewise.files import paths, xray_paths
from stagewise.masks.plans import Experiments, has_test_images, plan_out_of_fold, stages_asked
from stagewise.masks.rule_file import read_choice, rule_of
from stagewise.masks.store import Store, out_of_fold_store
from stagewise.masks.submission import Answers, read_answers
from stagewise.messages.commands import CONVERT_DICOM, OUT_OF_FOLD, TEST, step_of
from stagewise.messages.errors import InputError
from stagewise.prediction.inference import InferencePlan, split_with_rows
from stagewise.recipes.mask_rules import MaskRule
from stagewise.report.evidence import Gap, outdated, untrained
from stagewise.report.training import FINISHED, MASK_SCORES, Run, read_runs
from stagewise.scores.mask_counts import MaskCounts
from stagewise.scores.rule_choice import RuleChoice, choose_rules
from stagewise.scores.rule_table import content
from stagewise.xrays.counts_table import read_counts
from stagewise.xrays.splits import read_xray_split
from stagewise.xrays.tables import read_conversion_index


@dataclass(frozen=True)
class MaskEvidence:
    """All that there is of one stage.

    plan: of its out-of-fold images; stages: a list of runs a part, the first part's first; counts: of these images, in
    the plan's order; choice, rule: what they choose, and the one that was written; store: of their
    probabilities; answers: of the last submission, whose stages may be others; indexes: r01's table a subset.
    """

    plan: InferencePlan
    stages: list[list[Run]]
    counts: MaskCounts
    choice: RuleChoice
    rule: MaskRule
    seed: int
    store: Store
    answers: Answers | None
    indexes: dict[str, pd.DataFrame]
    gaps: list[Gap]

    @property
    def stage(self) -> str:
        """The stage that the report is of."""
        return self.plan.stage

    @property
    def split(self) -> Split:
        """That of the training."""
        return self.plan.split

    @property
    def trained(self) -> list[Run]:
        """Its runs that have ended."""
        return [run for run in self.stages[-1] if run.state == FINISHED]

    @property
    def seen_note(self) -> str:
        """Of `Split.seen_note`."""
        return self.split.seen_note(self.plan.folds)

    def command(self, step: str) -> str:
        """The command of one of the stage's steps (of `messages.commands`), for the plan's folds."""
        return self.split.command(step_of(self.stage, step), self.plan.folds, from_root=True)

    def gaps_of(self, section: str) -> list[Gap]:
        """What that section of the page lacks."""
        return [gap for gap in self.gaps if gap.section == section]

    def __str__(self) -> str:
        answered = f"{self.answers.submitted.images if self.answers else 'no'} test images answered"
        summary = f"{self.stage}: {named(self.plan.folds)}, {len(self.plan.table)} images out of fold, {answered}"
        return "\n".join((summary, *[self.seen_note] * bool(self.seen_note), *(f"missing: {gap}" for gap in self.gaps)))


def gather(
    experiments: Experiments,
    nets: Sequence[str] | None,
    part: str | None,
    split_path: Path | None,
    asked_folds: Sequence[int] | None,
) -> MaskEvidence:
    """Read what the scripts left behind, of the first experiment asked for.

    asked_folds: all of them must be there; None takes those that are trained. Raises InputError where not even one fold
    is trained and answered, or where files do not belong together.
    """
    stage = stages_asked(experiments, nets, part, asked_folds)[0]
    split = split_with_rows(stage.name, split_path, XRAYS, read_xray_split)
    stages = read_runs(stage.name, split.chosen_folds(asked_folds), MASK_SCORES)
    finished = [run.fold for run in stages[-1] if run.state == FINISHED]
    plan = plan_out_of_fold(stage, split_path, asked_folds or finished)
    mend = f"run: {plan.command(OUT_OF_FOLD)}"
    counts, choice, found = _read_choice(plan, mend)
    store = out_of_fold_store(plan)
    store.images(plan.table["filename"].tolist())  # all of them, and of these weights
    answers = read_answers(f"run: {plan.command(TEST)}")
    return MaskEvidence(
        plan=plan,
        stages=stages,
        counts=counts,
        choice=choice,
        rule=rule_of(found["rule"]),
        seed=found["seed"],
        store=store,
        answers=answers,
        indexes={part: read_conversion_index(part) for part in paths.SUBSETS if xray_paths.index(part).exists()},
        gaps=[
            *(Gap(f"no table of the {part} images", f"{CONVERT_DICOM} {part}", "data") for part in _without_index()),
            *untrained(stages),
            *outdated(stages),
            *_unanswered(plan, answers),
        ],
    )


def _without_index() -> list[str]:
    there = [part for part in paths.SUBSETS if xray_paths.dicom_folder(part).is_dir()]
    return [part for part in there if not xray_paths.index(part).exists()]


def _read_choice(plan: InferencePlan, mend: str) -> tuple[MaskCounts, RuleChoice, dict[str, Any]]:
    """r41's counts of the plan's images, what they choose, and what it has written of that, which must follow."""
    path = xray_paths.oof_csv(plan.stage)
    found = read_choice(plan.stage, plan.weights_sha256, mend)
    names, folds, counts = read_counts(path, mend)
    if (names, folds.tolist()) != (plan.table["filename"].tolist(), plan.table["fold"].tolist()):
        raise InputError(f"{paths.shown(path)} has not the images of {named(plan.folds)} of the split; {mend}")
    try:
        given = {
            name: rule_of(found["candidates"][name]["rule"]) for name in ["winner's"] if name in found["candidates"]
        }
        choice = choose_rules(counts, folds, given, found["grid"]["areas"], found["seed"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{paths.shown(xray_paths.rule_json(plan.stage))} is damaged ({error!r}); {mend}") from error
    if {name: found[name] for name in content(choice)} != content(choice):
        raise InputError(
            f"{paths.shown(xray_paths.rule_json(plan.stage))} does not follow from {paths.shown(path)}; {mend}"
        )
    return counts, choice, found


def _unanswered(plan: InferencePlan, answers: Answers | None) -> Iterator[Gap]:
    """What of the test images is not answered by the plan's folds as they are now."""
    r42 = plan.split.command(step_of(plan.stage, TEST), plan.folds, from_root=True)
    if answers is None:
        if has_test_images():
            yield Gap("no answers to the test images", r42, "test-set")
    elif plan.stage not in answers.settings.stages:
        yield Gap(f"the submission is of {', '.join(answers.settings.stages)}, not of this stage", r42, "test-set")
    elif answers.settings.weights[plan.stage] != plan.weights_sha256:
        yield Gap("the test images were answered by other weights than now", f"{r42} --force", "test-set")
