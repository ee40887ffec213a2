"""What black frames behind a clip change in the second place's answers: against none, and against a masked mean.

    STAGEWISE_ROOT=ROOT bench/run.sh padding --fold 0 --fold 1

Every clip is answered out of fold by the mean of its fold's snapshots, three ways: padded as the recipe does, as long
as it is, and padded with the last map's mean taken over the clip's own frames alone.
Reads:  models/second_place_r101_run1 and _run2, the split and its volumes
Time:   a minute for 300 clips of the demo on 2 CPU cores
"""

from typing import TYPE_CHECKING

import numpy as np
from measure import machine, write_section
from scipy.special import expit
from trainings import stage_recipe

from stagewise.console import cli
from stagewise.messages.progress import progress
from stagewise.scores.score import mcc_curve, roc_auc

if TYPE_CHECKING:
    from stagewise.prediction.inference import InferencePlan

STAGE = "second_place_r101_run2"
WAYS = ("padded to the recipe's lengths", "not padded", "padded, the mean over the clip's own frames")


def answers(plan: "InferencePlan", lengths: np.ndarray) -> np.ndarray:
    """(n, ways, nets) probabilities of every clip of the plan. lengths: (n,) its frames."""
    import keras

    from stagewise.files.weight_files import load_weights
    from stagewise.nets.residual import stage_ends
    from stagewise.volumes.pklz import load_volume

    recipe = plan.recipe
    net = recipe.net.build()
    maps = keras.Model(net.input, net.get_layer(stage_ends(recipe.net)[-1]).output)
    found = np.empty((len(plan.table), len(WAYS), len(plan.weights[0])))
    folds = plan.table["fold"].to_numpy()
    for fold, files in zip(plan.folds, plan.weights, strict=True):
        rows = np.flatnonzero(folds == fold)
        for number, file in enumerate(files):
            load_weights(net, file, "train it again")
            kernel, bias = net.get_layer("fc").get_weights()
            with progress(len(rows), f"fold {fold}, net {number + 1}", "clips") as line:
                for row in rows:
                    padded, frames = recipe.prepared.apply(load_volume(plan.volumes[row])), lengths[row]
                    features, alone = (np.asarray(maps(clip[None]))[0] for clip in (padded, padded[:frames]))
                    own = features[: len(alone)]
                    means = [part.mean(axis=(0, 1, 2)) for part in (features, alone, own)]
                    found[row, :, number] = expit(np.stack(means) @ kernel[:, 0] + bias[0])
                    line.advance()
    return found


def main() -> None:
    """Answer every clip three ways, and write the table."""
    arguments = cli.parser(__doc__, "split", "fold").parse_args()

    from stagewise.machine import device
    from stagewise.prediction.inference import plan_out_of_fold
    from stagewise.volumes.pklz import load_volume

    plan = plan_out_of_fold(stage_recipe(STAGE), arguments.split, arguments.folds)
    device.prepare(engine="keras")
    lengths = np.array([len(load_volume(volume)) for volume in plan.volumes])
    means, stalled = answers(plan, lengths).mean(axis=2), plan.table["stalled"].to_numpy()
    rows = []
    for number, way in enumerate(WAYS):
        difference = np.abs(means[:, number] - means[:, 0])
        scores = roc_auc(stalled, means[:, number]), mcc_curve(stalled, means[:, number]).max()
        rows.append((way, *(f"{score:.4f}" for score in scores), f"{difference.mean():.4f}", f"{difference.max():.3f}"))
    preset, clips = plan.recipe.preset, f"{len(means)} clips of {lengths.min()} to {lengths.max()} frames"
    write_section(
        "Padding",
        "STAGEWISE_ROOT=ROOT bench/run.sh padding --fold 0 --fold 1",
        f"The second place's nets, --preset {preset}, {clips}, out of fold. {machine('keras', 'tensorflow')}",
        ("way", "ROC AUC", "best MCC", "mean difference from the first", "largest"),
        rows,
    )


if __name__ == "__main__":
    cli.run(main)
