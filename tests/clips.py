"""Short videos for the tests: noise, with or without an orange outline."""

from pathlib import Path

import av
import cv2
import numpy as np

from stagewise import paths

RATE = 20
ORANGE = (20, 106, 232)


def write_video(path, frames, crf="18", **container_options):
    """Encode (H, W, 3) uint8 BGR frames as H.264."""
    height, width = frames[0].shape[:2]
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w", options=container_options) as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": crf, "preset": "ultrafast", "threads": "1"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())


def noise_frames(count, height=96, width=128, seed=0):
    """Grey noise that holds no orange."""
    grey = np.random.default_rng(seed).integers(0, 80, (count, height, width, 1), dtype=np.uint8)
    return list(np.ascontiguousarray(np.broadcast_to(grey, (count, height, width, 3))))


def outlined_frames(count, boxes, **size):
    """Noise with an orange rectangle per frame; boxes: (y0, x0, y1, x1) or None, repeated over the frames."""
    frames = noise_frames(count, **size)
    for index, frame in enumerate(frames):
        if box := boxes[index % len(boxes)]:
            y0, x0, y1, x1 = box
            cv2.rectangle(frame, (x0 + 1, y0 + 1), (x1 - 2, y1 - 2), ORANGE, 3)
    return frames


def make_videos(subset="train", count=4):
    for number in range(count):
        box = (10 + number, 20, 60, 80 + number)
        write_video(paths.videos_folder(subset) / f"10000{number}.mp4", outlined_frames(6 + number, [box]))


def decoded(path: Path) -> np.ndarray:
    """All frames, (T, H, W, 3) uint8 BGR."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)])
