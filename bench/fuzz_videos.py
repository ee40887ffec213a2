"""Videos for `fuzz.py` to start from, and what must hold of each that is read."""

import tempfile
from pathlib import Path

VIDEO_MODULES = (
    "video.decoding",
    "video.containers",
    "video.mp4",
    "video.mp4_boxes",
    "video.mp4_fragments",
    "video.mp4_ends",
    "video.avi",
    "video.matroska",
    "video.orientation",
    "crops.roi",
)
VIDEOS = (  # name, encoder, pixels, its options, the container's: each structure that is read, and each decoder
    ("a.mp4", "libx264", "yuv420p", {"preset": "ultrafast"}, {}),
    ("a.mp4", "libx264", "yuv420p", {"preset": "medium"}, {"movflags": "faststart"}),
    ("a.mp4", "libx264", "yuv420p", {"x264-params": "bframes=2:keyint=3"}, {"movflags": "faststart"}),
    ("a.mp4", "libx264", "yuv420p", {"g": "2"}, {"movflags": "frag_keyframe"}),
    ("a.mp4", "libx265", "yuv420p", {"x265-params": "log-level=none"}, {"movflags": "dash+global_sidx"}),
    ("a.mov", "png", "rgb24", {}, {}),
    ("a.avi", "mjpeg", "yuvj420p", {}, {}),
    ("a.avi", "mpeg4", "yuv420p", {"bf": "2"}, {}),
    ("a.avi", "rawvideo", "bgr24", {}, {}),
    ("a.mkv", "ffv1", "bgr0", {"level": "3"}, {}),
    ("a.mkv", "mpeg2video", "yuv420p", {}, {"write_crc32": "0"}),
    ("a.webm", "libvpx-vp9", "yuv420p", {}, {}),
    ("a.webm", "libsvtav1", "yuv420p", {"preset": "12"}, {}),
)


def video_files() -> list[bytes]:
    """A few outlined frames in every container, of every decoder."""
    return [_encoded(*video, shades=3 + 3 * (number % 3)) for number, video in enumerate(VIDEOS)]


def _encoded(name: str, codec: str, pixels: str, options: dict, container_options: dict, shades: int) -> bytes:
    import av
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        with av.open(path, "w", options=container_options) as container:
            stream = container.add_stream(codec, rate=20, options={**options, "threads": "1"})
            stream.width, stream.height, stream.pix_fmt = 64, 64, pixels
            for shade in range(shades):
                frame = np.full((64, 64, 3), 20 * shade, np.uint8)
                frame[8:56, 8:56] = (20, 106, 232)
                frame[14:50, 14:50] = 20 * shade
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
            container.mux(stream.encode())
        return path.read_bytes()


def check_video(path: Path, content: bytes) -> None:
    from stagewise.crops.roi import extract_roi

    video = path.with_suffix(".mp4")
    video.write_bytes(content)
    roi = extract_roi(video)
    assert roi.volume.size and 0 < roi.frames_with_outline <= len(roi.volume)
    assert roi.volume.shape[1:3] == (roi.box[2] - roi.box[0], roi.box[3] - roi.box[1])
