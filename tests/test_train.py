"""One fold's training: resumed equals straight bit for bit, and nothing starts from what it should not."""

import json
from contextlib import contextmanager
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
import tiny
import tiny_xrays
from tiny import build, train, train_until_after

from stagewise.data.batches import TrainingBatches
from stagewise.data.splits import read_split
from stagewise.files import paths
from stagewise.files.locks import owned
from stagewise.folds import runs
from stagewise.machine.steps import training_steps
from stagewise.messages.commands import BEGUN_ANEW
from stagewise.messages.errors import BusyError, InputError, NumericalError
from stagewise.recipes.starts import ParentSnapshot, ParentStage, WeightsFile
from stagewise.scores.score import best_threshold
from stagewise.training import callbacks, clip_scores
from stagewise.training.masks import MASKS
from stagewise.training.plans import plan_training
from stagewise.training.train import train_folds


@pytest.fixture
def split(root):
    tiny.write_split()
    return read_split(None)


def plan(split, fold: int = 0, recipe=tiny.recipe, **changes):
    if recipe is tiny_xrays.first_recipe:
        return plan_training(recipe(**changes), tiny_xrays.write_split(), fold, seed=1, task=MASKS)
    return plan_training(recipe(**changes), split, fold, seed=1)


def weights_of(folder, net=tiny.NET) -> list[np.ndarray]:
    """What best.weights.h5 holds, read back through a fresh net."""
    model = net.build()
    model.load_weights(folder / runs.BEST_WEIGHTS)
    return model.get_weights()


def outcome(folder, net=tiny.NET) -> tuple[list[np.ndarray], str, dict]:
    return weights_of(folder, net), (folder / runs.HISTORY).read_text(), json.loads((folder / runs.CONFIG).read_text())


def assert_same(one: tuple, other: tuple) -> None:
    for array, other_array in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(array, other_array)
    assert one[1:] == other[1:]


@pytest.mark.parametrize("epoch", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("recipe", "changes"),
    # three batches an epoch and two accumulated: the accumulator is half full at every other epoch's end
    [
        (tiny.recipe, {"steps_per_epoch": 3}),
        pytest.param(tiny.grey_recipe, {"accumulation_steps": 4}, marks=pytest.mark.slow),
        pytest.param(tiny.vote_recipe, {"accumulation_steps": 5}, marks=pytest.mark.slow),
        pytest.param(tiny_xrays.first_recipe, {}, marks=pytest.mark.slow),
    ],
    ids=[*tiny.RECIPES, "pneumothorax"],
)
def test_a_resumed_run_equals_a_straight_one_bit_for_bit(split, epoch, recipe, changes):
    wanted = plan(split, recipe=recipe, **changes)
    net = wanted.recipe.net
    train(wanted, workers=0, force=False)
    straight = outcome(wanted.folder, net)
    train_until_after(epoch, wanted, force=True)
    assert not json.loads((wanted.folder / runs.CONFIG).read_text())["finished"]
    train(wanted, workers=2, force=False, fresh=True)
    assert_same(outcome(wanted.folder, net), straight)


def test_the_log_tells_of_every_sitting_and_force_begins_it_anew(split, capsys):
    wanted = plan(split, epochs=2)
    log = wanted.folder / runs.LOG
    train_until_after(0, wanted)
    train(wanted, workers=0, force=False)
    told = log.read_text()
    _, first, second = told.split("started: ")
    for sitting, parts in (
        (first, ("keras ", str(wanted), "epoch 1  loss ", "Traceback")),
        (second, ("keras ", str(wanted), "going on after epoch 1", "epoch 2  loss ", "best auc", "finished")),
    ):
        places = [sitting.index(part) for part in parts]
        assert places == sorted(places) and sitting.count("  loss ") == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if "  loss " in line]
    assert len(lines) == 2 and all(line.endswith(" s") for line in lines)  # the seconds that an epoch took
    train(wanted, workers=0, force=False)  # finished
    assert log.read_text() == told
    train(wanted, workers=0, force=True)
    assert log.read_text().count("started: ") == 1


def test_plateau_and_early_stopping_remember_across_an_interruption(split, monkeypatch):
    # a monitor that never rises: the rate falls after every epoch, and training stops after the third
    monkeypatch.setattr(clip_scores, "mcc_curve", lambda labels, probabilities: np.zeros(96))
    wanted = plan(split, monitor="mcc", epochs=9)
    train_until_after(1, wanted)
    train(wanted, workers=0, force=False)
    history = (wanted.folder / runs.HISTORY).read_text().splitlines()
    assert len(history) == 1 + 3
    rates = [float(row.split(",")[history[0].split(",").index("learning_rate")]) for row in history[1:]]
    np.testing.assert_allclose(rates, [1e-2, 1e-2, 0.95e-2], rtol=1e-6)
    assert json.loads((wanted.folder / runs.CONFIG).read_text())["best"]["epoch"] == 0


def test_snapshots_are_the_weights_of_their_epochs_with_hash_and_scores_in_the_config(split, monkeypatch):
    ends = []
    record = callbacks.Recorder.on_epoch_end

    def noted(self, epoch, logs):
        ends.append([array.copy() for array in self.model.get_weights()])
        record(self, epoch, logs)

    wanted = plan(split, recipe=tiny.grey_recipe)
    with monkeypatch.context() as patched:
        patched.setattr(callbacks.Recorder, "on_epoch_end", noted)
        train(wanted, workers=0, force=False)
    config = json.loads((wanted.folder / runs.CONFIG).read_text())
    scores = pd.read_csv(wanted.folder / runs.HISTORY)
    assert list(config["snapshots"]) == ["1", "3"]
    for number, snapshot in config["snapshots"].items():
        path = wanted.folder / runs.snapshot_weights(int(number))
        assert snapshot == {
            **{name: scores[f"val_{name}"][int(number) - 1] for name in ("auc", "mcc")},
            "sha256": paths.sha256_of(path),
        }
        net = tiny.GREY_NET.build()
        net.load_weights(path)
        for array, other in zip(net.get_weights(), ends[int(number) - 1], strict=True):
            np.testing.assert_array_equal(array, other)


def test_a_stage_starts_from_a_snapshot_of_its_parent_and_a_missing_one_is_an_error_with_the_command(split):
    train(plan(split, recipe=tiny.grey_recipe), workers=0, force=False)
    folder = paths.fold_folder("grey_stage1", 0)
    changes = {"recipe": tiny.grey_recipe, "name": "grey_stage2"}
    child = plan(split, start=ParentSnapshot("grey_stage1", 3), **changes)
    assert child.start_weights == folder / runs.snapshot_weights(3)
    assert child.made_from["start"]["sha256"] == paths.sha256_of(child.start_weights)
    message = r"fold_0 keeps no snapshot of epoch 2; run: python grey_stage1/r31_train\.py --fold 0 .*--force"
    with pytest.raises(InputError, match=message):
        plan(split, start=ParentSnapshot("grey_stage1", 2), **changes)
    child.start_weights.unlink()
    with pytest.raises(InputError, match=r"no weights .*snapshot_0003.* --force"):
        plan(split, start=ParentSnapshot("grey_stage1", 3), **changes)


def test_a_snapshot_that_no_epoch_will_make_is_refused(split):
    with pytest.raises(InputError, match="grey_stage1 is to keep epoch 3, and trains for 2; correct it on"):
        plan(split, recipe=tiny.grey_recipe, epochs=2)


def test_a_saw_tooth_sets_each_epochs_rate_whatever_an_interruption(split):
    wanted = plan(split, recipe=tiny.grey_recipe, epochs=6)
    train_until_after(2, wanted)
    train(wanted, workers=0, force=False)
    rates = pd.read_csv(wanted.folder / runs.HISTORY)["learning_rate"]
    np.testing.assert_allclose(rates, [1e-2, 5.5e-3, 1e-3, 5.5e-3, 1e-2, 5.5e-3], rtol=1e-6)


@pytest.mark.slow
def test_folds_trained_in_one_process_or_alone_give_the_same_files(split):
    folders = [paths.fold_folder("net_d121_stage1", fold) for fold in (0, 1)]
    train_folds([plan(split, fold) for fold in (0, 1)], workers=2, force=False)
    together = [outcome(folder) for folder in folders]
    keras.utils.clear_session()
    for fold in (1, 0):
        train(plan(split, fold), workers=0, force=True, fresh=True)
    for before, folder in zip(together, folders, strict=True):
        assert_same(before, outcome(folder))


def test_best_weights_are_those_of_the_best_epoch_and_not_the_last(split, monkeypatch):
    curves = iter([0.5, 0.9, 0.1])
    monkeypatch.setattr(clip_scores, "mcc_curve", lambda labels, probabilities: np.full(96, next(curves)))
    saved = []
    save = callbacks.BestWeights.on_epoch_end

    def noted(self, epoch, logs):
        saved.append([array.copy() for array in self.model.get_weights()])
        save(self, epoch, logs)

    monkeypatch.setattr(callbacks.BestWeights, "on_epoch_end", noted)
    wanted = plan(split, monitor="mcc")
    train(wanted, workers=0, force=False)
    kept = weights_of(wanted.folder)
    assert all((array == best).all() for array, best in zip(kept, saved[1], strict=True))
    assert any((array != last).any() for array, last in zip(kept, saved[2], strict=True))


def test_a_stage_starts_from_its_parents_best_weights_of_the_same_fold(split):
    for fold in (0, 1):
        train(plan(split, fold), workers=0, force=False)
    child = plan(split, 1, name="net_d121_stage2_auc", start=ParentStage("net_d121_stage1"), monitor="auc")
    started = build(child).get_weights()
    for array, parent in zip(started, weights_of(paths.fold_folder("net_d121_stage1", 1)), strict=True):
        np.testing.assert_array_equal(array, parent)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: runs.clear(folder), "no trained fold 0 of net_d121_stage1"),
        (lambda folder: (folder / runs.BEST_WEIGHTS).unlink(), "no weights"),
        (lambda folder: (folder / runs.BEST_WEIGHTS).write_bytes(b"torn"), "is not the file that its training wrote"),
        (lambda folder: edit(folder, finished=False), "has not finished"),
        (lambda folder: edit(folder, split={"file": "other.csv", "sha256": "0" * 64}), "on another split"),
    ],
    ids=["no folder", "no weights", "other weights", "unfinished", "other split"],
)
def test_a_missing_or_unlike_parent_is_an_error_with_the_command(split, spoil, message):
    train(plan(split, epochs=1), workers=0, force=False)
    spoil(paths.fold_folder("net_d121_stage1", 0))
    with pytest.raises(InputError, match=message) as error:
        plan(split, name="net_d121_stage2_auc", start=ParentStage("net_d121_stage1"))
    assert "python net_d121_stage1/r31_train.py --fold 0" in str(error.value)


def test_a_clip_without_a_volume_is_refused_with_the_check_of_the_split_that_names_it(root):
    table = tiny.write_split()
    own, unknown = root / "my split.csv", "300000.mp4,0,1,True\n"
    own.write_text(table.to_csv(index=False) + unknown)
    check = r"no video: python preproc_data/r02_verify_data\.py"
    with pytest.raises(InputError, match=rf"no volume 300000.*{check} --split '{own}'$"):
        plan(read_split(own))
    own.replace(paths.split_csv())
    with pytest.raises(InputError, match=rf"no volume 300000.*{check}$"):
        plan(read_split(None))


def edit(folder, **changes) -> None:
    config = json.loads((folder / runs.CONFIG).read_text())
    (folder / runs.CONFIG).write_text(json.dumps({**config, **changes}))


def test_a_changed_recipe_is_refused_naming_what_changed_and_force_starts_anew(split, capsys):
    train(plan(split, epochs=1), workers=0, force=False)
    changed = plan(split, epochs=1, learning_rate=0.5)
    with pytest.raises(InputError, match=r"recipe\.optimizer\.learning_rate: 0\.01 is now 0\.5.*--force"):
        train(changed, workers=0, force=False)
    assert BEGUN_ANEW not in capsys.readouterr().out
    train(changed, workers=0, force=True)
    assert f"models/net_d121_stage1/fold_0 {BEGUN_ANEW}\n" in capsys.readouterr().out  # which r30's queue reads
    assert json.loads((changed.folder / runs.CONFIG).read_text())["recipe"]["optimizer"]["learning_rate"] == 0.5


def test_a_start_of_another_net_is_refused_before_there_is_a_run_that_another_start_would_differ_from(split):
    start = WeightsFile(label="imagenet", file="other.weights.h5")
    paths.models_folder().mkdir()
    tiny.GREY_NET.build().save_weights(paths.models_folder() / start.file)
    wanted = plan(split, epochs=1)
    with pytest.raises(InputError, match=r"other\.weights\.h5 does not hold the weights of "):
        train(plan(split, epochs=1, start=start), workers=0, force=False)
    assert not (wanted.folder / runs.CONFIG).exists()
    train(wanted, workers=0, force=False)


def test_a_finished_fold_is_left_alone(split, capsys):
    wanted = plan(split, epochs=1)
    train(wanted, workers=0, force=False)
    before = (wanted.folder / runs.BEST_WEIGHTS).stat().st_mtime_ns
    train(wanted, workers=0, force=False)
    assert "is finished; --force trains it again" in capsys.readouterr().out
    assert (wanted.folder / runs.BEST_WEIGHTS).stat().st_mtime_ns == before
    assert not (wanted.folder / runs.RESUME_STATE).exists()


def test_a_leftover_checkpoint_without_its_config_is_not_resumed_from(split):
    wanted = plan(split, epochs=1)
    wanted.folder.mkdir(parents=True)
    (wanted.folder / runs.RESUME_STATE).write_bytes(b"left over from something else")
    train(wanted, workers=0, force=False)


def test_a_damaged_resume_state_is_an_error(split):
    wanted = plan(split)
    train_until_after(0, wanted)
    state = wanted.folder / runs.RESUME_STATE
    damaged = bytearray(state.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    state.write_bytes(damaged)
    with pytest.raises(InputError, match=r"resume_state.npz is damaged .*--fold 0 --seed 1 --init random --force"):
        train(wanted, workers=0, force=False)


def test_a_fold_in_use_is_busy_and_names_its_holder(split):
    wanted = plan(split)
    with (
        owned(wanted.folder / runs.LOCK, "it"),
        pytest.raises(BusyError, match=r"fold_0 is in use by process \d+ on "),
    ):
        train(wanted, workers=0, force=False)


@pytest.mark.parametrize("batch", [1, 3, 4])  # of four: its loss is read behind the next step, or behind the last
def test_a_loss_that_is_not_finite_stops_at_its_batch_and_saves_nothing(split, monkeypatch, batch):
    task, state = TrainingBatches.task, []

    def with_a_bad_label(self, epoch: int, step: int):
        drawn, bad = task(self, epoch, step), (epoch, step + 1) == (1, batch)
        if bad:
            state.append((wanted.folder / runs.RESUME_STATE).read_bytes())
        return replace(drawn, stalled=(float("nan"),) * len(drawn.stalled)) if bad else drawn

    monkeypatch.setattr(TrainingBatches, "task", with_a_bad_label)
    wanted = plan(split)
    message = rf"nan at batch {batch} of epoch 2 of .*; lower learning_rate .* with --force"
    with pytest.raises(NumericalError, match=message):
        train(wanted, workers=0, force=False)
    assert len((wanted.folder / runs.HISTORY).read_text().splitlines()) == 2
    assert [(wanted.folder / runs.RESUME_STATE).read_bytes()] == state


def test_probabilities_that_are_not_finite_stop_after_their_epoch_with_the_same_mend(split, monkeypatch):
    predict = iter([np.array([0.2, 0.4, 0.6, 0.8, 0.1, 0.9]), np.array([0.2, np.nan, 0.6, 0.8, 0.1, np.inf])])
    monkeypatch.setattr(
        "stagewise.prediction.predict.predict_volumes", lambda *settings, **kept: next(predict)[:, None]
    )
    wanted = plan(split)
    with pytest.raises(NumericalError, match=r"2 of 6 .* not finite after epoch 2; .*; lower learning_rate .* --force"):
        train(wanted, workers=0, force=False)
    assert len((wanted.folder / runs.HISTORY).read_text().splitlines()) == 2


@pytest.mark.parametrize("precision", ["mixed_float16", "float16", "float64", "bf16"])
def test_a_precision_that_training_cannot_keep_is_refused_before_anything_starts(split, precision):
    with pytest.raises(InputError, match=f"gpu_precision '{precision}' .* is none of mixed_bfloat16, float32"):
        plan(split, gpu_precision=precision)


def test_gradients_of_accumulated_batches_are_averaged_into_one_step(split):
    accumulated, joined = build(plan(split)), build(plan(split, accumulation_steps=1))
    generator = np.random.default_rng(0)
    clips = generator.integers(0, 256, (4, *tiny.NET.input_shape, 3), np.uint8)
    stalled = np.array([[0.0], [1.0], [1.0], [0.0]], np.float32)
    for model in (accumulated, joined):  # BatchNorm and dropout would tell batches of two from one of four
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization | keras.layers.Dropout):
                layer.trainable = False
                layer.rate = 0.0
        model.compile(optimizer=model.optimizer, loss="binary_crossentropy", jit_compile=False)
    before = joined.get_weights()
    accumulated.train_on_batch(clips[:2], stalled[:2])
    assert all((a == b).all() for a, b in zip(accumulated.get_weights(), before, strict=True))
    accumulated.train_on_batch(clips[2:], stalled[2:])
    joined.train_on_batch(clips, stalled)
    assert any((a != b).any() for a, b in zip(joined.get_weights(), before, strict=True))
    for array, other in zip(accumulated.get_weights(), joined.get_weights(), strict=True):
        np.testing.assert_allclose(array, other, atol=1e-5)


def test_history_holds_the_middle_of_equally_good_thresholds_as_r41_chooses_it(split, monkeypatch):
    wanted = plan(split, epochs=1)
    probabilities = np.where(wanted.validation.labels == 1, 0.8, 0.2)  # all thresholds from 0.20 to 0.79 are right
    monkeypatch.setattr(
        "stagewise.prediction.predict.predict_volumes", lambda *settings, **kept: probabilities[:, None]
    )
    train(wanted, workers=0, force=False)
    chosen = best_threshold(wanted.validation.labels, probabilities).threshold
    assert pd.read_csv(wanted.folder / runs.HISTORY)["val_threshold"].tolist() == [chosen] == [0.5]


def test_history_holds_the_mean_loss_of_the_epochs_batches(split, monkeypatch):
    wanted, losses = plan(split, epochs=1), []

    @contextmanager
    def noting(model, say):
        with training_steps(model, say) as train_on:
            yield lambda *batch: losses.append(train_on(*batch)) or losses[-1]

    monkeypatch.setattr("stagewise.training.train.training_steps", noting)
    train(wanted, workers=0, force=False)
    header, row = (line.split(",") for line in (wanted.folder / runs.HISTORY).read_text().splitlines())
    each = [float(loss) for loss in losses]
    assert len(set(each)) == wanted.steps == 4
    assert float(row[header.index("loss")]) == sum(each) / 4
