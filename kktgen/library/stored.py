"""The files beside an instance: its problem as a packed bundle, small enough to be stored, and its digest."""

from __future__ import annotations

import gzip
import hashlib
import io
from pathlib import Path
from typing import IO, Any

from ..exact import proof
from ..formats.problems import bundle
from ..formats.writing.files import replace_file
from ..problem.bilevel import Bilevel

FORMAT = "bilevel.json/1"
"""What ``problem.format`` says."""
BUNDLE, POINT, PROOF = bundle.SUFFIX + ".gz", ".sol.gz", proof.SUFFIX
"""Suffixes of the stored problem, of the stored point, and of the proof that it is the optimum."""
LARGEST = {BUNDLE: 100_000, POINT: 20_000, PROOF: 100_000}
"""Bytes up to which a packed file is stored."""
PASSING = ("known", "version", "files")
"""What a bundle may say of its problem and a stored one does not: it changes while the problem stays."""


def bundle_bytes(m: Bilevel, model: str, parameters: dict[str, Any]) -> bytes:
    """Return a problem as the bytes of its bundle, with what it was built from and nothing that changes."""
    own = {key: value for key, value in m.about.items() if key not in PASSING}
    if parameters:
        own["parameters"] = parameters
    before, m.about = m.about, {**own, "model": own.get("model", model)}
    try:
        file = io.BytesIO()
        bundle.dump(m, file)
    finally:
        m.about = before
    return file.getvalue()


def digest(data: bytes) -> str:
    """Return the sha256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def packed(data: bytes) -> bytes:
    """Return bytes packed, the same from every run."""
    return gzip.compress(data, 9, mtime=0)


def write_bytes(path: Path, data: bytes) -> Path:
    """Write bytes to a file, whole or not at all."""

    def fill(file: IO[bytes]) -> None:
        file.write(data)

    return replace_file(path, fill)


def store(path: Path, data: bytes) -> bool:
    """Write bytes packed beside an instance where they are small enough; else take an older file away."""
    small = packed(data)
    if len(small) > next(most for end, most in LARGEST.items() if path.name.endswith(end)):
        path.unlink(missing_ok=True)
        return False
    write_bytes(path, small)
    return True
