"""The recipe's page holds the winner's numbers, and a stage differs from another only where it should."""

import dataclasses
import json
import runpy
from pathlib import Path

import pytest

from stagewise.augment import DropPlanes, Resize
from stagewise.console import cli
from stagewise.recipes.d121 import D121, PRESETS

REPOSITORY = Path(__file__).parents[1]
STAGES = ("net_d121_stage1", "net_d121_stage2_auc", "net_d121_stage3_tier1")


@pytest.fixture(scope="module")
def stages():
    return [runpy.run_path(str(REPOSITORY / name / "r31_train.py"))["STAGE"] for name in STAGES]


def test_a_stage_is_named_after_its_folder_and_starts_from_the_one_before(stages):
    assert [stage.name for stage in stages] == list(STAGES)
    assert [stage.init_from for stage in stages] == ["imagenet", *STAGES[:2]]


def test_stages_differ_only_where_the_recipe_says(stages):
    assert [stage.monitor for stage in stages] == ["mcc", "auc", "auc"]
    assert [stage.validation_flowing_per_stalled for stage in stages] == [1, 4, 10]
    assert [stage.tier1_only for stage in stages] == [False, False, True]
    drops = [any(isinstance(step, DropPlanes) for step in stage.augmentation) for stage in stages]
    assert drops == [False, False, True]
    kept = ("net", "batch_size", "accumulation_steps", "steps_per_epoch", "epochs", "learning_rate", "stalled_share")
    for stage in stages:
        assert all(getattr(stage, name) == getattr(D121, name) for name in kept)


def test_the_winners_numbers(stages):
    recipe = stages[0]
    assert recipe.net.input_shape == (96, 128, 128)
    assert recipe.net.blocks == (6, 12, 24, 16)
    assert (recipe.batch_size, recipe.accumulation_steps, recipe.steps_per_epoch, recipe.epochs) == (6, 20, 1000, 150)
    assert (recipe.learning_rate, recipe.minimum_learning_rate, recipe.stalled_share) == (1e-4, 1e-9, 0.25)
    assert (recipe.plateau_factor, recipe.plateau_patience, recipe.stop_patience) == (0.95, 3, 15)
    chances = [(type(step).__name__, step.p) for step in stages[2].augmentation]
    assert chances == [
        ("Rotate", 0.3),
        ("ElasticTransform", 0.1),
        ("RandomCropFromBorders", 0.4),
        ("DropPlanes", 0.3),
        ("Resize", 1),
        ("Flip", 0.5),
        ("Flip", 0.5),
        ("Flip", 0.5),
        ("RotateQuarters", 0.5),
        ("GaussianNoise", 0.2),
        ("RandomGamma", 0.2),
    ]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_keeps_the_stage_and_fits_its_own_net(stages, preset):
    for stage in stages:
        made = PRESETS[preset](stage)
        assert (made.name, made.init_from, made.monitor) == (stage.name, stage.init_from, stage.monitor)
        assert len(made.augmentation) == len(stage.augmentation)
        assert [step.shape for step in made.augmentation if isinstance(step, Resize)] == [made.net.input_shape]


def test_the_presets_are_those_of_the_command_line():
    assert tuple(PRESETS) == cli.OPTIONS["preset"]["choices"]


def test_small_is_the_recipes_net_on_small_volumes():
    net = PRESETS["small"](D121).net
    assert dataclasses.replace(net, input_shape=D121.net.input_shape) == D121.net


def test_a_recipe_is_plain_values_for_config_json(stages):
    plain = stages[2].as_dict()
    assert json.loads(json.dumps(plain))["net"]["blocks"] == [6, 12, 24, 16]
    assert plain["augmentation"][3]["transform"] == "DropPlanes"
    assert plain.keys() == {field.name for field in dataclasses.fields(D121)}
