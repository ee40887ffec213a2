"""A recipe and clips small enough for a test to train on in seconds, with the full recipe's code path."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from stagewise.augment import Channel, Flip, Resize, ResizePlanes, TruncatedNoise
from stagewise.files import paths
from stagewise.nets.resnet3d import ResNet3D
from stagewise.nets.video_resnet import VideoResNet
from stagewise.recipes.answers import AsItIs
from stagewise.recipes.d121 import AUGMENTATION, D121
from stagewise.recipes.frames import ColourFrames, EveryFrame
from stagewise.recipes.kept import Snapshots
from stagewise.recipes.optimization import AdamW
from stagewise.recipes.recipe import Recipe, changed
from stagewise.recipes.sampling import EachStalledOnce
from stagewise.recipes.schedules import SawTooth
from stagewise.recipes.starts import RandomStart
from stagewise.recipes.vote import VOTE, augmentation
from stagewise.training import callbacks
from stagewise.training.plans import TrainingPlan
from stagewise.training.train import compiled, start, train_folds
from stagewise.volumes.pklz import save_volume

NET = replace(
    D121.net,
    input_shape=(8, 12, 12),
    blocks=(1, 1),
    growth_rate=4,
    stem_filters=4,
    head_units=4,
    batch_norm_momentum=0.9,
)


def recipe(**changes) -> Recipe:
    """D121 with a tiny net and three epochs of four batches of two, accumulated by two."""
    resize = Resize(NET.input_shape)
    small = changed(
        D121,
        name="net_d121_stage1",
        net=NET,
        augmentation=tuple(resize if isinstance(step, Resize) else step for step in AUGMENTATION),
        batch_size=2,
        accumulation_steps=2,
        steps_per_epoch=4,
        epochs=3,
        learning_rate=1e-2,
        plateau_patience=1,
        stop_patience=2,
    )
    return changed(small, **changes)


GREY_NET = ResNet3D((None, 12, 12), 1, (1, 2), True, (4, 6), 0.9)


def grey_recipe(**changes) -> Recipe:
    """The second place's way with a tiny net: clips of their own length, each stalled one once in an epoch."""
    small = replace(
        recipe(name="grey_stage1"),
        net=GREY_NET,
        frames=EveryFrame(channel=2, lengths=(10, 12)),  # where a volume has 9 to 13 frames
        sampling=EachStalledOnce(flowing_for_each=1),
        augmentation=(Channel(2), ResizePlanes((12, 12)), Flip(axis=0, p=0.5), TruncatedNoise((10.0, 50.0), p=0.5)),
        optimizer=AdamW(learning_rate=1e-2, weight_decay=5e-4, epsilon=1e-8, accumulation_steps=1),
        kept=Snapshots("auc", flowing_per_stalled=1, kept_epochs=(1, 3)),
        schedule=SawTooth(epochs=3, half_period=2, minimum_learning_rate=1e-3),
        answer=AsItIs(openvino_precision="f32"),
        gpu_precision="float32",
    )
    return changed(small, **changes)


VIDEO_NET = VideoResNet("r2plus1d", (None, 12, 12), (1, 1), (4, 6), stem_middle=3)


def vote_recipe(**changes) -> Recipe:
    """The third place's way with a tiny net: a clip a batch, each once in an epoch, of its own length."""
    small = replace(
        VOTE,
        name="vote_stage1",
        net=VIDEO_NET,
        start=RandomStart(),
        frames=ColourFrames(room=12),  # where a volume has 9 to 13 frames
        augmentation=augmentation(12),
    )
    return changed(small, **{"learning_rate": 1e-2, "epochs": 3, "rising": 0.2, **changes})


RECIPES = {"d121": recipe, "r101": grey_recipe, "vote": vote_recipe}


def write_volumes(subset: str, count: int, seed: int = 0) -> pd.DataFrame:
    """Save `count` volumes of noise, stalled ones brighter, and return their rows with folds 0, 1, 2 and tier1."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        stalled = number % 2
        shape = (*generator.integers(9, 14, 3), 3)
        volume = np.clip(generator.normal(90 + 60 * stalled, 40, shape), 0, 255).astype(np.uint8)
        filename = f"{100000 + number}.mp4"
        save_volume(paths.volume_path(subset, filename), volume)
        rows.append((filename, stalled, number // 2 % 3, number % 5 != 0))
    return pd.DataFrame(rows, columns=["filename", "stalled", "fold", "tier1"])


def write_split(count: int = 18) -> pd.DataFrame:
    """Volumes of `train`, and the split CSV in its default place."""
    table = write_volumes("train", count)
    table.to_csv(paths.split_csv(), index=False)
    return table


def write_test_set(count: int = 5) -> list[str]:
    """Volumes of `test`, and submission_format.csv, which asks for them; returns their filenames."""
    names = write_volumes("test", count, seed=1)["filename"]
    paths.input_folder().mkdir()
    pd.DataFrame({"filename": names}).to_csv(paths.input_folder() / "submission_format.csv", index=False)
    return names.tolist()


def build(plan: TrainingPlan) -> keras.Model:
    """The compiled net with the weights that the fold starts from."""
    model = compiled(plan.recipe)
    start(model, plan)
    return model


COMPILED: dict[tuple, keras.Model] = {}


def compiled_before(recipe: Recipe) -> keras.Model:
    """A compiled net that another training may have left: the product, too, compiles once for all folds of a stage."""
    optimizer = replace(recipe.optimizer, learning_rate=0.0)  # whose rate each start sets
    key = (recipe.net, optimizer, recipe.loss, recipe.gpu_precision)
    if key not in COMPILED:
        COMPILED[key] = compiled(recipe)
    return COMPILED[key]


def train(plan: TrainingPlan, workers: int, force: bool, fresh: bool = False) -> None:
    """Train one fold; fresh: by a net of its own as in a new process, for 5 s more."""
    with pytest.MonkeyPatch.context() as patched:
        if not fresh:
            patched.setattr("stagewise.training.train.compiled", compiled_before)
        train_folds([plan], workers, force)


class Stop(Exception):
    """Stands for the end of a process between two epochs."""


def train_until_after(epoch: int, plan: TrainingPlan, force: bool = False) -> None:
    """Train one fold in a process that ends right after the state of `epoch`, from 0, was written."""
    record = callbacks.Recorder.on_epoch_end

    def recorded_then_stopped(self, number: int, logs: dict) -> None:
        record(self, number, logs)
        if number == epoch:
            raise Stop

    with pytest.MonkeyPatch.context() as patched, pytest.raises(Stop):
        patched.setattr(callbacks.Recorder, "on_epoch_end", recorded_then_stopped)
        train(plan, workers=0, force=force)
