"""Say how right the submission is, where the true answers are known: on the phantom.

    python net_d121_stage3_tier1/r50_score_phantom.py

Reads:  subm/submission.csv, subm/net_d121_stage3_tier1_test.csv, input/phantom_test_labels.csv
Writes: nothing
Time:   seconds
Expect: confusion matrix, MCC and ROC AUC
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
from pathlib import Path

from stagewise import cli, paths
from stagewise.ending import command, ending

STAGE = Path(__file__).parent.name


def main() -> None:
    """Print the submission's confusion matrix, MCC and ROC AUC."""
    cli.parser(__doc__).parse_args()
    from stagewise.score import confusion, mcc_of_counts, roc_auc
    from stagewise.tables import numbers, read_labels, read_videos, require_values

    known, mend = paths.input_folder() / "phantom_test_labels.csv", f"run: python {STAGE}/r42_process_test.py"
    truth = read_labels(known, absent="only phantom data has known answers").set_index("filename")["stalled"]
    path = paths.submission_csv()
    answers = read_labels(path, mend, mend)
    require_values(answers, "filename", truth.index, path, mend)
    path = paths.test_csv(STAGE)
    means = read_videos(path, ("probability",), mend)
    require_values(means, "filename", truth.index, path, mend)
    stalled = truth.loc[answers["filename"]].to_numpy()
    tp, fp, fn, tn = confusion(stalled, answers["stalled"].to_numpy())
    print(f"phantom test: {len(stalled)} videos, {stalled.sum()} stalled")
    print(f"  called stalled: {tp} rightly, {fp} wrongly; called flowing: {tn} rightly, {fn} wrongly")
    probabilities = numbers(means, "probability", path, mend).to_numpy()
    auc = roc_auc(truth.loc[means["filename"]].to_numpy(), probabilities)
    print(f"  MCC {mcc_of_counts(tp, fp, fn, tn):.3f}, ROC AUC {auc:.3f}")
    print(ending([], command(f"{STAGE}/r51_report.py")))


if __name__ == "__main__":
    cli.run(main)
