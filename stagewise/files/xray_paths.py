"""Where the files of the chest X-rays live; beside those of the capillaries, and apart from them."""

from pathlib import Path

from stagewise.files import paths

XRAYS = "xrays"  # the folder beside the capillaries' files


def dicom_folder(subset: str) -> Path:
    """The DICOM files of `train` or `test`, in folders of any depth."""
    return paths.input_folder() / XRAYS / subset


def mask_table() -> Path:
    """The outlined pneumothoraces as run lengths, a row an object: ImageId, EncodedPixels."""
    return paths.input_folder() / XRAYS / "train-rle.csv"


def sample_submission() -> Path:
    """The test images in the order of the submission: ImageId, EncodedPixels."""
    return paths.input_folder() / XRAYS / "sample_submission.csv"


def phantom_answers() -> Path:
    """The true masks of the test images, in the mask table's format, which phantom data alone has."""
    return paths.input_folder() / XRAYS / "phantom_test_rle.csv"


def images_folder(subset: str) -> Path:
    """The converted images of `train` or `test`."""
    return paths.modified_data_folder() / XRAYS / subset


def image_path(subset: str, image: str) -> Path:
    """One converted image: grey, 8 bits, PNG."""
    return images_folder(subset) / f"{image}.png"


def masks_folder() -> Path:
    """The masks of the training images that have a pneumothorax."""
    return paths.modified_data_folder() / XRAYS / "masks"


def mask_path(image: str) -> Path:
    """The mask of one training image that has a pneumothorax, 0 or 255, PNG; an image without one has no file."""
    return masks_folder() / f"{image}.png"


def index(subset: str) -> Path:
    """The conversion's table, a row a DICOM file."""
    return paths.modified_data_folder() / XRAYS / f"{subset}.csv"


def split_csv(folds: int = 5, seed: int = 42) -> Path:
    """The table of folds; its name tells how it was made."""
    return paths.modified_data_folder() / XRAYS / f"kfold_split_{folds}_{seed}.csv"


def oof_csv(stage: str) -> Path:
    """A row an image that a fold has not seen: pixels above each threshold, and in common with its mask."""
    return paths.modified_data_folder() / XRAYS / f"{stage}_oof.csv"


def probabilities_folder(stage: str) -> Path:
    """A stage's probabilities of the test images, a PNG of 16 bits each."""
    return paths.modified_data_folder() / XRAYS / f"{stage}_test"


def out_of_fold_folder(stage: str) -> Path:
    """A stage's probabilities of the training images, each by the fold that has not seen it, a PNG of 16 bits each."""
    return paths.modified_data_folder() / "xrays" / f"{stage}_oof"


def rule_json(stage: str) -> Path:
    """The rule chosen out of fold, by which a stage's probabilities become masks."""
    return paths.models_folder() / stage / "rule.json"


def answers_folder() -> Path:
    """The submission, how it was made, and the report."""
    return paths.submission_folder() / "pneumothorax"


def submission_csv() -> Path:
    """The answers as the competition asks for them: ImageId, EncodedPixels, a row an image."""
    return answers_folder() / "submission.csv"


def answers_json() -> Path:
    """How the submission was made: whose probabilities, by which rule, and the submission's hash."""
    return answers_folder() / "answers.json"


def report() -> Path:
    """The page that shows how it all came about."""
    return answers_folder() / "report.html"
