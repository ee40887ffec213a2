"""Commands that messages name, each as it can be typed."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]  # whose folders hold the numbered scripts
# steps of a stage, and of a folder whose nets vote
TRAIN, OUT_OF_FOLD, TEST, REPORT, VOTE = "r31_train", "r41_process_oof", "r42_process_test", "r51_report", "r61_vote"
BLEND = "r61_blend"
MAKE_PHANTOM = "python preproc_data/r00_make_phantom.py"
EXTRACT = "python preproc_data/r01_extract_roi.py"  # and train or test
VERIFY_DATA = "python preproc_data/r02_verify_data.py"
MAKE_SPLIT = "python preproc_data/r03_gen_kfold_split.py"
MAKE_XRAYS = "python pneumothorax/r00_make_phantom.py"
CONVERT_DICOM = "python pneumothorax/r01_convert_dicom.py"  # and train or test
VERIFY_XRAYS = "python pneumothorax/r02_verify_data.py"
MAKE_XRAY_SPLIT = "python pneumothorax/r03_gen_kfold_split.py"
JOIN = "python join/r61_join.py"  # and stages
INFLATE = "python preproc_data/r04_inflate_imagenet.py"
PACK = "python preproc_data/r05_pack_volumes.py"  # and train or test
# how the line of a training ends that has emptied its fold's folder
BEGUN_ANEW = "begins anew, as --force asks"
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


def script_of(stage: str, step: str) -> str:
    """The numbered script that takes a stage's step: `TRAIN` and so on.

    A stage is named by its folder, and by what its training script's name adds: `third_place_vote/r32_train_mc3.py`
    trains third_place_vote_mc3. All other steps of a folder's stages have one script. A stage of no script here is
    taken for a folder.
    """
    training = training_scripts().get(_experiment_of(stage), f"{stage}/{TRAIN}.py")
    return training if step == TRAIN else f"{Path(training).parent}/{step}.py"


def training_words(stage: str) -> list[str]:
    """The words that train a stage: its script, and the option that names it where the script trains several parts."""
    return [script_of(stage, TRAIN), *_part_words(stage)]


def _part_words(stage: str) -> list[str]:
    part = stage.removeprefix(_experiment_of(stage)).removeprefix("_")
    return ["--part", part] * bool(part)


def _experiment_of(stage: str) -> str:
    """The stage, or what its name begins with where its training script trains several parts of an experiment."""
    scripts = training_scripts()
    names = [name for name in scripts if stage.startswith(f"{name}_")]
    return stage if stage in scripts or not names else max(names, key=len)


@cache
def training_scripts() -> dict[str, str]:
    """The script that trains each stage, by the stage's name."""
    found = sorted(path.relative_to(REPOSITORY) for path in REPOSITORY.glob("*/r3[1-9]_train*.py"))
    return {f"{path.parent}{path.stem[len(TRAIN) :]}": str(path) for path in found}


def answering_stages(folder: str | None = None) -> list[str]:
    """The stages that can answer, of one folder or all: those whose training scripts their folder's r41 imports."""
    scripts = ((stage, REPOSITORY / script) for stage, script in training_scripts().items())
    return [
        stage
        for stage, script in scripts
        if folder in (None, script.parent.name)
        and (r41 := script.with_name(f"{OUT_OF_FOLD}.py")).exists()
        and f"from {script.stem} import" in r41.read_text()
    ]


def step_of(stage: str, step: str) -> str:
    """`script_of`, with the options that name the stage where several of its folder answer, or parts of several."""
    script, net = script_of(stage, step), net_of_several(stage)
    return " ".join([script, "--net", net, *_part_words(stage)]) if net and step != TRAIN else script


def net_of_several(stage: str) -> str:
    """`net_of` where several stages of its folder answer, or parts of several; "" where it is alone."""
    several = _part_words(stage) or len(answering_stages(Path(script_of(stage, TRAIN)).parent.name)) > 1
    return net_of(stage) if several else ""


def net_of(stage: str) -> str:
    """What tells a stage from the others of its folder: the end of its name, without that of a part."""
    return _experiment_of(stage).removeprefix(f"{Path(script_of(stage, TRAIN)).parent.name}_")


def typed(path: Path) -> str:
    """The path as a command names it: of a file in the repository from there, where commands are typed; else whole."""
    path = Path(path).absolute()
    return str(path.relative_to(REPOSITORY)) if path.is_relative_to(REPOSITORY) else str(path)


def fold_options(folds: Sequence[int | str]) -> list[str]:
    """The words that name the folds to a numbered script."""
    return [word for fold in folds for word in ("--fold", str(fold))]
