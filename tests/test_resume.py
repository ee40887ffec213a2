"""What an interrupted training goes on from: whole states alone, and to the same end as an undisturbed run."""

import json

import numpy as np
import pytest
import tiny
from tiny import build, train, train_until_after

from stagewise.data.splits import read_split
from stagewise.folds import runs
from stagewise.folds.checkpoints import Progress, load_state, save_state
from stagewise.messages.errors import InputError
from stagewise.training import clip_scores
from stagewise.training.plans import plan_training, started_config

# the best epoch is the second; the rate falls after the third, and patience ends with the fourth
SCORES = (0.5, 0.9, 0.4, 0.3)
ARTEFACTS = (runs.BEST_WEIGHTS, runs.HISTORY, runs.CURVES, runs.CONFIG)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """One root for all tests here: its split and volumes never change."""
    with pytest.MonkeyPatch.context() as patched:
        root = tmp_path_factory.mktemp("resume")
        patched.setenv("STAGEWISE_ROOT", str(root))
        tiny.write_split()
        yield root


@pytest.fixture
def wanted(root, monkeypatch):
    """A plan whose validation scores are `SCORES`; three batches an epoch, two accumulated."""
    scored(monkeypatch, SCORES)
    plan = plan_training(tiny.recipe(monitor="mcc", steps_per_epoch=3, epochs=9), read_split(None), 0, seed=1)
    if plan.folder.exists():
        runs.clear(plan.folder)
    return plan


@pytest.fixture(scope="module")
def straight(root):
    """What an undisturbed run leaves behind."""
    with pytest.MonkeyPatch.context() as patched:
        scored(patched, SCORES)
        plan = plan_training(tiny.recipe(monitor="mcc", steps_per_epoch=3, epochs=9), read_split(None), 0, seed=1)
        train(plan, workers=0, force=True)
        return artefacts(plan)


def artefacts(plan) -> dict[str, bytes]:
    return {name: (plan.folder / name).read_bytes() for name in ARTEFACTS}


def scored(monkeypatch, scores) -> None:
    score = clip_scores.ValidationScores.on_epoch_end

    def scored_as_told(self, epoch: int, logs: dict) -> None:
        score(self, epoch, logs)
        logs["val_mcc"] = scores[epoch]

    monkeypatch.setattr(clip_scores.ValidationScores, "on_epoch_end", scored_as_told)


def flip_bit(path, position: float = 0.5) -> None:
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] ^= 4
    path.write_bytes(content)


def test_interrupted_after_the_plateau_and_after_the_stop_equals_straight_bit_for_bit(wanted, straight):
    train_until_after(2, wanted)
    train_until_after(3, wanted)
    train(wanted, workers=0, force=False)
    assert artefacts(wanted) == straight
    history = straight[runs.HISTORY].decode().splitlines()
    rates = [float(row.split(",")[history[0].split(",").index("learning_rate")]) for row in history[1:]]
    np.testing.assert_allclose(rates, [1e-2, 1e-2, 1e-2, 0.95e-2], rtol=1e-6)
    assert json.loads(straight[runs.CONFIG])["best"]["epoch"] == 1
    left = {path.name for path in wanted.folder.iterdir()}
    assert left == {*ARTEFACTS, runs.LOCK, runs.EVENTS, runs.LOG}
    assert len(list((wanted.folder / runs.EVENTS).iterdir())) == len(SCORES)


def test_from_a_flipped_bit_the_previous_state_is_used_saying_so_to_the_same_end(wanted, straight, capsys):
    train_until_after(1, wanted)  # the epoch whose weights became the best ones
    flip_bit(wanted.folder / runs.RESUME_STATE)
    train(wanted, workers=0, force=False)
    shown = capsys.readouterr().out
    assert "resume_state.npz is damaged (its checksum differs); going on from the previous state" in shown
    assert artefacts(wanted) == straight


def test_an_epoch_trained_again_with_a_lower_score_leaves_nothing_of_its_first_time(wanted, monkeypatch):
    # on a GPU two trainings of one epoch differ; the first time its weights were the best, the second time not
    train_until_after(0, wanted)
    model = build(wanted)
    best = load_state(wanted.folder, model, wanted.command).best_weights
    train_until_after(1, wanted)
    (wanted.folder / runs.RESUME_STATE).unlink()  # as a kill between the two renames leaves it
    scored(monkeypatch, (0.5, 0.4))
    train_until_after(1, wanted)
    progress = load_state(wanted.folder, model, wanted.command)
    assert progress.callbacks["BestWeights"] == {"best": 0.5, "best_epoch": 0}
    for array, other in zip(progress.best_weights, best, strict=True):
        np.testing.assert_array_equal(array, other)


@pytest.fixture(scope="module")
def model(root):
    return build(plan_training(tiny.recipe(), read_split(None), 0, seed=1))


def test_every_cut_and_every_flipped_bit_of_a_state_is_detected(model, tmp_path):
    save_state(tmp_path, model, Progress(best_weights=model.get_weights()))
    state = tmp_path / runs.RESUME_STATE
    whole, before, generator = state.read_bytes(), model.get_weights(), np.random.default_rng(0)
    cuts = [whole[:length] for length in (0, 1, 31, 32, 33, len(whole) - 1, *generator.integers(len(whole), size=30))]
    flips = [whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :] for at, bit in spots(generator, len(whole))]
    for damaged in (*cuts, *flips, whole + b"\0", whole[:-40] + whole):
        state.write_bytes(damaged)
        with pytest.raises(InputError, match=r"resume_state.npz is damaged .* run: THE COMMAND --force"):
            load_state(tmp_path, model, "THE COMMAND")
    for array, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, other)


def spots(generator: np.random.Generator, length: int) -> list[tuple[int, int]]:
    return [(int(generator.integers(length)), int(generator.integers(8))) for _ in range(200)]


def test_with_both_states_damaged_the_message_names_both(model, tmp_path):
    for _ in range(2):
        save_state(tmp_path, model, Progress(best_weights=model.get_weights()))
    for name in (runs.RESUME_STATE, runs.PREVIOUS_STATE):
        flip_bit(tmp_path / name, position=0.9)
    with pytest.raises(InputError, match=r"resume_state.npz is damaged .*previous_state.npz is damaged .*--force"):
        load_state(tmp_path, model, "THE COMMAND")


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ({"split": {"file": "old.csv", "sha256": "0" * 64}}, 'split.sha256: "0{64}" is now "[0-9a-f]{64}"'),
        ({"start": {"from": "random", "sha256": "1" * 64}}, 'start.sha256: "1{64}" is now null'),
        ({"fold": 3}, "fold: 3 is now 0"),
        ({"format": 2, "recipe": {}}, "recipe.batch_size: null is now 2"),
    ],
    ids=["split", "parent", "fold", "recipe"],
)
def test_a_run_made_from_something_else_is_refused_naming_what_changed(wanted, before, message):
    content = {**wanted.made_from, **before, "finished": False}
    runs.write_json(wanted.folder / runs.CONFIG, content)
    with pytest.raises(InputError, match=f"{message}.*to start over, run: {wanted.command} --force"):
        started_config(wanted)


def test_a_link_to_a_folder_is_removed_with_a_run_and_the_folder_stays(tmp_path):
    run, elsewhere = tmp_path / "fold_0", tmp_path / "elsewhere"
    for folder in (run, elsewhere):
        folder.mkdir()
    (elsewhere / "log").touch()
    (run / runs.EVENTS).symlink_to(elsewhere)
    runs.clear(run)
    assert not [*run.iterdir()] and (elsewhere / "log").exists()
