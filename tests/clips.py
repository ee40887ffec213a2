"""Short videos for the tests: noise, with or without an orange outline."""

import subprocess
from pathlib import Path

import av
import cv2
import imageio_ffmpeg
import numpy as np

from stagewise.files import paths

RATE = 20
ORANGE = (20, 106, 232)


# encoder: pixel format and options; each with one thread, so that small tests do not start many
ENCODERS = {
    "libx264": ("yuv420p", {"crf": "18", "preset": "ultrafast"}),
    "libx264rgb": ("bgr24", {"qp": "0"}),
    "libx265": ("yuv420p", {"crf": "18", "preset": "ultrafast", "x265-params": "log-level=none:pools=1:bframes=2"}),
    "mpeg4": ("yuv420p", {"qscale": "3", "bf": "2"}),
    "mpeg2video": ("yuv420p", {"qscale": "3"}),
    "mjpeg": ("yuvj420p", {"qscale": "3"}),
    "libvpx-vp9": ("yuv420p", {"crf": "10", "cpu-used": "8"}),
    "libsvtav1": ("yuv420p", {"crf": "10", "preset": "12"}),
    "ffv1": ("bgr0", {"level": "3"}),
    "huffyuv": ("rgb24", {}),
    "ffvhuff": ("yuv420p", {}),
    "rawvideo": ("bgr24", {}),
    "png": ("rgb24", {}),
    "wmv2": ("yuv420p", {"qscale": "3"}),
}


def write_video(path, frames, codec="libx264", pixels=None, times=None, options=None, crf=None, **container_options):
    """Encode (H, W, 3) uint8 BGR frames, as H.264 by default; times: of the frames, in units of 1 / RATE."""
    options = {"threads": "1", **ENCODERS[codec][1], **({"crf": crf} if crf else {}), **(options or {})}
    height, width = frames[0].shape[:2]
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w", options=container_options) as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels or ENCODERS[codec][0]
        stream.options = options
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="bgr24")
            picture.pts = times[number] if times else number
            container.mux(stream.encode(picture))
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


def ffmpeg_frames(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """All frames as the program ffmpeg shows them; shape: (T, H, W, 3), of which T is not used."""
    options = ("-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "bgr24", "-")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", path, *options]
    done = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, *shape[1:])


def run_command(command: str, folder: Path) -> None:
    """Run a command that a message prescribes, as it is written, in the folder that holds its files."""
    done = subprocess.run(
        command.replace("ffmpeg ", f"{imageio_ffmpeg.get_ffmpeg_exe()} "),
        shell=True,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
