"""Maps of names read: the columns, rows and sets of a model file with what they stem from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import orjson

from ...errors import FormatError, ProblemError
from ...problem.columns import Block
from ..writing.files import contents, file_path
from ..writing.names import labels
from .write import SCHEMA, SUFFIX_OF_MAP, VERSION, WITH_UNITS, map_path

_ARRAYS = {"name": str, "label": str, "block": int, "index": int}
_BLOCK = {"kind": str, "role": str, "follower": str, "word": str, "item": str, "shape": list}


@dataclass(frozen=True, eq=False)
class Entries:
    """The columns, rows or sets of a file, in its order.

    Parameters
    ----------
    name : tuple of str
        In the file.
    label : tuple of str
        In the model, e.g. ``mu_ub(market,g,2)``.
    block : ndarray (k,)
        Into ``blocks``; -1 for none.
    index : ndarray (k,)
        Flat position in the shape of the block.
    blocks : tuple of dict
        As in the file.
    unit : ndarray (k,)
        Of columns: their values in the file times these are those of the model.
    """

    name: tuple[str, ...]
    label: tuple[str, ...]
    block: np.ndarray
    index: np.ndarray
    blocks: tuple[dict[str, Any], ...]
    unit: np.ndarray

    def __len__(self) -> int:
        return len(self.name)

    @cached_property
    def kind(self) -> np.ndarray:
        """What every entry is (k,) of str: ``leader``, ``primal``, ``dual``, ``stationarity``, .."""
        return self._field("kind")

    @cached_property
    def role(self) -> np.ndarray:
        """The finer word of the model (k,) of str: ``lam`` and ``mu`` of duals."""
        return self._field("role")

    @cached_property
    def follower(self) -> np.ndarray:
        """Name of the follower every entry belongs to (k,) of str; empty for the leader."""
        return self._field("follower")

    @cached_property
    def source(self) -> np.ndarray:
        """Row, bound or variable of the follower that every entry belongs to (k,) of str; empty for none."""
        order = np.argsort(self.block, kind="stable")
        of, runs = self.block[order], []
        cuts = np.flatnonzero(np.diff(of, prepend=-2))
        for start, stop in zip(cuts, np.append(cuts[1:], len(of)), strict=True):
            about = self.blocks[of[start]] if of[start] >= 0 else None
            if about is not None and about["source"] is not None:
                word, item = about["source"]["word"], about["source"]["item"]
                runs.append(Block(int(start), int(stop), word, "", about["follower"], item, tuple(about["shape"]),
                                  self.index[order[start:stop]]))  # fmt: skip
        text = b'["' + b'","'.join(labels(runs, len(of), legal=False).tolist()) + b'"]' if len(of) else b"[]"
        out = np.empty(len(of), dtype=object)
        out[order] = orjson.loads(text)
        return out.astype(str)

    @cached_property
    def _place(self) -> dict[str, int]:
        return dict(zip(self.name, range(len(self.name)), strict=True))

    def about(self, name: str) -> dict[str, Any]:
        """Return all that is known of one entry by its name in the file.

        Raises
        ------
        ProblemError
            No entry has the name.
        """
        at = self._place.get(name)
        if at is None:
            raise ProblemError(f"no entry {name!r} among {len(self)}; the first are {', '.join(self.name[:3])}")
        shape = tuple(self.blocks[self.block[at]]["shape"]) if self.block[at] >= 0 else ()
        place = tuple(int(k) for k in np.unravel_index(int(self.index[at]), shape)) if shape else ()
        return {
            "name": name, "label": self.label[at], "kind": str(self.kind[at]), "role": str(self.role[at]),
            "follower": str(self.follower[at]), "source": str(self.source[at]), "index": place,
        }  # fmt: skip

    def _field(self, key: str) -> np.ndarray:
        return np.array([*(about[key] for about in self.blocks), ""])[self.block]


@dataclass(frozen=True, eq=False)
class NameMap:
    """The map of a model file.

    Parameters
    ----------
    file, model : str
        Name of the file and of the model.
    names : str
        ``full`` or ``short``.
    sense : str
        The user's: ``minimize`` or ``maximize``; the file always minimises.
    columns, rows, sets : Entries
    objective_unit : float
        The file's objective times this is that of the model: 1 unless the file was written with ``scaled=True``.

    See Also
    --------
    kktgen.read_map : Reads one.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import kktgen as kg
    >>> m = kg.Bilevel("tiny")
    >>> x = m.var("x", 2, lb=0, ub=1)
    >>> m.maximize(x.sum())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = kg.write(m, pathlib.Path(folder) / "tiny.lp", map=True)
    ...     names = kg.read_map(path)
    >>> names.file, names.sense, names.columns.label, names.columns.kind.tolist()
    ('tiny.lp', 'maximize', ('x(0)', 'x(1)'), ['leader', 'leader'])
    """

    file: str
    model: str
    names: str
    sense: str
    columns: Entries
    rows: Entries
    sets: Entries
    objective_unit: float = 1.0

    def __str__(self) -> str:
        sizes = f"{len(self.columns)} columns, {len(self.rows)} rows, {len(self.sets)} sets"
        return f"{self.file}: {sizes} of model {self.model!r}, {self.names} names"

    __repr__ = __str__


def read_map(path: Any) -> NameMap:
    """Return the map of a model file.

    Parameters
    ----------
    path : path
        Of the map (``day.lp.map.json``) or of the model file (``day.lp``).

    Returns
    -------
    NameMap
        ``.columns``, ``.rows`` and ``.sets`` in the order of the file, each with arrays ``.name``, ``.label``,
        ``.kind``, ``.role``, ``.follower``, ``.source``, ``.index``, and ``.about(name)``.

    Raises
    ------
    FormatError
        There is no such file, or it is no map of this version: what was expected.

    See Also
    --------
    kktgen.write : With ``map=True`` or ``names="short"`` it writes the map as well.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> milp = kg.encode(kg.bound(kg.kkt(m)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = kg.write(milp, pathlib.Path(folder) / "toll.cip", names="short")
    ...     names = kg.read_map(path)
    >>> names.columns.name
    ('x1', 'x2', 'x3', 'x4', 'x5', 'x6', 'qobj_t')
    >>> about = names.columns.about("x4")
    >>> about["label"], about["kind"], about["source"]
    ('mu_ub(driver,road)', 'dual', 'ub(driver,road)')
    """
    source = file_path(path)
    if not source.name.lower().endswith(SUFFIX_OF_MAP):
        source = map_path(source)
    try:
        data = orjson.loads(contents(source))
    except orjson.JSONDecodeError as error:
        raise FormatError(f"{source}: no JSON ({error})") from None
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise FormatError(f'{source}: no map of names; expected "schema": "{SCHEMA}"')
    version = data.get("version")
    if version not in (VERSION, WITH_UNITS):
        raise FormatError(f"{source}: version {version!r} of the schema; this kktgen reads {VERSION} and {WITH_UNITS}")
    where = str(source)
    file, model, names, sense = (_typed(data, key, str, where) for key in ("file", "model", "names", "sense"))
    given = _typed(data, "blocks", list, where)
    blocks = tuple(_block(about, f"{where}, blocks[{k}]") for k, about in enumerate(given))
    columns, rows, sets = (
        _entries(_typed(data, key, dict, where), f"{where}, {key}", blocks) for key in ("columns", "rows", "sets")
    )
    unit = _positive(data.get("objective_unit"), f"{where}: objective_unit") if version == WITH_UNITS else 1.0
    return NameMap(file, model, names, sense, columns, rows, sets, unit)


def _positive(value: Any, where: str) -> float:
    """Return a unit, or refuse what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < np.inf:
        raise FormatError(f"{where}: expected a positive number, got {value!r}")
    return float(value)


def _typed(data: dict[str, Any], key: str, kind: type, where: str) -> Any:
    value = data.get(key)
    if not isinstance(value, kind):
        raise FormatError(f"{where}: expected {key!r} to be {kind.__name__}, got {type(value).__name__}")
    return value


def _block(about: Any, where: str) -> dict[str, Any]:
    """Return a block of the file, or refuse what is none."""
    if not isinstance(about, dict):
        raise FormatError(f"{where}: expected an object, got {type(about).__name__}")
    for key, kind in _BLOCK.items():
        _typed(about, key, kind, where)
    if not all(isinstance(k, int) and k >= 0 for k in about["shape"]):
        raise FormatError(f"{where}: expected a shape of whole numbers, got {about['shape']!r}")
    source = about.get("source")
    if source is not None:
        _typed(about, "source", dict, where)
        for key in ("word", "item"):
            _typed(source, key, str, f"{where}, source")
    return {**about, "source": source}


def _entries(data: dict[str, Any], where: str, blocks: tuple[dict[str, Any], ...]) -> Entries:
    """Return the arrays of columns, rows or sets, or refuse what is out of step."""
    arrays = {key: _typed(data, key, list, where) for key in _ARRAYS}
    for key, kind in _ARRAYS.items():
        if not set(map(type, arrays[key])) <= {kind}:
            raise FormatError(f"{where}.{key}: expected entries of type {kind.__name__}")
    units = [1.0] * len(arrays["name"])
    if "unit" in data:
        units = [_positive(unit, f"{where}.unit") for unit in _typed(data, "unit", list, where)]
    if len({len(values) for values in (*arrays.values(), units)}) > 1:
        raise FormatError(f"{where}: its arrays differ in length")
    try:
        block, index = (np.array(arrays[key], dtype=np.int64) for key in ("block", "index"))
    except OverflowError:
        raise FormatError(f"{where}: a block or an index that does not exist") from None
    sizes = np.array([*(float(np.prod(about["shape"], dtype=float)) for about in blocks), np.inf])
    known = (block >= -1) & (block < len(blocks))
    if not known.all() or ((index < 0) | (index >= sizes[block])).any():
        raise FormatError(f"{where}: a block or an index that does not exist")
    return Entries(tuple(arrays["name"]), tuple(arrays["label"]), block, index, blocks, np.array(units))
