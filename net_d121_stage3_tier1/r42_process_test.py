"""Answer the test videos: the folds' best nets fused and in one model, eight flips, mean, threshold.

    python net_d121_stage3_tier1/r42_process_test.py                     every fold, r41's threshold
    python net_d121_stage3_tier1/r42_process_test.py --threshold 0.7     the winner's threshold
    python net_d121_stage3_tier1/r42_process_test.py --fold 0 --fold 2   these folds alone
    python net_d121_stage3_tier1/r42_process_test.py --adaptive          all folds and flips only where they can matter

Reads:  models/net_d121_stage3_tier1/fold_<k>/ and threshold.json, modified_data/kfold_split_5_42.csv (or --split),
        input/submission_format.csv, modified_data/roi_parts/test/;
        with --adaptive also modified_data/net_d121_stage3_tier1_oof.csv
Writes: subm/net_d121_stage3_tier1_test_detailed.csv (a probability a fold),
        subm/net_d121_stage3_tier1_test.csv (their mean), subm/submission.csv (0 or 1),
        subm/net_d121_stage3_tier1_test.json (threshold, weights, options and hashes of these)
Time:   8 forward passes a clip and fold
Expect: a row a video of submission_format, in its order
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
import argparse
from pathlib import Path

from stagewise import cli, paths
from stagewise.ending import command, ending

STAGE = Path(__file__).parent.name


def arguments_given() -> argparse.Namespace:
    """What the command line asks for."""
    parser = cli.parser(__doc__, "split", "fold", "gpu", "workers", "engine", "seed", "prevalence", "dry-run")
    parser.add_argument("--threshold", type=cli.probability, metavar="P", help="stalled above it (default: r41's)")
    parser.add_argument(
        "--adaptive",
        nargs="?",
        type=cli.share,
        const=1e-4,
        metavar="BOUND",
        help="settle plainly flowing clips early, expecting --prevalence; BOUND: expected share of changed answers "
        "(default: %(const)s)",
    )
    return parser.parse_args()


def main() -> None:
    """Predict the test set and write the answers in the order of submission_format."""
    arguments = arguments_given()
    from stagewise.adaptive import predict_adaptive, read_out_of_fold
    from stagewise.inference import plan_test
    from stagewise.threshold import read_threshold

    plan = plan_test(STAGE, arguments.split, arguments.folds)
    threshold = arguments.threshold if arguments.threshold is not None else read_threshold(plan)
    oof = read_out_of_fold(plan, arguments.prevalence, arguments.adaptive) if arguments.adaptive else None
    print(f"{plan}\n  stalled above {threshold}", flush=True)
    if arguments.dry_run:
        print(f"would write {paths.shown(paths.submission_csv())} and the tables that it follows from")
        return
    from stagewise import device

    device.prepare_to_predict(arguments.gpu, arguments.engine)
    from stagewise.predict import predict_test
    from stagewise.submission import AnswerSettings, write_submission

    if oof is None:
        options, probabilities, passes = None, predict_test(plan, arguments.workers), None
    else:
        options = {"prevalence": arguments.prevalence, "bound": arguments.adaptive, "seed": arguments.seed}
        answers = predict_adaptive(plan, oof, threshold, **options, workers=arguments.workers)
        probabilities, passes = answers.probabilities, answers.passes
        print(answers)
    settings = AnswerSettings(threshold, plan.weights_sha256, options)
    written = write_submission(STAGE, plan.filenames, probabilities, settings, passes)
    print(ending(written, command(f"{STAGE}/r51_report.py", arguments)))


if __name__ == "__main__":
    cli.run(main)
