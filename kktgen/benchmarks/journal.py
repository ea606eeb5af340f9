"""Records in a file, a line each: what was written stays, whatever happens to the writer."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ..errors import FormatError
from .disagreements import disagreements
from .shape import flaw

NAME = "runs.jsonl"
"""The file of a folder of results."""
PACKED = f"{NAME}.gz"
"""The same, packed, where it is not written any more."""


class Journal:
    """The records of a folder, to which one writer adds.

    Used as a context. A last line that its writer did not live to end is dropped.

    Parameters
    ----------
    folder : Path
        Made where it is not there.

    Attributes
    ----------
    records : dict of str to dict
        The last record of every id.

    Raises
    ------
    FormatError
        The folder cannot be written, another writer is at it, or a line is no record.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = open(self.path, "ab+")  # noqa: SIM115
        except OSError as error:
            raise FormatError(f"{self.path} cannot be written: {error.strerror or error}") from None
        try:
            self._lock()
            self._file.seek(0)
            data = self._file.read()
            self._file.truncate(data.rfind(b"\n") + 1)
            self._sync()
            self.records = _parsed(data, self.path)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, record: Mapping[str, Any]) -> None:
        """Write a record; it is on the disk when this returns."""
        self._file.write(json.dumps(record, allow_nan=False).encode() + b"\n")
        self._sync()
        self.records[record["id"]] = dict(record)

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FormatError(f"another command is writing into {self.path}; give another folder") from None


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the records of a folder, or of a file, packed or not, by id; the last one of an id counts.

    Raises
    ------
    FormatError
        There is no such file, or a line is no record.
    """
    path = folder / NAME if folder.is_dir() else folder
    if not path.exists() and (folder / PACKED).is_file():
        path = folder / PACKED
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise FormatError(f"{path} cannot be read: {reason}") from None
    return _parsed(data, path)


def merged(folders: Iterable[Path]) -> list[dict[str, Any]]:
    """Return the records of several folders; of one id those that gave an answer first, then the latest.

    Records of one id that contradict each other are all returned, so that they can be told.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for folder in folders:
        for name, record in read(folder).items():
            found.setdefault(name, []).append(record)
    return [one for records in found.values() for one in _kept(records)]


def _kept(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what counts of the records of one id."""
    ranked = sorted(records, key=_rank, reverse=True)
    answered = [one for one in ranked if one["verdict"] != "failed"]
    return ranked[:1] if not disagreements(answered) else _unlike(answered)


def _unlike(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return records without those that say the same as one before."""
    out: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in records:
        said = (one["verdict"], one["says"], one["ok"], one["value"], one["bound"], one.get("problem"))
        out.setdefault(said, one)
    return list(out.values())


def _rank(record: Mapping[str, Any]) -> tuple[bool, str]:
    return record["verdict"] != "failed", record.get("began") or ""


def _parsed(data: bytes, path: Path) -> dict[str, dict[str, Any]]:
    """Return the records of a file's text; what stands behind the last end of a line is none."""
    out = {}
    for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), 1):
        try:
            record = json.loads(line)
            if not str(record["schema"]).startswith("kktgen.run/"):
                raise KeyError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise FormatError(f"{path}, line {number}: no record of a run (schema kktgen.run/1)") from None
        fault = flaw(record)
        if fault:
            raise FormatError(f"{path}, line {number}: {fault}; take the line out, and its run can be made again")
        out[record["id"]] = record
    return out
