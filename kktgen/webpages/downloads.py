"""Files that a page offers: those that are small inside it, the others copied beside it."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

from ..library.stored import write_bytes
from ..markup import Html, tag

EMBEDDED = 2000
"""Bytes up to which a file is in the page itself."""
FILES = "files"
"""The folder of the copies, beside the page."""
_KINDS = {".gz": "application/gzip", ".csv": "text/csv", ".json": "application/json"}


class Downloads:
    """The files offered by the pages of a folder.

    Parameters
    ----------
    folder : Path
        Of the pages.

    Attributes
    ----------
    written : list of Path
        The copies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: list[Path] = []

    def link(self, name: str, data: bytes, label: str, about: str = "") -> Html:
        """Return the link to a file of some bytes; ``name`` may have folders, separated by ``/``."""
        last = name.rpartition("/")[2]
        if len(data) <= EMBEDDED:
            kind = _KINDS.get(Path(last).suffix, "text/plain")
            where = f"data:{kind};base64,{base64.b64encode(data).decode()}"
        else:
            path = self.folder / FILES / name
            path.parent.mkdir(parents=True, exist_ok=True)
            self.written.append(write_bytes(path, data))
            where = f"{FILES}/{quote(name)}"
        return tag("a", label, href=where, download=last, title=about or None)
