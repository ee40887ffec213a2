"""Predict every fold's own validation clips, and choose the threshold from them.

    python net_d121_stage3_tier1/r41_process_oof.py                        every fold of the split
    python net_d121_stage3_tier1/r41_process_oof.py --fold 0 --fold 2      these folds alone

Reads:  models/net_d121_stage3_tier1/fold_<k>/, modified_data/kfold_split_5_42.csv (or --split),
        modified_data/roi_parts/train/; input/train_metadata.csv where the split has no project_id
Writes: modified_data/net_d121_stage3_tier1_oof.csv (filename, stalled, fold, project_id, project_seen, probability,
        unflipped), modified_data/net_d121_stage3_tier1_oof_projects.csv (a row a project),
        models/net_d121_stage3_tier1/threshold.json, mcc_curve.png and reliability.png
Time:   8 forward passes a clip of the split
Expect: ROC AUC and the best MCC, each with the range of 95 % of resamples, and the threshold
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback
from pathlib import Path

from stagewise.console import cli
from stagewise.console.ending import command, ending
from stagewise.files import paths

STAGE = Path(__file__).parent.name


def main() -> None:
    """Predict out of fold, score, and write the threshold."""
    parser = cli.parser(__doc__, "split", "fold", "gpu", "workers", "engine", "seed", "prevalence", "dry-run")
    arguments = parser.parse_args()
    from stagewise.prediction.inference import plan_out_of_fold

    plan = plan_out_of_fold(STAGE, arguments.split, arguments.folds)
    print(plan, flush=True)
    if arguments.dry_run:
        print(f"would write {paths.shown(paths.oof_csv(STAGE))} and {paths.shown(paths.threshold_json(STAGE))}")
        return
    from stagewise.machine import device

    device.prepare_to_predict(arguments.gpu, arguments.engine)
    from stagewise.data.projects import write_projects
    from stagewise.prediction.predict import predict_out_of_fold
    from stagewise.prediction.threshold import write_threshold
    from stagewise.prediction.unanswered import has_test_set

    table = predict_out_of_fold(plan, arguments.workers)
    paths.remove_leftovers(paths.modified_data_folder())
    with paths.replacing(paths.oof_csv(STAGE)) as temporary:
        table.to_csv(temporary, index=False)
    evaluation = write_threshold(plan, table, arguments.seed, arguments.prevalence)
    print(evaluation)
    print(write_projects(STAGE, table, evaluation.best.threshold))
    threshold, projects = paths.threshold_json(STAGE), paths.oof_projects_csv(STAGE)
    written = [paths.oof_csv(STAGE), *[projects] * projects.exists(), threshold]
    written += [threshold.with_name(picture) for picture in ("mcc_curve.png", "reliability.png")]
    following = "r42_process_test" if has_test_set() else "r51_report"
    print(ending(written, command(f"{STAGE}/{following}.py", arguments)))


if __name__ == "__main__":
    cli.run(main)
