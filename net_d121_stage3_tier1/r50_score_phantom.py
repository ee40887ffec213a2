"""Say how right the submission is, where the true answers are known: on the phantom.

    python net_d121_stage3_tier1/r50_score_phantom.py

Reads:  subm/submission.csv, subm/net_d121_stage3_tier1_test.csv, input/phantom_test_labels.csv
Writes: nothing
Time:   seconds
Expect: confusion matrix, MCC and ROC AUC
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
from pathlib import Path

from stagewise.console import cli
from stagewise.console.ending import command, ending
from stagewise.files import paths

STAGE = Path(__file__).parent.name


def main() -> None:
    """Print the submission's confusion matrix, MCC and ROC AUC."""
    cli.parser(__doc__).parse_args()
    from stagewise.data.columns import labels, require_values
    from stagewise.data.tables import read_labels, read_videos
    from stagewise.prediction.submission import read_means
    from stagewise.scores.score import confusion, mcc_of_counts, roc_auc

    known, mend = paths.input_folder() / "phantom_test_labels.csv", f"run: python {STAGE}/r42_process_test.py"
    truth = read_labels(known, absent="only phantom data has known answers", subset="test")
    truth = truth.set_index("filename")["stalled"]
    means, path = read_means(STAGE, mend), paths.submission_csv()
    require_values(means, "filename", truth.index, paths.test_csv(STAGE), mend)
    answers = read_videos(path, ("stalled",), mend, may_be_blank=("stalled",), subset="test")
    require_values(answers, "filename", truth.index, path, mend)
    answered = answers["filename"].isin(means["filename"])  # the others' rows are no answers
    answers["stalled"] = labels(answers.assign(stalled=answers["stalled"].where(answered, "0")), path, mend)
    answers = answers[answered]
    stalled = truth.loc[answers["filename"]].to_numpy()
    tp, fp, fn, tn = confusion(stalled, answers["stalled"].to_numpy())
    left_out = f", {(~answered).sum()} more not answered" if not answered.all() else ""
    print(f"phantom test: {len(stalled)} videos, {stalled.sum()} stalled{left_out}")
    print(f"  called stalled: {tp} rightly, {fp} wrongly; called flowing: {tn} rightly, {fn} wrongly")
    auc = roc_auc(truth.loc[means["filename"]].to_numpy(), means["probability"].to_numpy())
    print(f"  MCC {mcc_of_counts(tp, fp, fn, tn):.3f}, ROC AUC {auc:.3f}")
    print(ending([], command(f"{STAGE}/r51_report.py")))


if __name__ == "__main__":
    cli.run(main)
