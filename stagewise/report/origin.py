"""What made a run: its commands, the files it stands on with their hashes, versions, and the commit of the code."""

import importlib.metadata
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from stagewise import paths, runs
from stagewise.report.training import Run

REPOSITORY = Path(__file__).parents[2]
DRAWN_WITH = ("matplotlib", "jinja2", "openvino", "av")


def commands(stages: Sequence[Sequence[Run]], split: Path, threshold: float | None) -> list[str]:
    """The commands from the videos to the report, the trainings' as their configs tell them.

    split: the split CSV. threshold: one that was given to r42; None where it took r41's.
    """
    begun = [run for stage_runs in stages for run in stage_runs if run.config]
    stage, own = stages[-1][0].stage, Path(split).absolute() != paths.split_csv()
    options = [f"--split {paths.shown(split)}"] * own + [f"--fold {run.fold}" for run in stages[-1]]
    lines = ["python preproc_data/r01_extract_roi.py", "python preproc_data/r02_verify_data.py"]
    lines += ["python preproc_data/r03_gen_kfold_split.py"] * (not own)
    if any(run.config["start"]["from"] == "imagenet" for run in begun):
        lines.append("python preproc_data/r04_inflate_imagenet.py")
    lines += [run.command for run in begun]
    for script in ("r41_process_oof", "r42_process_test", "r51_report"):
        chosen = [f"--threshold {threshold:g}"] if script.startswith("r42") and threshold is not None else []
        lines.append(" ".join((f"python {stage}/{script}.py", *options, *chosen)))
    return lines


def hashes(split: Path, stage: str) -> dict[str, str]:
    """sha256 of every table that the report was made from, by its path; those that are there."""
    subm = paths.submission_folder()
    tables = (
        *(paths.roi_index(subset) for subset in paths.SUBSETS),
        Path(split),
        paths.oof_csv(stage),
        paths.threshold_json(stage),
        subm / f"{stage}_test_detailed.csv",
        subm / "submission.csv",
    )
    return {paths.shown(path): paths.sha256_of(path) for path in tables if path.exists()}


def versions() -> dict[str, str]:
    """Versions of what made the page itself; the trainings' are in their configs."""
    found = {}
    for package in DRAWN_WITH:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return runs.versions() | found


def commit() -> str:
    """The commit of the code that makes the report, and whether it was changed since; "" outside a git clone."""
    head = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return f"{head} and changes that are not committed" if head and changed else head


def _git(*arguments: str) -> str:
    # neither of a repository around ours, nor with a lock on ours
    settings = {**os.environ, "GIT_CEILING_DIRECTORIES": str(REPOSITORY.parent), "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            ("git", "-C", str(REPOSITORY), *arguments), capture_output=True, text=True, env=settings, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
