"""What may be wrong with a video's file, as every reader of containers says it."""

from stagewise.messages.commands import COPY

NO_END = f"it does not say where it ends; where you know that it is whole, write that into a copy: {COPY}"
MOST_FRAMES = 1 << 20  # of one video; 2,400 times the competition's longest


class ContainerError(Exception):
    """What is wrong with a file, as the end of a sentence that begins with its name."""


def text(kind: bytes) -> str:
    """A four-letter code as a message may show it."""
    return kind.decode("ascii") if kind.isalnum() else repr(kind)
