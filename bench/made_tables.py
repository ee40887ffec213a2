"""Made-up tables of as many videos as one likes, with the competition's columns and about its shares."""

import numpy as np
import pandas as pd

from stagewise.crops.roi_index import ROI_INDEX
from stagewise.files import paths

ALL, TEST_SHARE = 573_048, 14_160 / 573_048  # the competition's training videos, and test videos for each
PROJECTS, STALLED, TIER1 = 180, 0.0033, 0.09  # about the competition's
SEED = 42


def make_tables(rows: int) -> None:
    """Indexes, labels, metadata and submission format of so many made-up videos, in the root."""
    generator = np.random.default_rng(SEED)
    for folder in (paths.input_folder(), paths.roi_index("train").parent):
        folder.mkdir(parents=True)
    for subset, first, count in (("train", 100_000, rows), ("test", 900_000, max(int(rows * TEST_SHARE), 1))):
        names = [f"{number}.mp4" for number in range(first, first + count)]
        frames, stalled = generator.integers(20, 200, count), generator.random(count) < STALLED
        _index(names, frames, generator).to_csv(paths.roi_index(subset), index=False, lineterminator="\n")
        metadata = _metadata(names, frames, stalled, generator)
        metadata.to_csv(paths.input_folder() / f"{subset}_metadata.csv", index=False)
        labels = pd.DataFrame({"filename": names, "stalled": stalled.astype(int)})
        table = "train_labels" if subset == "train" else "submission_format"
        labels.to_csv(paths.input_folder() / f"{table}.csv", index=False)


def _index(names: list[str], frames: np.ndarray, generator: np.random.Generator) -> pd.DataFrame:
    count = len(names)
    y0, x0, height, width = (generator.integers(20, 150, count) for _ in range(4))
    digests = [generator.bytes(48).hex() for _ in range(count)]
    sizes = dict(frames=frames, height=height, width=width, y0=y0, x0=x0, y1=y0 + height, x1=x0 + width)
    table = pd.DataFrame({"filename": names, **sizes, "frames_with_outline": frames, "video_bytes": frames * 40_001})
    table["sha256"], table["etag"] = [text[:64] for text in digests], [text[64:] for text in digests]
    return table.assign(status="ok", reason="")[list(ROI_INDEX)]


def _metadata(
    names: list[str], frames: np.ndarray, stalled: np.ndarray, generator: np.random.Generator
) -> pd.DataFrame:
    count = len(names)
    tier1 = stalled | (generator.random(count) < TIER1)
    columns = {
        "filename": names,
        "url": [f"s3://drivendata-competition-clog-loss/train/{name}" for name in names],
        "project_id": generator.integers(0, PROJECTS, count).astype(str),
        "num_frames": frames,
        "crowd_score": generator.random(count).round(4),
        "tier1": tier1,
        "micro": tier1 & (generator.random(count) < 0.05),
    }
    return pd.DataFrame(columns)
