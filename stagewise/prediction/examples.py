"""Clips worth a look: by name, surest mistakes and right answers, least sure ones; with what the nets said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stagewise.data.clips import volumes_of
from stagewise.data.splits import named
from stagewise.data.tables import CLASSES, read_oof_table
from stagewise.data.video_names import resolve
from stagewise.files import paths
from stagewise.files.names import SUFFIX, is_video
from stagewise.folds import runs
from stagewise.messages.commands import OUT_OF_FOLD, TEST, net_of_several
from stagewise.messages.errors import InputError
from stagewise.prediction.inference import InferencePlan
from stagewise.prediction.submission import read_means, read_settings
from stagewise.scores.score import is_stalled


@dataclass(frozen=True)
class Example:
    """A clip, the folds whose nets are to show it, the probability of "stalled" that was written down, its label.

    folds: of a training clip the one that never saw it; stalled: None for a test clip.
    """

    subset: str
    filename: str
    folds: tuple[int, ...]
    probability: float
    stalled: int | None

    @property
    def volume(self) -> Path:
        """The clip's file."""
        return paths.volume_path(self.subset, self.filename)

    def video_paths(self, stage: str, method: str, block: int) -> tuple[Path, Path]:
        """Where the mp4 and the GIF of its heat map go, in a folder for training and one for test clips.

        stage: whose net looks; their names say which of several nets of its folder that is.
        """
        folder = paths.submission_folder() / "heatmaps" / self.subset
        called = self.filename[: -len(SUFFIX)] if self.filename.lower().endswith(SUFFIX) else self.filename
        net = [net] if (net := net_of_several(stage)) else []
        stem = "_".join([called, *net, method, f"block{block}"])  # a.avi keeps its suffix, to be told from a.mp4
        return folder / f"{stem}.mp4", folder / f"{stem}.gif"

    def title(self, threshold: float) -> str:
        """Two lines: name, label and answer; probability (of a test clip r42's), threshold and folds."""
        answer = int(is_stalled(self.probability, threshold))
        called = f"called {CLASSES[answer]}"
        if self.stalled is not None:
            called = f"{CLASSES[self.stalled]}, {called}: {'right' if answer == self.stalled else 'wrong'}"
        by = f"map of {named(self.folds)}" if self.stalled is None else f"{named(self.folds)}, which never saw it"
        return f"{self.filename}: {called}\nprobability {self.probability:.4f}, threshold {threshold:.2f}; {by}"


def choose(plan: InferencePlan, threshold: float, names: Sequence[str], worst: int, sure: int) -> list[Example]:
    """The clips of these names, the surest mistakes and the surest right answers, each clip once.

    plan: of `plan_out_of_fold`, whose nets are to show them. Raises InputError where nothing is asked for, an answer is
    not written down, or a clip has no volume.
    """
    if not (names or worst or sure):
        raise InputError("nothing to show: give names of clips, --worst N or --sure N")
    answered = _out_of_fold(plan)
    wrong, right = (surest(answered, threshold, count, r) for count, r in ((worst, False), (sure, True)))
    examples = list(dict.fromkeys([*_named(names, plan, answered), *wrong, *right]))
    volumes_of("test", [example.filename for example in examples if example.subset == "test"], plan.split)
    return examples


def _out_of_fold(plan: InferencePlan) -> pd.DataFrame:
    """The plan's clips (filename, stalled, fold) with the probability that r41 wrote down."""
    path, mend = paths.oof_csv(plan.stage), f"run: {plan.command(OUT_OF_FOLD)}"
    written = read_oof_table(path, mend).set_index("filename")["probability"]
    table = plan.table.assign(probability=plan.table["filename"].map(written))
    lost = table.loc[table["probability"].isna(), "filename"]
    if len(lost):
        raise InputError(f"{paths.shown(path)} lacks {len(lost)} clips of the split, first {lost.iloc[0]}; {mend}")
    return table


def surest(answered: pd.DataFrame, threshold: float, count: int, right: bool) -> list[Example]:
    """The right or wrong answers with the probability farthest on their side: stalled and flowing in turn.

    In turn, since with one stalled clip in 300 the surest right answers are all flowing. answered: filename, stalled,
    fold, probability. Fewer than `count` where there are no more.
    """
    chosen = answered.assign(answer=is_stalled(answered["probability"], threshold).astype(int))
    chosen = chosen[(chosen["answer"] == chosen["stalled"]) == right]
    doubt = (chosen["probability"] - chosen["answer"]).abs()
    turn = doubt.groupby(chosen["answer"]).rank(method="first")
    chosen = chosen.assign(turn=turn).sort_values(["turn", "answer"], ascending=[True, False])
    return _training_examples(chosen.head(count))


def least_sure(answered: pd.DataFrame, threshold: float, count: int) -> list[Example]:
    """The answers whose probability is nearest to the threshold; as for `surest`."""
    nearest = (answered["probability"] - threshold).abs().sort_values(kind="stable").index
    return _training_examples(answered.loc[nearest[:count]])


def _training_examples(rows: pd.DataFrame) -> list[Example]:
    return [Example("train", row.filename, (row.fold,), row.probability, row.stalled) for row in rows.itertuples()]


def _named(names: Sequence[str], plan: InferencePlan, answered: pd.DataFrame) -> list[Example]:
    """Raises InputError for a name that none, or both, of r41's and r42's tables hold."""
    path, mend = paths.test_csv(plan.stage), f"run: {plan.command(TEST)}"
    settings = read_settings(plan.stage, mend) if names else None
    examples, test = [], {}
    if settings:
        table = read_means(plan.stage, mend)
        test = dict(zip(table["filename"], table["probability"], strict=True))
    for name in names:
        subset, _, bare = name.rpartition("/")
        video = {one: _video(bare, one) for one in ("train", "test") if subset in ("", one)}
        found = _training_examples(answered[answered["filename"] == video.get("train")])
        if (asked := video.get("test")) in test:
            made = f"{paths.shown(path)} was not answered"
            runs.require_weights(made, settings.weights, plan.weights_sha256, mend)
            found.append(Example("test", asked, tuple(plan.folds), float(test[asked]), None))
        if not found:
            raise InputError(
                f"{name} is neither a clip of {named(plan.folds)} in "
                f"{paths.shown(paths.oof_csv(plan.stage))} nor in {paths.shown(path)}; take a name from there, or, for "
                f"test clips, {mend}"
            )
        if len(found) > 1:
            raise InputError(f"{name} is a training and a test clip; give train/{name} or test/{name}")
        examples += found
    return examples


def _video(name: str, subset: str) -> str:
    """The video of `train` or `test` that a name means. Raises InputError where one without suffix may be several."""
    if is_video(name):
        return name
    (found,), (problem,) = resolve(pd.Series([name]), subset)
    if problem:
        raise InputError(f"{name} {problem}")
    return found
