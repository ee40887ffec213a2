"""The commands that messages name: each asks for the very training that it speaks of, with all its options."""

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import tiny

from stagewise.data.splits import read_split
from stagewise.files import paths
from stagewise.folds import runs
from stagewise.messages.errors import InputError
from stagewise.prediction.inference import plan_test
from stagewise.recipes.d121 import D121, IMAGENET, PRESETS
from stagewise.recipes.recipe import changed
from stagewise.recipes.starts import ParentStage, RandomStart
from stagewise.training.plans import plan_training
from stagewise.training.stage import train_stage

FIRST = changed(D121, name="net_d121_stage1", start=IMAGENET, monitor="mcc")
SECOND = changed(D121, name="net_d121_stage2_auc", start=ParentStage(FIRST.name))
OPTIONS = ("--fold", "1", "--split", "mine.csv", "--seed", "7", "--preset", "small")
RANDOM = ("--init", "random")
STARTED = f"python {shlex.join((f'{FIRST.name}/r31_train.py', *OPTIONS, *RANDOM))}"


@pytest.fixture
def dry_run(root, monkeypatch):
    """A stage script on words of its command line, as far as a dry run goes; the user's split is mine.csv."""
    monkeypatch.chdir(root)
    tiny.write_split().to_csv("mine.csv", index=False)

    def dry_run(stage, *words: str) -> None:
        monkeypatch.setattr("sys.argv", [f"{stage.name}/r31_train.py", *words, "--dry-run"])
        train_stage(stage, PRESETS, "", following="")

    return dry_run


@pytest.fixture
def started(dry_run):
    """Start `STARTED`; returns a function that changes what its config says."""
    plan = plan_training(replace(PRESETS["small"](FIRST), start=RandomStart()), read_split(Path("mine.csv")), 1, seed=7)
    path = plan.folder / runs.CONFIG
    runs.write_json(path, {**plan.made_from, "finished": False})
    return lambda **changes: runs.write_json(path, {**json.loads(path.read_text()), **changes})


def command_of(error: pytest.ExceptionInfo) -> str:
    """The last command in a message."""
    return f"python {str(error.value).rpartition('python ')[2]}"


def test_an_unfinished_parent_goes_on_with_the_command_that_stage_2_names(started, dry_run):
    with pytest.raises(InputError, match="has not finished; go on with") as error:
        dry_run(SECOND, *OPTIONS)
    assert command_of(error) == STARTED
    dry_run(FIRST, *shlex.split(STARTED)[2:])  # which is refused where the run was made from something else


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("start", [IMAGENET, RandomStart()])
@pytest.mark.parametrize("split", ["mine.csv", None])
def test_the_command_of_a_run_goes_on_with_it(dry_run, preset, start, split):
    paths.imagenet_weights().parent.mkdir()
    paths.imagenet_weights().touch()
    recipe = replace(PRESETS[preset](FIRST), start=start)
    plan = plan_training(recipe, read_split(split and Path(split)), 2, seed=3)
    runs.write_json(plan.folder / runs.CONFIG, {**plan.made_from, "finished": False})
    dry_run(FIRST, *shlex.split(plan.command)[2:])
    assert plan.command == runs.train_command(FIRST.name, [2], runs.read_config(FIRST.name, 2))


def test_a_run_made_from_something_else_is_begun_anew_by_what_was_asked_for(started, dry_run):
    with pytest.raises(InputError, match="seed: 7 is now 8") as error:
        dry_run(FIRST, *OPTIONS, *RANDOM, "--seed", "8")
    assert command_of(error) == f"{STARTED.replace('--seed 7', '--seed 8')} --force"


def test_another_preset_is_told_by_what_differs_in_short(started, dry_run):
    with pytest.raises(InputError) as error:
        dry_run(FIRST, *OPTIONS, *RANDOM, "--preset", "demo")
    message = str(error.value)
    assert "recipe.augmentation has changed; " in message
    assert "recipe.batch_size: 16 is now 8; " in message
    assert "recipe.net.input_shape: [32, 32, 32] is now [32, 64, 64]; " in message
    assert len(message) < 1000


@pytest.mark.parametrize(
    ("config", "message", "command"),
    [
        ({"split": {"file": "old.csv", "sha256": "0"}}, "on another split", STARTED.replace("mine.csv", "YOUR.csv")),
        ({}, "no weights ", STARTED),
        (
            {"recipe": replace(PRESETS["demo"](FIRST), start=RandomStart()).as_dict()},
            "was trained with another net",
            STARTED,  # the preset is that of the stage which needs it
        ),
    ],
    ids=["split", "weights", "net"],
)
def test_a_parent_that_does_not_serve_is_trained_anew_with_the_options_it_had(
    started, dry_run, config, message, command
):
    started(finished=True, best={"sha256": "0"}, **config)
    with pytest.raises(InputError, match=message) as error:
        dry_run(SECOND, *OPTIONS)
    assert command_of(error) == f"{command} --force"


def test_folds_of_different_nets_are_trained_anew_like_the_first(started, dry_run):
    started(finished=True)
    other = json.loads((paths.fold_folder(FIRST.name, 1) / runs.CONFIG).read_text())
    other["recipe"] = PRESETS["demo"](FIRST).as_dict()
    runs.write_json(paths.fold_folder(FIRST.name, 2) / runs.CONFIG, other)
    with pytest.raises(InputError, match=r"folds 1 and 2 of .* hold different nets") as error:
        plan_test(FIRST, Path("mine.csv"), [1, 2])
    assert command_of(error) == f"{STARTED.replace('--fold 1', '--fold 2')} --force"


def test_where_nothing_tells_the_options_the_message_says_where_they_are(started, dry_run):
    (paths.fold_folder(FIRST.name, 1) / runs.CONFIG).write_text("torn")
    with pytest.raises(InputError, match=r"is damaged .* --fold 1 --force, with the options that its train.log names"):
        dry_run(SECOND, *OPTIONS)
    shutil.rmtree(paths.fold_folder(FIRST.name, 1))
    with pytest.raises(InputError, match="no trained fold 1 ") as error:
        dry_run(SECOND, *OPTIONS)
    assert command_of(error) == STARTED.replace(" --init random", "")  # whose weights the second stage does not know
