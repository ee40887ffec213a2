"""What is tried with faults: every numbered script, on data so small that a run takes a second or two.

A trial runs a script with one fault, then the same command undisturbed, and compares every file below the root
with what the script leaves behind when nothing happens.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from house import SMALLEST, copy_code
from injection import Fault, Outcome, Signal, Zygote
from moments import interrupt
from steps import Step, steps
from verdicts import complaints_about_ctrl_c, complaints_about_fault, complaints_about_signal, differences, hashes


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
                earlier = next(other for other in self.steps[number - 1 :: -1] if other.recipe in ("", step.recipe))
                copy_root(self.before(earlier), fresh, earlier)
                self._run_undisturbed(earlier, fresh)
            else:
                fresh.mkdir(parents=True)
            fresh.rename(folder)
        return folder

    def after(self, step: Step) -> dict[str, str]:
        """What an undisturbed run leaves behind: hashes of all files."""
        later = self.steps[self.steps.index(step) + 1 :]
        if later and step.recipe in ("", later[0].recipe):
            return hashes(self.before(later[0]))
        return hashes(self.before(step))  # a recipe's last step writes nothing

    def calls(self, step: Step) -> dict[str, int]:
        """How many calls of each kind of fault the undisturbed step makes."""
        self.after(step)  # which counts them, where no earlier bench has made it
        if step.name not in self.counted:
            self._run_undisturbed(step, self.fresh_root(step))
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
        yield from self.again(step, root, self.after(step))

    def again(self, step: Step, root: Path, wanted: dict[str, str]) -> Iterator[str]:
        """Run the step on what its trouble left. Yields how that ends wrongly, or leaves other hashes than `wanted`."""
        outcome = self.run(step, root)
        if outcome.code not in step.again:
            yield f"called again: exit code {outcome.code}: {outcome.output[-600:]}"
        yield from differences(hashes(root), wanted)

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

    def _run_undisturbed(self, step: Step, root: Path) -> None:
        outcome = self.run(step, root)
        if outcome.code != 0:
            raise RuntimeError(f"{step.name} without a fault ended with {outcome.code}:\n{outcome.output}")
        self.counted[step.name] = outcome.calls


def command_on(step: Step, root: Path, workers: int) -> tuple[str, ...]:
    """The step's command, with what depends on its root."""
    parts = {"tables": root / "modified_data", "workers": workers}
    return tuple(part.format(**parts) for part in step.command)


def copy_root(source: Path, target: Path, step: Step) -> None:
    """Copy what the step may change; the input, which r00 alone writes, is linked to."""
    if step.name.endswith("r00"):
        shutil.copytree(source, target)
        return
    target.mkdir()
    (target / "input").symlink_to((source / "input").resolve())
    for folder in source.iterdir():
        if folder.name != "input":
            shutil.copytree(folder, target / folder.name)
