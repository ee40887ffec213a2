"""Commands that messages name, each as it can be typed."""

from collections.abc import Sequence

MAKE_PHANTOM = "python preproc_data/r00_make_phantom.py"
EXTRACT = "python preproc_data/r01_extract_roi.py"  # and train or test
VERIFY_DATA = "python preproc_data/r02_verify_data.py"
MAKE_SPLIT = "python preproc_data/r03_gen_kfold_split.py"
INFLATE = "python preproc_data/r04_inflate_imagenet.py"
PACK = "python preproc_data/r05_pack_volumes.py"  # and train or test
# Every frame once, bit for bit, of any size. Without passthrough (FFmpeg before 5.1: -vsync 0) frames are repeated or
# left out to make an even rate. FFV1 has a checksum.
CONVERT = "ffmpeg -i OLD -map 0:v:0 -fps_mode passthrough -pix_fmt bgr0 -c:v ffv1 -level 3 NEW.mkv"
COPY = "ffmpeg -i OLD -map 0:v:0 -c copy NEW.mkv"  # the same frames as they are coded
# FFmpeg reads the first page of a TIFF alone
CONVERT_TIFF = (
    "python -c \"import cv2; [cv2.imwrite(f'NEW_{n:05d}.png', page) for n, page in "
    "enumerate(cv2.imreadmulti('OLD.tif', flags=cv2.IMREAD_COLOR)[1])]\" "
    "&& ffmpeg -framerate 20 -i NEW_%05d.png -c:v ffv1 -level 3 NEW.mkv"
)


def fold_options(folds: Sequence[int | str]) -> list[str]:
    """The words that name the folds to a numbered script."""
    return [word for fold in folds for word in ("--fold", str(fold))]
