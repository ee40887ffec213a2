"""What made a run: its commands, the files it stands on with their hashes, versions, and the commit of the code."""

import json
import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stagewise.files import paths
from stagewise.folds.versions import versions
from stagewise.messages.commands import (
    EXTRACT,
    MAKE_SPLIT,
    OUT_OF_FOLD,
    REPORT,
    TEST,
    VERIFY_DATA,
)
from stagewise.recipes.starts import made_by
from stagewise.report.evidence import Evidence
from stagewise.report.training import Run

REPOSITORY = Path(__file__).parents[2]
DRAWN_WITH = ("matplotlib", "jinja2", "openvino", "av")


def origin(stages: Sequence[Sequence[Run]], commands: Sequence[str], tables: Iterable[Path]) -> dict[str, Any]:
    """All of it, as the page's template names it; begun: the runs that have a config.

    stages: their runs, the first stage's first; commands: from the data to the report; tables: that the page was made
    from, where they are there.
    """
    begun = [run for stage_runs in stages for run in stage_runs if run.config]
    made_with: dict[str, list[str]] = {}
    for run in begun:
        setting = json.dumps((f"{run.config['device']}; ", run.config["versions"]))
        made_with.setdefault(setting, []).append(f"{run.stage}, fold {run.fold}")
    first_of_stage = {run.stage: run for run in reversed(begun)}
    return {
        "begun": begun,
        "commands": commands,
        "hashes": {paths.shown(path): paths.sha256_of(path) for path in tables if path.exists()},
        "versions": [
            *((names, *json.loads(setting)) for setting, names in made_with.items()),
            (["this report"], "", versions(DRAWN_WITH)),
        ],
        "commit": _commit(),
        "recipes": [
            {"name": stage, "recipe": json.dumps(run.config["recipe"], indent=2)}
            for stage, run in reversed(first_of_stage.items())
        ],
    }


def training_commands(stages: Sequence[Sequence[Run]]) -> list[str]:
    """The commands that trained what has begun, and those that made what it started from."""
    begun = [run for stage_runs in stages for run in stage_runs if run.config]
    starts = (run.config["recipe"]["start"] for run in begun if run.config["start"]["from"] != "random")
    return [*dict.fromkeys(filter(None, map(made_by, starts))), *(run.command for run in begun)]


def commands(evidence: Evidence) -> list[str]:
    """The commands from the videos to the report, as far as configs and tables tell."""
    split, oof, command = evidence.split, evidence.out_of_fold, evidence.command
    lines = [EXTRACT, VERIFY_DATA]
    lines += [MAKE_SPLIT] * (split.path.absolute() == paths.split_csv())
    lines += training_commands(evidence.stages)
    r41, prevalence = command(OUT_OF_FOLD, oof.folds), oof.evaluation.at_prevalence.share
    lines.append(f"{r41} --seed {oof.seed} --prevalence {prevalence}")
    if (answers := evidence.answers) is not None:
        made = answers.settings
        template = " --adaptive {bound} --prevalence {prevalence} --seed {seed}" if made.adaptive else ""
        options = template.format(**made.adaptive or {})
        options += f" --threshold {made.threshold}" * (made.threshold != oof.threshold)
        options += f" --unanswered {made.unanswered}" * bool(made.unanswered)
        lines.append(command(TEST, answers.folds) + options)
    return [*lines, command(REPORT, [run.fold for run in evidence.trained])]


def tables(evidence: Evidence) -> tuple[Path, ...]:
    """Every table that the report was made from, whether it is there or not."""
    stage = evidence.stage
    return (
        *(paths.roi_index(subset) for subset in paths.SUBSETS),
        evidence.split.path,
        paths.oof_csv(stage),
        paths.threshold_json(stage),
        paths.test_detailed_csv(stage),
        paths.test_json(stage),
        *[paths.submission_csv()] * evidence.holds_submission,
    )


def _commit() -> str:
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
