"""The second place's page holds the winner's numbers, and its stages differ where the winner's runs did."""

import dataclasses
import json
import runpy

import pytest

from stagewise.augment import Channel, ResizePlanes
from stagewise.messages.commands import REPOSITORY, TRAIN, script_of
from stagewise.recipes.optimization import AdamW
from stagewise.recipes.r101 import PRESETS, R101
from stagewise.recipes.recipe import OF_TRAINING_ALONE, trained_recipe
from stagewise.recipes.rows import Tier1, Tier1AndSurelyStalled
from stagewise.recipes.sampling import EachStalledOnce
from stagewise.recipes.schedules import SawTooth
from stagewise.recipes.starts import ParentSnapshot, RandomStart

NAMES = ("second_place_r101_run1", "second_place_r101_run2")


@pytest.fixture(scope="module")
def stages():
    return [runpy.run_path(str(REPOSITORY / script_of(name, TRAIN)))["STAGE"] for name in NAMES]


def test_the_winners_numbers():
    assert R101.net.input_shape == (None, 160, 160)
    assert R101.net.parameters == 85_308_609
    assert R101.net.map_shapes == [(32, 40, 40), (16, 20, 20), (8, 10, 10), (4, 5, 5)]
    assert R101.batch_size == 4 and R101.gpu_precision == "float32" and R101.answer.views == 1
    assert R101.sampling == EachStalledOnce(flowing_for_each=3)
    assert R101.optimizer == AdamW(1e-4, weight_decay=5e-4, epsilon=1e-8, accumulation_steps=1)
    assert R101.schedule == SawTooth(1120, half_period=5, minimum_learning_rate=1e-6)
    assert R101.prepared.transforms == (Channel(2), ResizePlanes((160, 160))) == R101.augmentation[:2]
    chances = [(type(step).__name__, step.p) for step in R101.augmentation[2:]]
    assert chances == [
        *(("Flip", 0.5), ("Flip", 0.5), ("RotateQuarters", 0.5)),
        *(("OneOf", 0.5), ("OneOf", 0.5), ("OneOf", 0.5)),
        *(("ShiftScaleRotate", 0.5), ("Flip", 0.5)),
    ]


def test_run_2_starts_from_a_snapshot_of_run_1_takes_more_rows_and_all_five_answer(stages):
    assert [stage.name for stage in stages] == list(NAMES)
    assert [stage.start for stage in stages] == [RandomStart(), ParentSnapshot(NAMES[0], 515)]
    assert [stage.rows for stage in stages] == [Tier1(), Tier1AndSurelyStalled(crowd_score=0.6)]
    assert [stage.kept.snapshots for stage in stages] == [(515, 705, 915), (798, 1115)]
    own, parents = ((NAMES[1], 798), (NAMES[1], 1115)), ((NAMES[0], 515), (NAMES[0], 705), (NAMES[0], 915))
    assert stages[1].kept.answering(NAMES[1]) == (*parents, *own)
    for field in {field.name for field in dataclasses.fields(R101)} - {"name", "start", "rows", "kept"}:
        assert getattr(stages[0], field) == getattr(stages[1], field) == getattr(R101, field)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_keeps_the_runs_and_what_one_of_them_takes_of_the_other_is_there(stages, preset):
    first, second = (PRESETS[preset](stage) for stage in stages)
    for made, stage in ((first, stages[0]), (second, stages[1])):
        assert (made.name, made.rows, made.preset) == (stage.name, stage.rows, preset)
        assert max(made.kept.snapshots) <= made.schedule.epochs
        assert [step.size for step in made.augmentation if isinstance(step, ResizePlanes)] == [made.net.input_shape[1:]]
        again = trained_recipe(stage, json.loads(json.dumps(made.as_dict())), "fold 0")
        assert dataclasses.replace(again, **{name: getattr(made, name) for name in OF_TRAINING_ALONE}) == made
    assert first.net == second.net
    taken = {second.start.snapshot, *(epoch for stage, epoch in second.kept.earlier if stage == first.name)}
    assert taken <= set(first.kept.snapshots)
