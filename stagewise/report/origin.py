"""What made a run: its commands, the files it stands on with their hashes, versions, and the commit of the code."""

import importlib.metadata
import os
import subprocess
from pathlib import Path

from stagewise import paths, runs
from stagewise.commands import EXTRACT, INFLATE, MAKE_SPLIT, VERIFY_DATA
from stagewise.report.evidence import Evidence

REPOSITORY = Path(__file__).parents[2]
DRAWN_WITH = ("matplotlib", "jinja2", "openvino", "av")


def commands(evidence: Evidence) -> list[str]:
    """The commands from the videos to the report, as far as configs and tables tell."""
    begun = [run for stage_runs in evidence.stages for run in stage_runs if run.config]
    stage, split, oof = evidence.stage, evidence.split, evidence.out_of_fold
    lines = [EXTRACT, VERIFY_DATA]
    lines += [MAKE_SPLIT] * (split.path.absolute() == paths.split_csv())
    if any(run.config["start"]["from"] == "imagenet" for run in begun):
        lines.append(INFLATE)
    lines += [run.command for run in begun]
    r41, prevalence = split.command(f"{stage}/r41_process_oof.py", oof.folds), oof.evaluation.at_prevalence.share
    lines.append(f"{r41} --seed {oof.seed} --prevalence {prevalence}")
    if (answers := evidence.answers) is not None:
        made = answers.settings
        template = " --adaptive {bound} --prevalence {prevalence} --seed {seed}" if made.adaptive else ""
        options = template.format(**made.adaptive or {})
        options += f" --threshold {made.threshold}" * (made.threshold != oof.threshold)
        lines.append(split.command(f"{stage}/r42_process_test.py", answers.folds) + options)
    return [*lines, split.command(f"{stage}/r51_report.py", [run.fold for run in evidence.trained])]


def hashes(evidence: Evidence) -> dict[str, str]:
    """sha256 of every table that the report was made from, by its path; those that are there."""
    stage = evidence.stage
    tables = (
        *(paths.roi_index(subset) for subset in paths.SUBSETS),
        evidence.split.path,
        paths.oof_csv(stage),
        paths.threshold_json(stage),
        paths.test_detailed_csv(stage),
        paths.test_json(stage),
        paths.submission_csv(),
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
