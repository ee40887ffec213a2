"""The ensemble of five folds and eight flips: seconds a video and its answers, against the original's way.

    bench/run.sh inference
    bench/run.sh inference --trained models/net_d121_stage3_tier1/fold_*/best.weights.h5 --volumes FOLDER_OF_PKLZ
    python bench/inference.py --engine keras --videos 60      on a machine that has its packages already, a GPU say

ours: five fused nets in one model with its flips, fed by r42's own streaming from .pklz files, on the engine that r42
chooses; with OpenVINO in the recipe's precision and in float32. original's way: five unfused Keras models in one,
`predict` on the eight flips of one video after another. Each in a process of its own, in turn.

Without --trained the nets are drawn at random, and their answers hardly differ from clip to clip: how far a precision
moves answers is a question for trained nets. These may have been trained at any size.
Time: 10 minutes on 2 CPU cores.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import numpy as np
from measure import Served, digits, machine, ratio, script, serve, write_section

from stagewise.console import cli
from stagewise.files import paths
from stagewise.machine.workers import WorkerPool
from stagewise.messages.errors import InputError
from stagewise.recipes.d121 import D121

FOLDS = 5
TEST_SET = 14_160  # videos of the competition


def make_volumes(count: int) -> None:
    """Phantom volumes of the test set, by the numbered scripts, in the root."""
    script("preproc_data/r00_make_phantom.py", "--train", 4, "--stalled-share", 0.5, "--test", count)
    script("preproc_data/r01_extract_roi.py")


def nets(trained: Sequence[Path], data_format: str) -> list:
    """Nets of the recipe's size with these weights; without any, `FOLDS` drawn by NumPy, the same on every backend."""
    from stagewise.nets.densenet3d import densenet3d

    made = [densenet3d(D121.net, data_format=data_format) for _ in trained or range(FOLDS)]
    for fold, net in enumerate(made):
        if trained:
            net.load_weights(trained[fold])
            continue
        generator = np.random.default_rng(fold)
        for variable in net.weights:
            shape = tuple(variable.shape)
            if len(shape) > 1:  # a kernel, scaled as by He et al. 2015
                variable.assign(generator.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape))
            elif variable.name in ("gamma", "moving_variance"):
                variable.assign(generator.uniform(0.8, 1.2, shape))
    return made


def ours(
    arguments: argparse.Namespace, volumes: list[Path], precision: str, pool: WorkerPool
) -> Callable[[], np.ndarray]:
    """r42's way, from files to probabilities (n, folds)."""
    from stagewise.machine import device

    device.prepare_to_predict(engine=arguments.engine)
    device.set_precision(D121.gpu_precision)
    from stagewise.machine.engines import predictor
    from stagewise.nets.fuse_bn import fuse
    from stagewise.prediction.ensemble import merge
    from stagewise.prediction.predict import predict_volumes

    fused = [fuse(net) for net in nets(arguments.trained, device.fastest_data_format())]
    answer = predictor(D121.answer.shown(merge(fused)), precision)
    clips = D121.batch_size if device.gpus() else 1
    return lambda: predict_volumes(answer, volumes, D121.prepared, pool, clips, "ours").mean(axis=1)


def original(trained: Sequence[Path], volumes: list[Path]) -> Callable[[], np.ndarray]:
    """The original's way: read, resize, flip and predict one video after another."""
    from stagewise.machine import device

    device.prepare()
    import keras

    from stagewise.augment import augment
    from stagewise.volumes.pklz import load_volume

    clip = keras.Input((*D121.net.input_shape, 3), dtype="uint8")
    parts = [
        keras.Model(net.input, net.output, name=f"fold_{fold}")
        for fold, net in enumerate(nets(trained, "channels_last"))
    ]
    joined = keras.Model(clip, keras.layers.Concatenate()([part(clip) for part in parts]))
    joined.compile(jit_compile=device.jit_compile())

    def predict() -> np.ndarray:
        answers = []
        for volume in volumes:
            resized = augment(load_volume(volume), D121.prepared.transforms, np.random.default_rng(0))
            flips = [resized[::t, ::h, ::w] for t in (1, -1) for h in (1, -1) for w in (1, -1)]
            answers.append(joined.predict(np.stack(flips), verbose=0).mean(axis=0))
        return np.array(answers)

    return predict


def compare(arguments: argparse.Namespace, volumes: Sequence[Path]) -> list[tuple]:
    """All ways in turn over the same few volumes; a row a way."""
    words = [*(("--trained", *arguments.trained) if arguments.trained else ()), "--volumes", *volumes]
    words += ["--workers", arguments.workers, *(("--engine", arguments.engine) if arguments.engine else ())]
    rounds, precision = [], D121.answer.openvino_precision
    with ExitStack() as stack:
        served = {n: stack.enter_context(Served(__file__, "--serve", n, *words)) for n in ("original", precision)}
        if "openvino" in served[precision].ready["device"]:
            served["f32"] = stack.enter_context(Served(__file__, "--serve", "f32", *words))
        for _ in range(arguments.repeats):
            rounds.append({name: way.work() for name, way in served.items()})
            print(*(f"{name} {answer['seconds']:.1f} s" for name, answer in rounds[-1].items()), flush=True)
    seconds = {name: [answers[name]["seconds"] / len(volumes) for answers in rounds] for name in served}
    answered = {name: np.array(answer["probabilities"]) for name, answer in rounds[0].items()}
    original = answered.pop("original")
    rows = [("original's way, on " + served["original"].ready["device"], *_spent(seconds["original"]), "", "", "")]
    for name, probabilities in answered.items():
        device = served[name].ready["device"]
        rows.append(
            (
                f"ours, on {device}" + (f" in {name}" if "openvino" in device else ""),
                *_spent(seconds[name]),
                f"{ratio(seconds['original'], seconds[name]):.2f}",
                f"{np.abs(probabilities - original).max():.1e}",
                f"{np.abs(probabilities.mean(axis=1) - original.mean(axis=1)).max():.1e}",
            )
        )
    return rows


def _spent(seconds: Sequence[float]) -> tuple[str, str]:
    """Seconds a video, and the hours that they come to for the whole test set."""
    a_video = median(seconds)
    return digits(a_video), digits(a_video * TEST_SET / 3600)


def serve_one(arguments: argparse.Namespace) -> None:
    """Compile by one round, then answer all volumes for every line."""
    with WorkerPool(arguments.workers) as pool:
        if arguments.serve == "original":
            predict = original(arguments.trained, arguments.volumes)
        else:
            predict = ours(arguments, arguments.volumes, arguments.serve, pool)
        predict()
        from stagewise.machine import device

        serve({"device": device.describe()}, lambda: {"probabilities": predict().tolist()})


def chosen(arguments: argparse.Namespace) -> list[Path]:
    """The first of the volumes given, or as many of the phantom, made in the root."""
    if not arguments.volumes:
        make_volumes(arguments.videos)
    volumes = arguments.volumes or [paths.roi_folder("test")]
    found = sorted(file for path in volumes for file in (path.glob("*.pklz") if path.is_dir() else [path]))
    if len(found) < arguments.videos:
        raise InputError(f"{len(found)} volumes in {arguments.volumes[0]}; give another --volumes, or fewer --videos")
    return [path.absolute() for path in found[:: len(found) // arguments.videos][: arguments.videos]]


def main() -> None:
    """Measure in a temporary root, and write the table."""
    parser = cli.parser(__doc__, "workers", "engine")
    parser.add_argument("--videos", type=cli.at_least(1), default=2, help="a round (default: %(default)s)")
    parser.add_argument("--repeats", type=cli.at_least(1), default=5, help="rounds (default: %(default)s)")
    parser.add_argument("--trained", type=Path, nargs="+", default=(), metavar="H5", help="weights of trained folds")
    parser.add_argument("--volumes", type=Path, nargs="+", default=(), metavar="PKLZ", help="of r01, or their folder")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve_one(arguments)
        return
    if missing := [path for path in (*arguments.trained, *arguments.volumes) if not path.exists()]:
        parser.error(f"{missing[0]} is not there; give what r31 and r01 wrote: best.weights.h5 and volumes")
    with tempfile.TemporaryDirectory() as root:
        os.environ["STAGEWISE_ROOT"] = root
        rows = compare(arguments, chosen(arguments))
    kind = "trained" if arguments.trained else "random"
    write_section(
        f"Inference, {kind} nets",
        f"bench/run.sh inference --videos {arguments.videos} --repeats {arguments.repeats}"
        + " --trained H5 ... --volumes FOLDER" * bool(arguments.trained),
        f"DenseNet121-3D at {D121.net.input_shape}, {len(arguments.trained) or FOLDS} folds, 8 flips; medians of "
        f"{arguments.repeats} rounds of {arguments.videos} videos in turn; differences from the original's way. "
        f"{machine('keras', 'tensorflow', 'openvino', 'jax', 'torch')}",
        (
            *("way", "s a video", f"hours for {TEST_SET:,} videos, by arithmetic", "of the original's time"),
            *("a fold's probability, largest difference", "the folds' mean"),
        ),
        rows,
    )


if __name__ == "__main__":
    cli.run(main)
