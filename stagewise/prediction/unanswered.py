"""Test videos that cannot be answered: found before anything is predicted, and the row that they get instead."""

from pathlib import Path

from stagewise.checks.table_checks import TEST_VIDEOS_MEND
from stagewise.data.tables import read_roi_index, videos_to_answer
from stagewise.files import paths
from stagewise.machine.workers import WorkerPool
from stagewise.messages.errors import InputError
from stagewise.messages.progress import progress
from stagewise.prediction.inference import InferencePlan
from stagewise.volumes.pklz import VolumeError, load_volume

ROWS = {"flowing": "are called flowing", "blank": "have a blank row"}
SHOWN = 20  # of the unanswered in a message; thousands are where a part of a test set was downloaded


def has_test_set() -> bool:
    """Whether there are test videos, or any are asked for."""
    try:
        return not videos_to_answer().empty
    except InputError:  # something is there, though not in order
        return True


def why_unanswered(plan: InferencePlan, workers: int) -> dict[str, str]:
    """Why videos of the plan cannot be answered, by their names, in the plan's order: every volume is read through.

    Reading takes 10 ms a clip and core, which is nothing beside the forward passes, and no answer is lost by a volume
    that turns out to be damaged after hours.
    """
    reasons = {}
    with WorkerPool(workers) as pool, progress(len(plan.volumes), "checking test", "volumes", kept=False) as line:
        for volume, problem in pool.in_order(_problem, plan.volumes):
            if problem:
                reasons[volume.stem] = problem
            line.advance()
    if reasons and paths.roi_index("test").exists():
        index = read_roi_index(paths.roi_index("test")).query("status == 'quarantined'")
        quarantined = dict(zip(index["filename"], index["reason"], strict=True))
        reasons = {name: quarantined.get(name, problem) for name, problem in reasons.items()}
    return reasons


def _problem(volume: Path) -> str:
    try:
        load_volume(volume)
    except VolumeError as error:
        return f"its volume {error.reason}"
    return ""


def require_answerable(plan: InferencePlan, reasons: dict[str, str], row: str | None) -> None:
    """Raise InputError where videos cannot be answered and no row was chosen for them, or none can be answered."""
    if not reasons:
        return
    message = (
        f"{len(reasons)} of {len(plan.table)} test videos cannot be answered:\n  {listed(reasons)}\n{TEST_VIDEOS_MEND}"
    )
    if len(reasons) == len(plan.table):
        raise InputError(message)
    if row is None:
        raise InputError(
            f"{message}\nor answer the others: --unanswered flowing calls these flowing, --unanswered blank leaves "
            "their rows blank"
        )


def told(plan: InferencePlan, reasons: dict[str, str], row: str) -> str:
    """What to say at the end of the videos that were left unanswered."""
    return (
        f"{len(reasons)} of {len(plan.table)} test videos not answered:\n  {listed(reasons)}\n"
        f"they {ROWS[row]} in {paths.shown(paths.submission_csv())}, as --unanswered {row} asked; the reasons "
        f"are in {paths.shown(paths.test_detailed_csv(plan.stage))}"
    )


def listed(reasons: dict[str, str]) -> str:
    """A line a video, with its reason."""
    lines = [f"{name}: {reason}" for name, reason in reasons.items()]
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n  ".join(lines[:SHOWN] + more)
