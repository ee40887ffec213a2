"""Where a stage's weights start."""

from dataclasses import dataclass

from stagewise.messages.commands import INFLATE


@dataclass(frozen=True)
class RandomStart:
    """Random weights, drawn by seed and fold."""

    @property
    def label(self) -> str:
        """How config.json and messages name it."""
        return "random"


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights in models/, made by r04, for all of the net but its head, which starts at random.

    label: how config.json and `--init` name it; file: its name.
    """

    label: str
    file: str

    @property
    def command(self) -> str:
        """The command that makes it."""
        return INFLATE

    @property
    def mend(self) -> str:
        """How a file that is not there is made."""
        return f"run: {self.command}"


@dataclass(frozen=True)
class TorchFile(WeightsFile):
    """The same, made of a PyTorch net's weights. download: where the file of these is."""

    download: str

    @property
    def source(self) -> str:
        """What the file of a download is called."""
        return self.download.rsplit("/", 1)[1]

    @property
    def command(self) -> str:
        """The command that makes it, once the file is there."""
        return f"{INFLATE} --weights {self.source}"

    @property
    def mend(self) -> str:
        """How a file that is not there is made."""
        return f"download {self.download} and run: {self.command}"


def made_by(plain: dict[str, str]) -> str | None:
    """The command that made the file that a start is from, by its plain values of config.json; None of other kinds."""
    kinds = {kind.__name__: kind for kind in (WeightsFile, TorchFile)}
    numbers = {name: value for name, value in plain.items() if name != "kind"}
    return kinds[plain["kind"]](**numbers).command if plain["kind"] in kinds else None


@dataclass(frozen=True)
class ParentStage:
    """The best weights of the same fold of another stage. label: that stage's name."""

    label: str

    @property
    def epoch(self) -> int | None:
        """None for the best epoch, or the number of a snapshot's."""
        return None


@dataclass(frozen=True)
class ParentSnapshot(ParentStage):
    """A snapshot of the same fold of another stage. label: that stage's name; snapshot: its epoch's number, from 1."""

    snapshot: int

    @property
    def epoch(self) -> int | None:
        """The snapshot's."""
        return self.snapshot


@dataclass(frozen=True)
class EarlierPart(ParentStage):
    """The best weights of the same fold of an earlier part, whatever the size of the images that it was trained on.

    Its split may be another one, as long as it did not train on what the fold validates. label: that part's stage.
    """


Start = RandomStart | WeightsFile | ParentStage
