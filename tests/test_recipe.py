"""The recipe's page holds the winner's numbers, and a stage differs from another only where it should."""

import dataclasses
import json
import runpy
from pathlib import Path

import pytest

from stagewise.augment import DropPlanes, Resize
from stagewise.console import cli
from stagewise.folds.formats import FORMAT, upgraded
from stagewise.messages.errors import InputError
from stagewise.recipes import d121
from stagewise.recipes.d121 import D121, IMAGENET, PRESETS
from stagewise.recipes.kept import BestEpoch
from stagewise.recipes.optimization import Adam
from stagewise.recipes.recipe import OF_TRAINING_ALONE, changed, trained_recipe
from stagewise.recipes.rows import AllRows, Tier1
from stagewise.recipes.sampling import ByChance
from stagewise.recipes.schedules import Plateau
from stagewise.recipes.starts import ParentStage, RandomStart

REPOSITORY = Path(__file__).parents[1]
STAGES = ("net_d121_stage1", "net_d121_stage2_auc", "net_d121_stage3_tier1")


@pytest.fixture(scope="module")
def stages():
    return [runpy.run_path(str(REPOSITORY / name / "r31_train.py"))["STAGE"] for name in STAGES]


def test_a_stage_is_named_after_its_folder_and_starts_from_the_one_before(stages):
    assert [stage.name for stage in stages] == list(STAGES)
    assert [stage.start for stage in stages] == [IMAGENET, *map(ParentStage, STAGES[:2])]


def test_stages_differ_only_where_the_recipe_says(stages):
    assert [stage.kept for stage in stages] == [BestEpoch("mcc", 1), BestEpoch("auc", 4), BestEpoch("auc", 10)]
    assert [stage.rows for stage in stages] == [AllRows(), AllRows(), Tier1()]
    drops = [any(isinstance(step, DropPlanes) for step in stage.augmentation) for stage in stages]
    assert drops == [False, False, True]
    differing = {"name", "start", "rows", "kept", "augmentation"}
    for stage in stages:
        for field in {field.name for field in dataclasses.fields(D121)} - differing:
            assert getattr(stage, field) == getattr(D121, field)


def test_the_winners_numbers(stages):
    recipe = stages[0]
    assert recipe.net.input_shape == (96, 128, 128)
    assert recipe.net.blocks == (6, 12, 24, 16)
    assert recipe.batch_size == 6
    assert recipe.sampling == ByChance(share=0.25, steps_per_epoch=1000)
    assert recipe.optimizer == Adam(learning_rate=1e-4, accumulation_steps=20)
    assert recipe.schedule == Plateau(150, 0.95, 3, minimum_learning_rate=1e-9, stop_patience=15)
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
        start = RandomStart() if (preset, stage) == ("demo", stages[0]) else stage.start
        assert (made.name, made.start, made.kept) == (stage.name, start, stage.kept)
        assert made.preset == preset
        assert len(made.augmentation) == len(stage.augmentation)
        assert [step.shape for step in made.augmentation if isinstance(step, Resize)] == [made.net.input_shape]


@pytest.mark.parametrize(("batch", "accumulated", "steps"), [(None, 20, 1000), (6, 20, 1000), (24, 5, 250)])
def test_other_batches_of_a_gpu_make_the_same_steps_and_epochs(stages, monkeypatch, batch, accumulated, steps):
    monkeypatch.setattr(d121, "GPU_BATCH", batch)
    for stage in stages:
        made = PRESETS["full"](stage)
        size = batch or 6
        assert made == changed(stage, batch_size=size, accumulation_steps=accumulated, steps_per_epoch=steps)
        assert (made == stage) == (size == 6)


@pytest.mark.parametrize("batch", [16, 0, -6])
def test_a_batch_that_a_step_is_no_whole_number_of_is_refused(stages, monkeypatch, batch):
    monkeypatch.setattr(d121, "GPU_BATCH", batch)
    with pytest.raises(InputError, match=f"120 clips a step .* are no batches of {batch}; choose another GPU_BATCH"):
        PRESETS["full"](stages[0])


def test_the_presets_are_those_of_the_command_line():
    assert tuple(PRESETS) == cli.OPTIONS["preset"]["choices"]


def test_small_is_the_recipes_net_on_small_volumes():
    net = PRESETS["small"](D121).net
    assert dataclasses.replace(net, input_shape=D121.net.input_shape) == D121.net


def test_a_recipe_is_plain_values_for_config_json_and_comes_back_from_them(stages):
    plain = json.loads(json.dumps(stages[2].as_dict()))
    assert plain["net"]["blocks"] == [6, 12, 24, 16]
    assert plain["augmentation"][3]["transform"] == "DropPlanes"
    assert plain.keys() == {field.name for field in dataclasses.fields(D121)}
    assert trained_recipe(stages[2], plain, "fold 0") == stages[2]
    demo = PRESETS["demo"](stages[2])
    again = trained_recipe(stages[2], json.loads(json.dumps(demo.as_dict())), "fold 0")
    assert dataclasses.replace(again, **{name: getattr(demo, name) for name in OF_TRAINING_ALONE}) == demo


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda plain: plain["net"].update(kind="ResNet3D"), r"another net \(ResNet3D\) than .* has \(DenseNet3D\)"),
        (lambda plain: plain.pop("answer"), r"another answer \(None\) than"),
        (lambda plain: plain["net"].pop("blocks"), "fold 0: net has the numbers .* not .*blocks"),
    ],
    ids=["kind", "part", "number"],
)
def test_a_run_of_other_parts_than_the_page_has_is_refused(stages, spoil, message):
    plain = stages[2].as_dict()
    spoil(plain)
    with pytest.raises(InputError, match=message):
        trained_recipe(stages[2], plain, "fold 0")


def test_a_number_is_changed_in_the_part_that_has_it(stages):
    made = changed(stages[0], learning_rate=0.5, epochs=2, batch_size=3)
    assert (made.optimizer.learning_rate, made.schedule.epochs, made.batch_size) == (0.5, 2, 3)
    assert dataclasses.replace(made.optimizer, learning_rate=1e-4) == stages[0].optimizer
    with pytest.raises(TypeError, match="colour is a number of no part of the recipe"):
        changed(stages[0], colour=1)


def test_what_an_earlier_version_wrote_down_is_the_same_recipe(stages):
    recorded = json.loads((Path(__file__).parent / "recorded" / "recipes_of_format_1.json").read_text())
    demo = dataclasses.replace(PRESETS["demo"](stages[0]), start=IMAGENET)  # as it was without --init random
    for flat, stage in ((recorded["full"], stages[2]), (recorded["demo"], demo)):
        found = upgraded({"recipe": flat, "finished": True}, "config.json")
        assert found["format"] == FORMAT and found["finished"]
        assert found["recipe"] == json.loads(json.dumps(stage.as_dict()))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"format": 99, "versions": {"python": "4"}},
            "has format 99, .* use the version that trained it .*'python': '4'",
        ),
        ({"recipe": {"name": "x"}}, "config.json lacks 'init_from' of its recipe; train it again with --force"),
    ],
    ids=["later", "damaged"],
)
def test_a_config_that_cannot_be_read_says_which_version_can(config, message):
    with pytest.raises(InputError, match=message):
        upgraded(config, "config.json")
