"""The commands that messages name: each asks for the very training that it speaks of, with all its options."""

import json
import re
import shlex
import shutil
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import pytest
import tiny

from stagewise.data.splits import read_split
from stagewise.files import paths
from stagewise.folds import runs
from stagewise.messages.commands import TRAIN, script_of
from stagewise.messages.errors import InputError
from stagewise.prediction.inference import plan_test
from stagewise.recipes import d121, r101, vote
from stagewise.recipes.d121 import D121, IMAGENET
from stagewise.recipes.r101 import R101
from stagewise.recipes.recipe import Recipe, changed
from stagewise.recipes.starts import ParentSnapshot, ParentStage, RandomStart
from stagewise.recipes.vote import KINETICS, VOTE
from stagewise.training.plans import plan_training
from stagewise.training.stage import Presets, train_stage

OPTIONS = ("--fold", "1", "--split", "mine.csv", "--seed", "7", "--preset", "small")
RANDOM = ("--init", "random")


@dataclass(frozen=True)
class Stages:
    """A recipe's first stage, one that starts from it if there is any, and the page's presets."""

    presets: Presets
    first: Recipe
    second: Recipe | None = None

    @property
    def started(self) -> str:
        """The command that begins a fold of the first stage with `OPTIONS`."""
        return f"python {shlex.join((script_of(self.first.name, TRAIN), *OPTIONS, *RANDOM))}"


D121_FIRST = changed(D121, name="net_d121_stage1", start=IMAGENET, monitor="mcc")
RUN_1 = replace(R101, name="second_place_r101_run1")
RECIPES = {
    "d121": Stages(
        d121.PRESETS, D121_FIRST, changed(D121, name="net_d121_stage2_auc", start=ParentStage(D121_FIRST.name))
    ),
    "r101": Stages(
        r101.PRESETS, RUN_1, replace(RUN_1, name="second_place_r101_run2", start=ParentSnapshot(RUN_1.name, 515))
    ),
    "vote": Stages(vote.PRESETS, replace(VOTE, name="third_place_vote_mc3", net=vote.MC3, start=KINETICS["mc3"])),
}


@pytest.fixture(params=["d121", "r101"])
def recipe(request):
    return RECIPES[request.param]


@pytest.fixture
def dry_run(root, monkeypatch, recipe):
    """A stage script on words of its command line, as far as a dry run goes; the user's split is mine.csv."""
    tiny.write_split().to_csv(root / "mine.csv", index=False)

    def dry_run(stage, *words: str) -> None:
        monkeypatch.setattr("sys.argv", [script_of(stage.name, TRAIN), *words, "--dry-run"])
        train_stage(stage, recipe.presets, "", following="")

    return dry_run


@pytest.fixture
def started(dry_run, recipe):
    """Start the recipe's first stage; returns a function that changes what its config says."""
    made = replace(recipe.presets["small"](recipe.first), start=RandomStart())
    plan = plan_training(made, read_split(Path("mine.csv")), 1, seed=7)
    path = plan.folder / runs.CONFIG
    runs.write_json(path, {**plan.made_from, "finished": False})
    return lambda **changes: runs.write_json(path, {**json.loads(path.read_text()), **changes})


def command_of(error: pytest.ExceptionInfo) -> str:
    """The last command in a message."""
    return f"python {str(error.value).rpartition('python ')[2]}"


def test_an_unfinished_parent_goes_on_with_the_command_that_stage_2_names(started, dry_run, recipe):
    with pytest.raises(InputError, match="has not finished; go on with") as error:
        dry_run(recipe.second, *OPTIONS)
    assert command_of(error) == recipe.started
    dry_run(recipe.first, *shlex.split(recipe.started)[2:])  # refused where the run was made from something else


@pytest.mark.parametrize(
    ("recipe", "preset", "random"),
    [
        *product(["d121"], d121.PRESETS, [False, True]),
        ("r101", "demo", False),
        ("vote", "full", False),
        ("vote", "demo", True),
    ],
    indirect=["recipe"],
)
@pytest.mark.parametrize("split", ["mine.csv", None])
def test_the_command_of_a_run_goes_on_with_it(dry_run, recipe, preset, random, split):
    first = recipe.first
    if not random and not isinstance(first.start, RandomStart):
        path = paths.models_folder() / first.start.file
        path.parent.mkdir()
        path.touch()
    made = replace(recipe.presets[preset](first), **{"start": RandomStart()} if random else {})
    plan = plan_training(made, read_split(split and Path(split)), 2, seed=3)
    runs.write_json(plan.folder / runs.CONFIG, {**plan.made_from, "finished": False})
    dry_run(first, *shlex.split(plan.command)[2:])
    assert plan.command == runs.train_command(first.name, [2], runs.read_config(first.name, 2))


@pytest.mark.parametrize("recipe", ["d121", "vote"], indirect=True)
@pytest.mark.parametrize("file", [False, True])
def test_a_demo_is_the_same_with_and_without_init_random(dry_run, recipe, capsys, file):
    if file:  # of the whole net's weights, which the demo's has no place for
        path = paths.models_folder() / recipe.first.start.file
        path.parent.mkdir()
        path.touch()
    options, planned = (*OPTIONS, "--preset", "demo"), []
    for init in ((), RANDOM):
        dry_run(recipe.first, *options, *init)
        planned.append(capsys.readouterr().out)
    assert planned[0] == planned[1] and "starts from random weights" in planned[0]
    as_ever = replace(recipe.presets["demo"](recipe.first), start=RandomStart())
    plan = plan_training(as_ever, read_split(Path("mine.csv")), 1, seed=7)
    runs.write_json(plan.folder / runs.CONFIG, {**plan.made_from, "finished": False})
    for init in ((), RANDOM):
        dry_run(recipe.first, *options, *init)  # refused where it was made from something else


@pytest.mark.parametrize(
    ("recipe", "mend"),
    [
        ("d121", "run: python preproc_data/r04_inflate_imagenet.py (or "),
        (
            "vote",
            "download https://download.pytorch.org/models/mc3_18-a90a0ba3.pth and run: "
            "python preproc_data/r04_inflate_imagenet.py --weights mc3_18-a90a0ba3.pth (or ",
        ),
    ],
    indirect=["recipe"],
)
def test_first_weights_that_are_not_there_are_refused_with_what_makes_them(dry_run, recipe, mend):
    path = f"models/{recipe.first.start.file}"
    message = f"no weights {path} to start from; {mend}ask for random ones with --init random)"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        dry_run(recipe.first, *OPTIONS)


def test_a_run_made_from_something_else_is_begun_anew_by_what_was_asked_for(started, dry_run, recipe):
    with pytest.raises(InputError, match="seed: 7 is now 8") as error:
        dry_run(recipe.first, *OPTIONS, *RANDOM, "--seed", "8")
    assert command_of(error) == f"{recipe.started.replace('--seed 7', '--seed 8')} --force"


def test_another_preset_is_told_by_what_differs_in_short(started, dry_run, recipe):
    with pytest.raises(InputError) as error:
        dry_run(recipe.first, *OPTIONS, *RANDOM, "--preset", "demo")
    message = str(error.value)
    small, demo = (json.dumps(recipe.presets[name](recipe.first).net.input_shape) for name in ("small", "demo"))
    assert "recipe.augmentation has changed; " in message
    assert 'recipe.preset: "small" is now "demo"' in message
    assert f"recipe.net.input_shape: {small} is now {demo}; " in message
    assert len(message) < 1000


@pytest.mark.parametrize(
    ("changes", "message", "split"),
    [
        (
            lambda recipe: {"split": {"file": "old.csv", "sha256": "0"}},
            "on another split",
            "YOUR.csv",
        ),
        (lambda recipe: {}, "(no weights |keeps no snapshot of epoch 7)", "mine.csv"),
        (
            # the preset of the command is that of the stage which needs it
            lambda recipe: {"recipe": replace(recipe.presets["demo"](recipe.first), start=RandomStart()).as_dict()},
            "was trained with another net",
            "mine.csv",
        ),
    ],
    ids=["split", "weights", "net"],
)
def test_a_parent_that_does_not_serve_is_trained_anew_with_the_options_it_had(
    started, dry_run, recipe, changes, message, split
):
    started(finished=True, best={"sha256": "0"}, **changes(recipe))
    with pytest.raises(InputError, match=message) as error:
        dry_run(recipe.second, *OPTIONS)
    assert command_of(error) == f"{recipe.started.replace('mine.csv', split)} --force"


def test_folds_of_different_nets_are_trained_anew_like_the_first(started, dry_run, recipe):
    started(finished=True)
    other = json.loads((paths.fold_folder(recipe.first.name, 1) / runs.CONFIG).read_text())
    other["recipe"] = recipe.presets["demo"](recipe.first).as_dict()
    runs.write_json(paths.fold_folder(recipe.first.name, 2) / runs.CONFIG, other)
    with pytest.raises(InputError, match=r"folds 1 and 2 of .* hold different nets") as error:
        plan_test(recipe.first, Path("mine.csv"), [1, 2])
    assert command_of(error) == f"{recipe.started.replace('--fold 1', '--fold 2')} --force"


def test_where_nothing_tells_the_options_the_message_says_where_they_are(started, dry_run, recipe):
    (paths.fold_folder(recipe.first.name, 1) / runs.CONFIG).write_text("torn")
    with pytest.raises(InputError, match=r"is damaged .* --fold 1 --force, with the options that its train.log names"):
        dry_run(recipe.second, *OPTIONS)
    shutil.rmtree(paths.fold_folder(recipe.first.name, 1))
    with pytest.raises(InputError, match="no trained fold 1 ") as error:
        dry_run(recipe.second, *OPTIONS)
    assert command_of(error) == recipe.started.replace(" --init random", "")  # which the second stage does not know
