"""A video whose content is in memory: whole, under the address that it came from, and no file."""

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from stagewise.files import paths


@dataclass(frozen=True)
class Held:
    """All bytes of a video. url: where they are from, for messages; etag: what its store calls this content."""

    url: str
    content: bytes = field(repr=False)
    etag: str = ""

    @property
    def name(self) -> str:
        """The video's file name."""
        return self.url.rpartition("/")[2]

    def open(self, mode: str = "rb") -> BytesIO:
        """The content as an open file, as `Path.open` gives one; `mode` can be no other."""
        if mode != "rb":
            raise ValueError(f"a video in memory opens as rb, not as {mode}")
        return BytesIO(self.content)

    def __str__(self) -> str:
        return self.url


Video = Path | Held


def shown(video: Video) -> str:
    """The video as a message should show it."""
    return str(video) if isinstance(video, Held) else paths.shown(video)
