"""What r50 of the X-rays does: score masks whose truth is known, on the phantom."""

import shlex
from itertools import pairwise
from typing import TYPE_CHECKING

from stagewise.console import cli
from stagewise.console.ending import command, ending
from stagewise.files import paths, xray_paths
from stagewise.messages.commands import REPORT, TEST
from stagewise.messages.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from stagewise.masks.submission import Answers
    from stagewise.xrays.mask_table import MaskTable

FOLDER = "pneumothorax"
ALIKE = ("--net", "--part", "--split", "--fold")  # options of r51 as of what answered


def score_phantom(doc: str) -> None:
    """Print the submission's Dice, and beside it that of the other rules which were chosen out of fold."""
    cli.parser(doc).parse_args()
    from stagewise.masks.submission import read_answers
    from stagewise.xrays.mask_table import read_mask_table

    mend = f"run: python {FOLDER}/{TEST}.py"
    known = xray_paths.phantom_answers()
    if not known.exists():
        raise InputError(f"{paths.shown(known)} is not there: only phantom data has known answers")
    if (answers := read_answers(mend)) is None:
        raise InputError(f"no answers {paths.shown(xray_paths.answers_json())}; {mend}")
    truth, submitted = read_mask_table(known), read_mask_table(xray_paths.submission_csv())
    if unknown := [name for name in submitted.images if name not in truth.images]:
        raise InputError(f"{paths.shown(known)} has no row of {unknown[0]}, which was answered; {mend}")
    for line in _lines(answers, truth, submitted):
        print(line)
    print(ending([], _report_of(answers)))


def _report_of(answers: "Answers") -> str:
    """The command that shows these answers: of the stage, split and folds that the one which made them names."""
    pairs = pairwise(shlex.split(answers.settings.made_by))
    return command(f"{FOLDER}/{REPORT}.py", None, *(word for pair in pairs if pair[0] in ALIKE for word in pair))


def _lines(answers: "Answers", truth: "MaskTable", submitted: "MaskTable") -> "Iterator[str]":
    """A line a rule; the submission's own rule first, by what was written."""
    import numpy as np

    from stagewise.scores.dice import dice

    names, shape = list(submitted.images), (answers.side, answers.side)
    positive = np.array([truth.images[name].positive for name in names])
    own = np.array([dice(truth.images[n].mask(shape)[0], submitted.images[n].mask(shape)[0]) for n in names])
    what = f"{len(names)} images, {positive.sum()} with a pneumothorax"
    yield f"phantom test: {what}; Dice of masks of {answers.side}x{answers.side}"
    yield f"  {'':<36}{'all':>8}{'with':>8}{'without':>9}"
    yield _row(f"{answers.settings.blend.rule}, submitted", own, positive)
    for name, scores in _of_others(answers, truth, names).items():
        yield _row(name, scores, positive)
    yield _row("empty masks", np.where(positive, 0.0, 1.0), positive)


def _row(name: str, scores: "np.ndarray", positive: "np.ndarray") -> str:
    cells = [rows.mean() if len(rows) else float("nan") for rows in (scores, scores[positive], scores[~positive])]
    return f"  {name:<36}{cells[0]:>8.4f}{cells[1]:>8.4f}{cells[2]:>9.4f}"


def _of_others(answers: "Answers", truth: "MaskTable", names: list[str]) -> "dict[str, np.ndarray]":
    """(n,) Dice of each image by each of the rules beside, from the stored probabilities, one image at a time."""
    import numpy as np

    from stagewise.scores.dice import dice
    from stagewise.volumes.probability_images import probabilities_of
    from stagewise.xrays.finished_masks import finished_mask

    settings, shape = answers.settings, (answers.side, answers.side)
    blend, mend = settings.blend, f"run: {settings.made_by}"
    others = {str(rule): rule for name, rule in settings.others.items() if rule != blend.rule}
    answered = [name for name in names if name not in settings.unanswered]
    stores = {
        stage: probabilities_of(xray_paths.probabilities_folder(stage), answered, mend) for stage in blend.weights
    }
    scores: dict[str, dict[str, float]] = {name: {} for name in others}
    for image, parts in zip(answered, zip(*stores.values(), strict=True), strict=True):
        mean, true = blend.of(dict(zip(stores, parts, strict=True))), truth.images[image].mask(shape)[0]
        for name, rule in others.items():
            scores[name][image] = float(dice(true, finished_mask(mean, rule, blend.least_outline, answers.side)))
    empty = {name: float(not truth.images[name].positive) for name in names}
    return {name: np.array([of.get(image, empty[image]) for image in names]) for name, of in scores.items()}
