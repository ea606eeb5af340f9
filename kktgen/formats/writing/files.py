"""Files that are complete or absent, and files read whole."""

from __future__ import annotations

import gzip
import io
import os
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ...errors import FormatError

UNPACKED, RATIO = 64 << 20, 200
"""A packed file may hold so many bytes, and so many times its size: zeros shrink to a thousandth, text to a tenth."""
PIECE = 1 << 20


def file_path(path: Any) -> Path:
    """Return the path of a file, or refuse what names none."""
    try:
        out = Path(path)
    except TypeError:
        raise FormatError(f"a path is needed, such as 'model.lp', got {type(path).__name__}") from None
    if not out.name:
        raise FormatError(f"{str(path)!r} names no file")
    return out


def replace_file(target: Path, fill: Callable[[IO[bytes]], None]) -> Path:
    """Let ``fill`` write a temporary file beside the target, then rename it; on failure nothing is left.

    Raises
    ------
    FormatError
        The folder does not exist or cannot be written, or the disk is full.
    """
    temporary = target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        try:
            with open(temporary, "xb") as file:
                fill(file)
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FormatError(
            f"{target}: cannot be written ({error.strerror or error}); give a path in a folder that exists "
            "and may be written"
        ) from error
    return target


def remove_file(path: Path) -> None:
    """Remove a file, if there is one.

    Raises
    ------
    FormatError
        It cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise FormatError(f"{path}: out of date, and cannot be removed ({error.strerror or error})") from error


def contents(path: Path) -> bytes:
    """Return the bytes of a file, unpacked when it is packed.

    Raises
    ------
    FormatError
        There is no such file, it is a pipe or a device, it cannot be unpacked, or it unpacks to more than ``UNPACKED``
        bytes and ``RATIO`` times its size: text never does.
    """
    try:
        regular = path.is_file() or not path.exists()
        data = path.read_bytes() if regular else b""
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
        why = getattr(error, "strerror", None) or error
        raise FormatError(f"{str(path)[:300]}: cannot be read ({why})") from None
    if not regular:
        raise FormatError(f"{path}: cannot be read (it is no regular file)")
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return _unpacked(data, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(f"{path}: cannot be unpacked ({error})") from None


def _unpacked(data: bytes, path: Path) -> bytes:
    """Return packed data unpacked, piece by piece, so that a small file cannot fill the memory."""
    limit = max(UNPACKED, RATIO * len(data))
    pieces, size = [], 0
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
        while piece := packed.read(PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise FormatError(
                    f"{path}: cannot be unpacked (more than {limit >> 20} MB from {len(data)} bytes: no text)"
                )
    return b"".join(pieces)
