"""What every r50 does: score answers whose truth is known, on the phantom."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stagewise.console import cli
from stagewise.console.ending import command, ending
from stagewise.files import paths
from stagewise.messages.commands import REPORT, TEST, script_of

if TYPE_CHECKING:
    import pandas as pd

    from stagewise.recipes.recipe import Recipe


def score_phantom(*stages: "Recipe", doc: str) -> None:
    """Print the submission's confusion matrix and MCC, and each stage's ROC AUC. stages: whose r42 has answered."""
    first = stages[0].name
    mend, following = f"run: python {script_of(first, TEST)}", command(script_of(first, REPORT))
    score_answers([stage.name for stage in stages], doc, mend, following)


def score_answers(stages: Sequence[str], doc: str, mend: str, following: str | None = None) -> None:
    """The same for any answers to the test videos.

    stages: names of the tables; mend: ends a message about what is missing; following: the command for the last line.
    """
    cli.parser(doc).parse_args()
    from stagewise.data.columns import require_values
    from stagewise.data.tables import read_labels
    from stagewise.prediction.submission import read_means, whose_submission
    from stagewise.scores.score import confusion, mcc_of_counts, roc_auc

    known = paths.phantom_answers()
    truth = read_labels(known, absent="only phantom data has known answers", subset="test")
    truth = truth.set_index("filename")["stalled"]
    means = {stage: read_means(stage, mend) for stage in stages}
    for name, table in means.items():
        require_values(table, "filename", truth.index, paths.test_csv(name), mend)
    answers, left_out = _answers(means[stages[0]], truth, mend)
    stalled = truth.loc[answers["filename"]].to_numpy()
    made_by = whose_submission(stages[0])
    if made_by not in stages:
        print(f"{paths.shown(paths.submission_csv())} is of {made_by or 'no stage as it is now'}")
    tp, fp, fn, tn = confusion(stalled, answers["stalled"].to_numpy())
    more = f", {left_out} more not answered" if left_out else ""
    print(f"phantom test: {len(stalled)} videos, {stalled.sum()} stalled{more}")
    print(f"  called stalled: {tp} rightly, {fp} wrongly; called flowing: {tn} rightly, {fn} wrongly")
    of = {name: roc_auc(truth.loc[t["filename"]].to_numpy(), t["probability"].to_numpy()) for name, t in means.items()}
    aucs = ", ".join(f"{auc:.3f}{f' ({name})' * (len(of) > 1)}" for name, auc in of.items())
    print(f"  MCC {mcc_of_counts(tp, fp, fn, tn):.3f}, ROC AUC {aucs}")
    if following:
        print(ending([], following))


def _answers(means: "pd.DataFrame", truth: "pd.Series", mend: str) -> tuple["pd.DataFrame", int]:
    """The rows of the submission that are answers, and how many are not. means: of the videos that were answered."""
    from stagewise.data.columns import labels, require_values
    from stagewise.data.tables import read_videos

    path = paths.submission_csv()
    answers = read_videos(path, ("stalled",), mend, may_be_blank=("stalled",), subset="test")
    require_values(answers, "filename", truth.index, path, mend)
    answered = answers["filename"].isin(means["filename"])  # the others' rows are no answers
    answers["stalled"] = labels(answers.assign(stalled=answers["stalled"].where(answered, "0")), path, mend)
    return answers[answered], int((~answered).sum())
