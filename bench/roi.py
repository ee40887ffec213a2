"""ROI extraction against decoding alone, and against the original's rule written naively.

    bench/run.sh roi
    bench/run.sh roi --clips 40 --repeats 5

Candidates, in turn over the same phantom clips of real size, seconds with the start of their processes:
  ours          r01's extraction with two workers: decode, crop, compress, write, index
  decoding      two processes that decode the same files with PyAV, one thread each, and do nothing else
  original rule one process: OpenCV's VideoCapture with FFmpeg's own threads; for every frame inRange, np.where, a
                Python list of points and boundingRect; the crop pickled and gzipped at its fastest level
Time: 5 minutes on 2 CPU cores.
"""

import gzip
import multiprocessing
import os
import pickle
import resource
import statistics
import sys
import tempfile

import av
import cv2
import numpy as np
from measure import in_turn, machine, ratio, script, write_section

from stagewise.console import cli
from stagewise.crops import extraction
from stagewise.crops.input_videos import list_videos
from stagewise.crops.outline import OUTLINE_HIGHEST, OUTLINE_LOWEST
from stagewise.files import paths
from stagewise.machine.workers import WorkerPool

WORKERS = 2


def decode(path: str) -> int:
    """Decode one video as r01's workers do. Returns: the number of frames."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        return sum(1 for _ in container.decode(stream))


def decode_all(videos: list[str]) -> int:
    """Decode all videos in two fresh processes."""
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        return sum(pool.imap_unordered(decode, videos))


def original_rule(path: str) -> tuple[int, int, int, int]:
    """Crop and save one video by the original's rule, frame by frame. Returns: the box (y0, x0, y1, x1), pixels."""
    capture, frames, boxes = cv2.VideoCapture(path), [], []
    while (read := capture.read())[0]:
        frames.append(read[1])
        rows, columns = np.where(cv2.inRange(read[1], OUTLINE_LOWEST, OUTLINE_HIGHEST) > 0)
        points = [[x, y] for y, x in zip(rows, columns, strict=True)]
        x, y, width, height = cv2.boundingRect(np.float32(points))
        boxes.append((y, x, y + height, x + width))
    boxes = np.array(boxes)
    y0, x0, y1, x1 = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
    volume = np.array([frame[y0:y1, x0:x1] for frame in frames])
    with gzip.open(paths.modified_data_folder() / "original.pklz", "wb", compresslevel=1) as file:
        pickle.dump(volume, file, protocol=4)
    return y0, x0, y1, x1


def same_boxes(videos: list[str]) -> bool:
    """Whether the original's rule gives the boxes in the index that our extraction has written."""
    lines = paths.roi_index("train").read_text().splitlines()[1:]
    return [tuple(map(int, line.split(",")[4:8])) for line in lines] == [original_rule(path) for path in videos]


def peak_after(task: extraction.Extraction) -> float:
    """Extract one video. Returns: MiB, the most memory that this worker has had so far."""
    extraction.extract(task)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory() -> str:
    """The larger worker's peak after a quarter of the videos and after all of them."""
    with WorkerPool(WORKERS) as pool:
        peaks = [peak for _, peak in pool.in_order(peak_after, extraction.plan("train", force=True))]
    quarter = len(peaks) // 4
    return f"{max(peaks[:quarter]):.0f} MiB after {quarter} videos, {max(peaks):.0f} MiB after {len(peaks)}"


def main() -> None:
    """Make the clips, check that the results agree, measure, and write the section."""
    parser = cli.parser(__doc__)
    parser.add_argument("--clips", type=cli.at_least(4), default=120, help="(default: %(default)s)")
    parser.add_argument("--repeats", type=cli.at_least(1), default=5, help="(default: %(default)s)")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as root:
        os.environ["STAGEWISE_ROOT"] = root
        script("preproc_data/r00_make_phantom.py", "--train", arguments.clips, "--test", 1, "--workers", WORKERS)
        measure(arguments.repeats)


def measure(repeats: int) -> None:
    """Time the candidates on the clips of the root folder."""
    videos = [str(path) for path in list_videos("train")]
    extraction.extract_subset("train", WORKERS, force=True)
    if not same_boxes(videos):
        sys.exit("error: the original's rule gives other boxes")
    seconds = in_turn(
        {
            "ours, `--workers 2`": lambda: extraction.extract_subset("train", WORKERS, force=True),
            "decoding alone, two processes": lambda: decode_all(videos),
            "the original's rule, one process": lambda: [original_rule(path) for path in videos],
        },
        repeats,
    )
    ours = next(iter(seconds.values()))
    rows = [
        (
            name,
            f"{statistics.median(taken):.2f}",
            f"{len(videos) / statistics.median(taken):.1f}",
            f"{ratio(ours, taken):.2f}",
        )
        for name, taken in seconds.items()
    ]
    frames = sum(int(line.split(",")[1]) for line in paths.roi_index("train").read_text().splitlines()[1:])
    setting = machine("av", "opencv-python-headless", "numpy", "isal")
    setting += f". {len(videos)} phantom clips of 512x384, {frames} frames; median of {repeats}; same boxes by all. "
    setting += f"Memory of a worker: {memory()}."
    command = f"bench/run.sh roi --clips {len(videos)} --repeats {repeats}"
    write_section("ROI extraction", command, setting, ("what", "seconds", "videos/s", "time over ours"), rows)


if __name__ == "__main__":
    cli.run(main)
