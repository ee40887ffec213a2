"""What is tried with faults: every numbered script, on data so small that a run takes a second or two.

A trial runs a script with one fault, then the same command undisturbed, and compares every file below the root
with what the script leaves behind when nothing happens.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from house import SMALLEST, STAGES, copy_code
from injection import Fault, Outcome, Signal, Zygote
from moments import interrupt
from verdicts import complaints_about_ctrl_c, complaints_about_fault, complaints_about_signal, differences, hashes

WORKERS = ("--workers", "WORKERS")
SPLIT = ("--split", "SPLIT")
GOES_ON = (0,)
IS_DONE = (0, 2)  # the fault came after the file stood: the script refuses to replace it without --force


@dataclass(frozen=True)
class Step:
    """One numbered script's command, and the exit codes with which it may answer when called again."""

    name: str
    command: tuple[str, ...]
    again: tuple[int, ...] = GOES_ON


def steps(weights: Path | None) -> list[Step]:
    """Every numbered script in its order; r04 only where 2D ImageNet `weights` are at hand."""
    folds = (*SPLIT, "--fold", "0")
    train = ("--preset", "demo", *folds, *WORKERS)
    sizes = ("--train", "10", "--test", "2", "--stalled-share", "0.5", "--tier1-share", "1")
    third = STAGES[2]
    return [
        Step("r00", ("preproc_data/r00_make_phantom.py", *sizes, *WORKERS), IS_DONE),
        Step("r01", ("preproc_data/r01_extract_roi.py", *WORKERS)),
        Step("r02", ("preproc_data/r02_verify_data.py", *WORKERS)),
        Step("r03", ("preproc_data/r03_gen_kfold_split.py", "--folds", "2"), IS_DONE),
        *([Step("r04", ("preproc_data/r04_inflate_imagenet.py", "--weights", str(weights)), IS_DONE)] * bool(weights)),
        Step("r31 stage 1", (f"{STAGES[0]}/r31_train.py", *train, "--init", "random")),
        Step("r31 stage 2", (f"{STAGES[1]}/r31_train.py", *train)),
        Step("r31 stage 3", (f"{third}/r31_train.py", *train)),
        Step("r41", (f"{third}/r41_process_oof.py", *folds, *WORKERS)),
        Step("r42", (f"{third}/r42_process_test.py", *folds, *WORKERS)),
        Step("r05", ("preproc_data/r05_pack_volumes.py",)),
        Step("r52", (f"{third}/r52_create_heatmap_video.py", *folds, "--sure", "1", "--method", "gradcam")),
        Step("r50", (f"{third}/r50_score_phantom.py",)),
        Step("r51", (f"{third}/r51_report.py", *folds, "--clips", "1")),
        Step("r53", (f"{third}/r53_compare_splits.py", "OOF")),
    ]  # fmt: skip


class Bench:
    """The code with a smaller page, and for every step its root before and after an undisturbed run.

    folder: everything is kept there, and used again by a later `Bench`.
    """

    def __init__(self, folder: Path, weights: Path | None = None) -> None:
        self.folder, self.steps = folder, steps(weights)
        self.counted: dict[str, dict[str, int]] = {}
        self.code, self.roots = folder / "code", folder / "roots"
        if not self.code.exists():
            copy_code(self.code, SMALLEST)
        self.roots.mkdir(exist_ok=True)
        self.zygote = Zygote(self.code, self.roots, folder / "scratch")

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *exception: object) -> None:
        self.zygote.__exit__(*exception)

    def step(self, name: str) -> Step:
        """The step of a name."""
        return next(step for step in self.steps if step.name == name)

    def before(self, step: Step) -> Path:
        """The root as the step finds it, made by the steps before if need be."""
        number = self.steps.index(step)
        folder = self.roots / f"{number:02d}"
        if not folder.exists():
            fresh = folder.with_name("fresh")
            shutil.rmtree(fresh, ignore_errors=True)
            if number:
                earlier = self.steps[number - 1]
                copy_root(self.before(earlier), fresh, earlier)
                self._run_undisturbed(earlier, fresh)
            else:
                fresh.mkdir(parents=True)
            fresh.rename(folder)
        return folder

    def after(self, step: Step) -> dict[str, str]:
        """What an undisturbed run leaves behind: hashes of all files."""
        number = self.steps.index(step)
        if number + 1 < len(self.steps):
            return hashes(self.before(self.steps[number + 1]))
        return hashes(self.before(step))  # the last step writes nothing

    def calls(self, step: Step) -> dict[str, int]:
        """How many calls of each kind of fault the undisturbed step makes."""
        if step.name not in self.counted:
            self.counted[step.name] = self._run_undisturbed(step, self.fresh_root(step)).calls
        return self.counted[step.name]

    def attempt(self, step: Step, trouble: Fault | Signal) -> Iterator[str]:
        """Run the step with the trouble, then again without. Yields what was lost or wrong; nothing is the goal."""
        root = self.fresh_root(step)
        outcome = self.run(step, root, trouble)
        if isinstance(trouble, Signal):
            yield from complaints_about_signal(outcome, trouble)
        else:
            yield from complaints_about_fault(outcome)
        yield from (f"still running: {process}" for process in outcome.left_behind)
        yield from (f"shared memory left: {left}" for left in outcome.shared_memory)
        again = self.run(step, root)
        if again.code not in step.again:
            yield f"called again: exit code {again.code}: {again.output[-600:]}"
        yield from differences(hashes(root), self.after(step))

    def fresh_root(self, step: Step) -> Path:
        """A root as the step finds it, which the next call replaces."""
        root = self.roots / "tried"
        shutil.rmtree(root, ignore_errors=True)
        copy_root(self.before(step), root, step)
        return root

    def run(self, step: Step, root: Path, trouble: Fault | Signal | None = None) -> Outcome:
        """Run the step on a root."""
        workers = 2 if isinstance(trouble, Signal) else 0  # faults count in one process
        return self.zygote.run(command_on(step, root, workers), root, trouble)

    def interrupt(self, step: Step, seconds: float) -> Iterator[str]:
        """Ctrl-C in a process of the step's own, so long after its start. Yields what is wrong with how it ends."""
        root = self.fresh_root(step)
        code, output, after = interrupt(command_on(step, root, workers=2), self.code, root, seconds)
        yield from complaints_about_ctrl_c(code, output, after, self.code)

    def _run_undisturbed(self, step: Step, root: Path) -> Outcome:
        outcome = self.run(step, root)
        if outcome.code != 0:
            raise RuntimeError(f"{step.name} without a fault ended with {outcome.code}:\n{outcome.output}")
        return outcome


def command_on(step: Step, root: Path, workers: int) -> tuple[str, ...]:
    """The step's command, with what depends on its root."""
    tables = root / "modified_data"
    parts = {
        "SPLIT": str(tables / "kfold_split_2_42.csv"),
        "OOF": str(tables / f"{STAGES[2]}_oof.csv"),
        "WORKERS": str(workers),
    }
    return tuple(parts.get(part, part) for part in step.command)


def copy_root(source: Path, target: Path, step: Step) -> None:
    """Copy what the step may change; the input, which r00 alone writes, is linked to."""
    if step.name == "r00":
        shutil.copytree(source, target)
        return
    target.mkdir()
    (target / "input").symlink_to((source / "input").resolve())
    for folder in source.iterdir():
        if folder.name != "input":
            shutil.copytree(folder, target / folder.name)
