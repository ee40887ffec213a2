"""The heat maps of chosen clips, by all the nets that answered them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from stagewise.heatmaps.laying import Laid
from stagewise.heatmaps.maps import HeatMapper
from stagewise.machine import device
from stagewise.messages.progress import progress
from stagewise.prediction.ensemble import loaded_in_turn
from stagewise.prediction.examples import Example
from stagewise.recipes.frames import Prepared
from stagewise.recipes.recipe import Recipe
from stagewise.scores.score import is_stalled
from stagewise.volumes.pklz import load_volume


def map_clips(
    examples: Sequence[Example],
    recipe: Recipe,
    weights: Mapping[int, Sequence[Path]],
    method: str,
    block: int,
    threshold: float,
) -> list[Laid]:
    """The map of each example, as its clip was answered: the mean over the nets of its folds.

    So of a fold that answers by the mean of snapshots the map is the mean of theirs, each net's Grad-CAM in the log
    odds that it found itself. One net after the other is loaded, and meets all of its clips: see `loaded_in_turn`.

    weights: a fold's files, of which each is a net that answers; method: "statistics", or "gradcam" of the answer that
    the threshold makes; block: from 1. Raises InputError for a damaged volume. Call `device.prepare` before.
    """
    device.set_precision(recipe.gpu_precision)
    asked = {fold: [n for n, example in enumerate(examples) if fold in example.folds] for fold in weights}
    found: list[list[Laid]] = [[] for _ in examples]
    model, load = loaded_in_turn(recipe.net)
    mapper = HeatMapper(recipe.net, model, block, recipe.answer.openvino_precision)
    steps = sum(len(files) * len(asked[fold]) for fold, files in weights.items())
    with progress(steps, "heat maps", "clips", kept=False) as line:
        for fold, file in ((fold, file) for fold, files in weights.items() for file in files if asked[fold]):
            load(file)
            mapper.read_weights()
            for number in asked[fold]:
                found[number].append(_map(mapper, examples[number], recipe.prepared, method, threshold))
                line.advance()
    return [_mean(maps) for maps in found]


def _map(mapper: HeatMapper, example: Example, prepared: Prepared, method: str, threshold: float) -> Laid:
    """The map of one net: padded as its answer was, and without the padding."""
    sized = prepared.sized(load_volume(example.volume))
    clips = prepared.filled(sized)[None]
    if method == "statistics":
        (heat,) = mapper.statistics(clips, len(sized))
    else:
        (heat,) = mapper.gradcam(clips, bool(is_stalled(example.probability, threshold)), len(sized))
    return Laid(heat, mapper.grid, sized.shape[:3])


def _mean(maps: Sequence[Laid]) -> Laid:
    heat = np.mean([laid.heat for laid in maps], axis=0)
    if maps[0].heat.dtype == np.uint8:
        heat = np.rint(heat)
    return Laid(heat.astype(maps[0].heat.dtype), maps[0].grid, maps[0].seen)
