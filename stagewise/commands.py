"""Commands that messages name, each as it can be typed."""

from collections.abc import Sequence

MAKE_PHANTOM = "python preproc_data/r00_make_phantom.py"
EXTRACT = "python preproc_data/r01_extract_roi.py"  # and train or test
VERIFY_DATA = "python preproc_data/r02_verify_data.py"
MAKE_SPLIT = "python preproc_data/r03_gen_kfold_split.py"
INFLATE = "python preproc_data/r04_inflate_imagenet.py"


def fold_options(folds: Sequence[int | str]) -> list[str]:
    """The words that name the folds to a numbered script."""
    return [word for fold in folds for word in ("--fold", str(fold))]
