"""Files that are complete or absent, and files read whole."""

from __future__ import annotations

import gzip
import os
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ..errors import FormatError


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


def contents(path: Path) -> bytes:
    """Return the bytes of a file, unpacked when it is packed.

    Raises
    ------
    FormatError
        There is no such file, or it cannot be unpacked.
    """
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(f"{path}: cannot be unpacked ({error})") from None
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from None
