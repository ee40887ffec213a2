"""Where heat maps lie, on phantom clips whose target vessel is known: their mass in a region over the region's area.

    SEED=0 STAGEWISE_ROOT=ROOT ./run.sh
    STAGEWISE_ROOT=ROOT bench/run.sh heatmaps --seed 0 --fold 0 --fold 1

Regions: inside the outline; on the vessel and 2 pixels beside it. Each test clip's map is the mean over the folds,
as r52 shows it, zoomed to the clip; Grad-CAM explains the answer that was given. A ratio of 1 is chance. Two controls:
the next clip's map in its place, which shows what a map gains only from vessels being in the middle of their crops; and
nets with random weights, which show what is there without learning.
Time: 4 minutes on 2 CPU cores.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from measure import machine, write_section
from trainings import STAGES, stage_recipe

from stagewise.console import cli
from stagewise.data.tables import read_labels, read_roi_index
from stagewise.files import paths
from stagewise.machine import device
from stagewise.nets.net import Grid, Net, chosen_block
from stagewise.phantom.clip import Settings, plan_clip
from stagewise.phantom.dataset import FIRST_NUMBER
from stagewise.prediction.inference import InferencePlan, plan_test
from stagewise.prediction.threshold import read_threshold
from stagewise.scores.score import is_stalled

STAGE = STAGES[-1]
BATCH = 8
VESSEL_MARGIN = 2  # pixels around the vessel: it moves by so much
Lie = tuple[Grid, tuple[int, int, int]]  # of maps: of their voxels, and the size of the clip that the net sees
REGIONS, COLOURS = ("outline", "vessel"), ("deviation", "maximum", "mean")


@dataclass(frozen=True)
class Target:
    """What is known of a clip: (T, h, w), and which of its (h, w) pixels lie inside the outline and on the vessel."""

    shape: tuple[int, int, int]
    outline: np.ndarray
    vessel: np.ndarray


def known_target(filename: str, box: pd.Series, stalled: bool, seed: int) -> Target:
    """Plan a phantom clip anew. box: its row of the extraction's table. Ends where it is not the clip of that seed."""
    clip = plan_clip(Settings(seed), int(Path(filename).stem) - FIRST_NUMBER, stalled)
    x0, y0, x1, y1 = box[["x0", "y0", "x1", "y1"]].astype(int)
    drawn = np.concatenate([clip.outline.min(axis=0), clip.outline.max(axis=0)])
    if clip.facts.frames != box["frames"] or np.abs(drawn - (x0, y0, x1, y1)).max() > 5:  # half the line, and motion
        raise SystemExit(f"error: {filename} is not the phantom clip of seed {seed}; give --seed as r00 had it")
    regions = np.zeros((2, clip.facts.height, clip.facts.width), np.uint8)
    cv2.fillPoly(regions[0], [np.round(clip.outline).astype(np.int32)], 1)
    line, width = np.round(clip.target.centreline).astype(np.int32), 2 * (clip.target.radius + VESSEL_MARGIN)
    cv2.polylines(regions[1], [line], False, 1, round(width))
    window = regions[:, y0:y1, x0:x1].astype(bool)
    return Target((int(box["frames"]), y1 - y0, x1 - x0), *window)


def known_targets(filenames: Sequence[str], seed: int) -> list[Target]:
    """The targets of the root's test clips."""
    boxes = read_roi_index(paths.roi_index("test")).set_index("filename")
    stalled = read_labels(paths.phantom_answers()).set_index("filename")["stalled"]
    return [known_target(name, boxes.loc[name], bool(stalled[name]), seed) for name in filenames]


def ratios(maps: Sequence[np.ndarray], lie: Lie, targets: Sequence[Target], region: str) -> np.ndarray:
    """Share of each map's mass in the region over the region's share of the area, (n,); 0 for a map of zeros."""
    from stagewise.heatmaps.laying import Laid

    found = []
    for map, target in zip(maps, targets, strict=True):
        mass = Laid(map.astype(np.float32), *lie).zoomed(target.shape).mean(axis=0, dtype=np.float64)
        inside = getattr(target, region)
        found.append((mass * inside).sum() / max(mass.sum(), 1e-12) / inside.mean())
    return np.array(found)


def row(name: str, maps: np.ndarray, lie: Lie, targets: Sequence[Target]) -> tuple[str, ...]:
    """A line of the table. maps: (n, t, h, w), at least 0; lie: where."""
    cells = []
    for region in REGIONS:
        own, other = (ratios(drawn, lie, targets, region) for drawn in (maps, np.roll(maps, -1, axis=0)))
        cells += [f"{own.mean():.2f}", f"{np.sum(own > 1)} of {len(own)}", f"{other.mean():.2f}"]
    return name, "x".join(str(size) for size in maps.shape[1:]), *cells


class Maps:
    """Heat maps of all test clips, the mean over some nets; `block` and below as in `stagewise.heatmaps.maps`."""

    def __init__(self, net: Net, clips: np.ndarray, answers: np.ndarray, models: Sequence) -> None:
        self.net, self.clips, self.answers, self.models = net, clips, answers, models

    def lie(self, block: int) -> Lie:
        """Where a map lies."""
        return self.net.map_source(self.models[0], block).grid, self.clips.shape[1:4]

    def statistics(self, block: int) -> np.ndarray:
        """(n, t, h, w, 3), 0-255."""
        return self._mean(block, lambda mapper, part: mapper.statistics(self.clips[part]))

    def gradcam(self, block: int) -> np.ndarray:
        """(n, t, h, w) of the answers."""
        return self._mean(block, lambda mapper, part: mapper.gradcam(self.clips[part], self.answers[part]))

    def _mean(self, block: int, draw: Callable) -> np.ndarray:
        from stagewise.heatmaps.maps import HeatMapper

        mappers = [HeatMapper(self.net, model, block) for model in self.models]
        parts = [slice(start, start + BATCH) for start in range(0, len(self.clips), BATCH)]
        return np.concatenate([np.mean([draw(mapper, part) for mapper in mappers], axis=0) for part in parts])


def table(plan: InferencePlan, targets: Sequence[Target], answers: np.ndarray) -> list[tuple[str, ...]]:
    """All lines."""
    from stagewise.prediction.predict import load_nets
    from stagewise.volumes.pklz import load_volume

    clips = np.stack([plan.recipe.prepared.apply(load_volume(path)) for path in plan.volumes])
    net = plan.recipe.net
    trained = Maps(net, clips, answers, [model for of_fold in load_nets(plan).values() for model in of_fold])
    untrained = Maps(net, clips, answers, [net.build(seed=fold) for fold in plan.folds])
    rows = []
    for block in range(len(net.map_shapes), 0, -1):
        statistics, lie = trained.statistics(block), trained.lie(block)
        rows.append(row(f"block {block}: statistics, three colours", statistics.mean(axis=-1), lie, targets))
        for colour, name in enumerate(COLOURS):
            rows.append(row(f"block {block}: {name}", statistics[..., colour], lie, targets))
        rows.append(row(f"block {block}: Grad-CAM", trained.gradcam(block), lie, targets))
    block = chosen_block(net)
    random, lie = f"random weights, block {block}", untrained.lie(block)
    rows.append(row(f"{random}: statistics, three colours", untrained.statistics(block).mean(axis=-1), lie, targets))
    rows.append(row(f"{random}: Grad-CAM", untrained.gradcam(block), lie, targets))
    return rows


def main() -> None:
    """Measure, and write the section."""
    arguments = cli.parser(__doc__, "seed", "fold").parse_args()
    plan = plan_test(stage_recipe(STAGE), None, arguments.folds)
    means = pd.read_csv(paths.test_csv(STAGE)).set_index("filename")["probability"]
    answers = is_stalled(means.loc[plan.filenames].to_numpy(), read_threshold(plan))
    targets = known_targets(plan.filenames, arguments.seed)
    device.prepare()
    rows = table(plan, targets, answers)
    outline, vessel = (np.mean([getattr(target, region).mean() for target in targets]) for region in REGIONS)
    setting = (
        f"{machine('keras', 'tensorflow')}. {len(targets)} phantom test clips, demo nets of folds "
        f"{', '.join(map(str, plan.folds))}; on average {outline:.0%} of a crop's area lies inside the outline, "
        f"{vessel:.0%} on the vessel. A ratio is the share of a map's mass in the region over its share of the area."
    )
    header = ["map", "voxels"]
    for region in ("inside the outline", "on the vessel"):
        header += [f"{region}: mean ratio", "clips above 1", "next clip's map"]
    folds = " ".join(f"--fold {fold}" for fold in plan.folds)
    command = f"STAGEWISE_ROOT=ROOT bench/run.sh heatmaps --seed {arguments.seed} {folds}"
    write_section("Heat maps", command, setting, header, rows)


if __name__ == "__main__":
    cli.run(main)
