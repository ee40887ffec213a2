"""The ensemble of five folds and eight flips: seconds a video against the original's way, and the same answers.

    bench/run.sh inference
    bench/run.sh inference --weights models/imagenet_densenet121_3d.weights.h5
    python bench/inference.py --engine keras --videos 60      on a machine that has its packages already, a GPU say

ours: five fused nets in one model with its flips, fed by r42's own streaming from .pklz files, on the engine that r42
chooses. original's way: five unfused Keras models in one, `predict` on the eight flips of one video after another. Both
in processes of their own, in turn.
Time: 5 minutes on 2 CPU cores.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from measure import Served, digits, machine, ratio, script, serve, write_section

from stagewise import cli, paths
from stagewise.recipes.d121 import D121

FOLDS = 5


def make_volumes(count: int) -> None:
    """Phantom volumes of the test set, by the numbered scripts, in the root."""
    script("preproc_data/r00_make_phantom.py", "--train", 4, "--stalled-share", 0.5, "--test", count)
    script("preproc_data/r01_extract_roi.py")


def nets(weights: Path | None, data_format: str) -> list:
    """Five nets of the recipe's size, the same on every backend: drawn by NumPy, or with the backbone of `weights`."""
    from stagewise.nets.densenet3d import backbone, densenet3d

    made = [densenet3d(D121.net, data_format=data_format) for _ in range(FOLDS)]
    for fold, net in enumerate(made):
        generator = np.random.default_rng(fold)
        for variable in net.weights:
            shape = tuple(variable.shape)
            if len(shape) > 1:  # a kernel, scaled as by He et al. 2015
                variable.assign(generator.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape))
            elif variable.name in ("gamma", "moving_variance"):
                variable.assign(generator.uniform(0.8, 1.2, shape))
        if weights:
            backbone(net).load_weights(weights)
    return made


def ours(engine: str | None, weights: Path | None, volumes: list[Path], workers: int) -> Callable[[], np.ndarray]:
    """r42's way, from files to probabilities (n, folds)."""
    from stagewise import device

    device.prepare_to_predict(engine=engine)
    device.set_precision(D121.gpu_precision)
    from stagewise.engines import predictor
    from stagewise.ensemble import merge
    from stagewise.nets.fuse_bn import fuse
    from stagewise.predict import predict_volumes
    from stagewise.tta import with_flips
    from stagewise.workers import WorkerPool

    fused = [fuse(net) for net in nets(weights, device.fastest_data_format())]
    answer = predictor(with_flips(merge(fused)), D121.openvino_precision)
    clips = D121.batch_size if device.gpus() else 1

    pool = WorkerPool(workers)
    return lambda: predict_volumes(answer, volumes, D121.resize, pool, clips, "ours").mean(axis=1)


def original(weights: Path | None, volumes: list[Path]) -> Callable[[], np.ndarray]:
    """The original's way: read, resize, flip and predict one video after another."""
    from stagewise import device

    device.prepare()
    import keras

    from stagewise.augment import augment
    from stagewise.volumes import load_volume

    clip = keras.Input((*D121.net.input_shape, 3), dtype="uint8")
    parts = [
        keras.Model(net.input, net.output, name=f"fold_{fold}")
        for fold, net in enumerate(nets(weights, "channels_last"))
    ]
    joined = keras.Model(clip, keras.layers.Concatenate()([part(clip) for part in parts]))
    joined.compile(jit_compile=device.jit_compile())

    def predict() -> np.ndarray:
        answers = []
        for volume in volumes:
            resized = augment(load_volume(volume), (D121.resize,), np.random.default_rng(0))
            flips = [resized[::t, ::h, ::w] for t in (1, -1) for h in (1, -1) for w in (1, -1)]
            answers.append(joined.predict(np.stack(flips), verbose=0).mean(axis=0))
        return np.array(answers)

    return predict


def speed(arguments: argparse.Namespace) -> list[tuple]:
    """Both ways in turn over the same few volumes."""
    make_volumes(arguments.videos)
    weights = ("--weights", arguments.weights.absolute()) if arguments.weights else ()
    options = ("--workers", arguments.workers, *(("--engine", arguments.engine) if arguments.engine else ()))
    with (
        Served(__file__, "--serve", "ours", *weights, *options) as of_ours,
        Served(__file__, "--serve", "original", *weights) as of_original,
    ):
        pairs = []
        for _ in range(arguments.repeats):
            pairs.append((of_ours.work(), of_original.work()))
            print(*(f"{answer['seconds']:.1f} s" for answer in pairs[-1]), flush=True)
    seconds = [[answer["seconds"] / arguments.videos for answer in side] for side in zip(*pairs, strict=True)]
    difference = np.abs(np.subtract(*(answer["probabilities"] for answer in pairs[0])))
    return [
        ("original's way: s a video", digits(median(seconds[1]))),
        (f"ours on {of_ours.ready['engine']}: s a video", digits(median(seconds[0]))),
        ("ours / original's way", f"{ratio(seconds[1], seconds[0]):.2f}"),
        ("largest difference of a fold's probability", f"{difference.max():.1e}"),
        (
            "largest difference of the folds' mean",
            f"{np.abs(np.subtract(*(np.mean(answer['probabilities'], axis=1) for answer in pairs[0]))).max():.1e}",
        ),
    ]


def serve_one(which: str, arguments: argparse.Namespace) -> None:
    """Compile by one round, then answer all volumes of the root for every line."""
    volumes = sorted(paths.roi_folder("test").glob("*.pklz"))
    if which == "ours":
        predict = ours(arguments.engine, arguments.weights, volumes, arguments.workers)
    else:
        predict = original(arguments.weights, volumes)
    predict()
    from stagewise import device

    serve({"engine": device.describe()}, lambda: {"probabilities": predict().tolist()})


def main() -> None:
    """Measure in a temporary root, and write the table."""
    parser = cli.parser(__doc__, "workers", "engine")
    parser.add_argument("--videos", type=cli.at_least(1), default=2, help="a round (default: %(default)s)")
    parser.add_argument("--repeats", type=cli.at_least(1), default=5, help="rounds (default: %(default)s)")
    parser.add_argument("--weights", type=Path, metavar="H5", help="r04's inflated weights, for all backbones")
    parser.add_argument("--serve", choices=("ours", "original"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve_one(arguments.serve, arguments)
        return
    with tempfile.TemporaryDirectory() as root:
        os.environ["STAGEWISE_ROOT"] = root
        rows = speed(arguments)
    write_section(
        "Inference",
        f"bench/run.sh inference --videos {arguments.videos} --repeats {arguments.repeats}",
        f"DenseNet121-3D at {D121.net.input_shape}, {FOLDS} folds, 8 flips; medians of {arguments.repeats} rounds of "
        f"{arguments.videos} videos in turn. {machine('keras', 'tensorflow', 'openvino', 'jax', 'torch')}",
        ("what", "result"),
        rows,
    )


if __name__ == "__main__":
    cli.run(main)
