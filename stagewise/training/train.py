"""Training one fold of one stage; the same function serves every stage, and a run that goes on."""

from collections.abc import Iterator, Sequence

import keras
import numpy as np

from stagewise.console.run_log import logged, say
from stagewise.files import paths
from stagewise.files.leftovers import remove_leftovers
from stagewise.files.locks import owned
from stagewise.files.weight_files import load_weights
from stagewise.folds import runs
from stagewise.folds.checkpoints import Progress, load_state, remove_states
from stagewise.folds.versions import versions
from stagewise.machine import device
from stagewise.machine.steps import Step, training_steps
from stagewise.machine.workers import WorkerPool
from stagewise.messages.commands import BEGUN_ANEW
from stagewise.messages.errors import DIVERGED_MEND, NumericalError
from stagewise.messages.progress import progress
from stagewise.recipes.recipe import Recipe
from stagewise.recipes.starts import WeightsFile
from stagewise.training.callbacks import BestWeights, SnapshotWeights, epoch_callbacks
from stagewise.training.plans import TrainingPlan, started_config


def compiled(recipe: Recipe) -> keras.Model:
    """A compiled net of the recipe, in its precision; its first step costs seconds, so that one serves every fold."""
    device.set_precision(recipe.gpu_precision)
    model = recipe.net.build()
    model.compile(recipe.optimizer.made(), recipe.loss.made(), jit_compile=device.jit_compile())
    model.optimizer.build(model.trainable_variables)  # so that a resume state has a place for its moments
    if recipe.net.input_shape[0] is None and not device.compiles_each_shape():
        _show_lengths(model, recipe)
    return model


def _show_lengths(model: keras.Model, recipe: Recipe) -> None:
    """Let the net meet clips of one frame, then of two; what it learns from them, `start` takes away.

    TensorFlow makes a graph for the first length that it meets and another for all others, which differ in last bits:
    made here, they are the same in every process, wherever in the training it begins.
    """
    _, *rest = recipe.prepared.largest
    for frames in (1, 2):
        clips = np.zeros((recipe.batch_size, frames, *rest), np.uint8)
        stalled = np.arange(len(clips), dtype=np.float32)[:, None] % 2
        with training_steps(model, say) as train_on:
            train_on(clips, stalled, _weights(stalled, recipe.loss.stalled_weight(np.array([0, 1]))))
        model.predict_on_batch(clips)


def start(model: keras.Model, plan: TrainingPlan) -> None:
    """Put a compiled net where the fold starts; nothing of what it did before is left in it."""
    net = plan.recipe.net
    fresh = net.build(seed=(plan.seed, plan.fold))
    if plan.start_weights is not None:
        headless = isinstance(plan.recipe.start, WeightsFile)
        mend = "make it again, with the --preset of this stage"
        load_weights(net.backbone(fresh) if headless else fresh, plan.start_weights, mend)
    for variable, value in zip(model.variables, fresh.variables, strict=True):
        variable.assign(value)
    for variable in model.optimizer.variables:
        variable.assign(np.zeros(variable.shape, variable.dtype))
    model.optimizer.learning_rate = plan.recipe.optimizer.learning_rate


def train_folds(plans: Sequence[TrainingPlan], workers: int, force: bool) -> list[TrainingPlan]:
    """Train folds of one recipe, each from its start or from where its last run stopped, to the recipe's end.

    Returns: the plans of those that were not finished before.
    Raises: InputError if a folder holds a run made from something else (unless `force`, which starts
    anew), BusyError if another process trains it, NumericalError if the loss leaves the finite range (the
    last good state stays), StagewiseError if a worker dies.
    """
    model, trained = None, []
    with WorkerPool(workers) as pool:
        for plan in plans:
            with owned(plan.folder / runs.LOCK, paths.shown(plan.folder)):
                if _is_finished(plan, force):
                    print(f"{paths.shown(plan.folder)} is finished; --force trains it again")
                    continue
                named = ", ".join(map(" ".join, versions().items()))
                with logged(plan.folder / runs.LOG, named, device.describe(), str(plan)):
                    model = model or compiled(plan.recipe)
                    _train_owned(model, plan, pool)
                trained.append(plan)
    return trained


def _is_finished(plan: TrainingPlan, force: bool) -> bool:
    """Whether the folder's run has ended; of one that goes on, only what counts is left in the folder."""
    if force:
        runs.clear(plan.folder)
        print(f"{paths.shown(plan.folder)} {BEGUN_ANEW}", flush=True)
    for folder in (plan.folder, plan.folder / runs.EVENTS):
        remove_leftovers(folder)
    config = started_config(plan)
    if config is None:
        runs.clear(plan.folder)  # a run that was killed before it had a config left nothing of worth
        return False
    if config["finished"]:
        remove_states(plan.folder)  # a run that was killed in its last step
    return config["finished"]


def _train_owned(model: keras.Model, plan: TrainingPlan, pool: WorkerPool) -> None:
    start(model, plan)  # before there is a run: where its file is refused, another start is as good
    if not (plan.folder / runs.CONFIG).exists():
        content = {**plan.made_from, "versions": versions(), "device": device.describe(), "finished": False}
        runs.write_json(plan.folder / runs.CONFIG, content)
    so_far = load_state(plan.folder, model, plan.command)
    best = BestWeights(plan.recipe.kept, so_far.best_weights)
    snapshots = SnapshotWeights(plan.folder, plan.recipe.kept)
    scores = plan.task.scores(model, plan, pool)
    callbacks = epoch_callbacks(plan.recipe, plan.folder, scores, so_far, best, snapshots)
    _fit(model, plan, pool, callbacks, so_far)
    _finish(plan, best, snapshots)


def _fit(
    model: keras.Model,
    plan: TrainingPlan,
    pool: WorkerPool,
    callbacks: list[keras.callbacks.Callback],
    so_far: Progress,
) -> None:
    """The epochs. `model.fit` is not used because TensorFlow's iterator would bury a dead worker's error."""
    first_epoch = len(so_far.history)
    model.stop_training = so_far.stopped
    listeners = keras.callbacks.CallbackList(callbacks, model=model, steps=plan.steps)
    stream = plan.task.batches(plan, pool, first_epoch)
    listeners.on_train_begin()
    for epoch in range(first_epoch, plan.recipe.schedule.epochs):
        if model.stop_training:
            break
        listeners.on_epoch_begin(epoch)
        listeners.on_epoch_end(epoch, {"loss": _train_epoch(model, stream, plan, epoch, listeners)})
    listeners.on_train_end()


def _train_epoch(
    model: keras.Model, stream: Iterator, plan: TrainingPlan, epoch: int, listeners: keras.callbacks.CallbackList
) -> float:
    """One epoch's mean loss. Raises NumericalError at the first batch whose loss is not finite."""
    total, steps = 0.0, plan.steps
    with (
        progress(steps, f"{plan.name} epoch {epoch + 1}", "batches", kept=False) as line,
        training_steps(model, say) as train_on,
    ):
        for number, loss in enumerate(_losses(train_on, stream, plan, listeners), start=1):
            if not np.isfinite(loss):
                raise NumericalError(
                    f"the loss is {loss} at batch {number} of epoch {epoch + 1} of {plan.name}; {DIVERGED_MEND}"
                )
            total += loss
            line.advance(loss=f"{total / number:.4f}")
    return total / steps


def _losses(
    train_on: Step, stream: Iterator, plan: TrainingPlan, listeners: keras.callbacks.CallbackList
) -> Iterator[float]:
    """Train on an epoch's batches; the loss of each, waited for when the next one is on its way to the device."""
    weight, before = plan.recipe.loss.stalled_weight(plan.training.labels), None
    for step in range(plan.steps):
        shown, wanted = next(stream)
        listeners.on_train_batch_begin(step)
        loss = train_on(shown, wanted, _weights(wanted, weight))
        if before is not None:
            yield float(before)
        before = loss
    yield float(before)


def _weights(wanted: np.ndarray, weight: float | None) -> np.ndarray | None:
    """How often each clip of a batch counts, (B,). weight: of a stalled one, where wanted are labels, (B, 1)."""
    return None if weight is None else np.where(wanted[:, 0] == 1, weight, 1).astype(np.float32)


def _finish(plan: TrainingPlan, best: BestWeights, snapshots: SnapshotWeights) -> None:
    """Write down what came out; the resume states have then served their purpose."""
    best.save(plan.folder / runs.BEST_WEIGHTS)
    summary = {
        "epoch": best.best_epoch,
        plan.recipe.kept.monitor: best.best,
        "sha256": paths.sha256_of(plan.folder / runs.BEST_WEIGHTS),
    }
    config = runs.read_config(plan.recipe.name, plan.fold)
    snapshots.remove_others()
    kept = {"snapshots": snapshots.snapshots} if snapshots.snapshots else {}
    runs.write_json(plan.folder / runs.CONFIG, {**config, "finished": True, "best": summary, **kept})
    remove_states(plan.folder)
    say(f"{paths.shown(plan.folder)}: best {plan.recipe.kept.monitor} {best.best:.4f} in epoch {best.best_epoch + 1}")
