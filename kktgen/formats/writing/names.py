"""Names of columns and rows that every reader takes, made in bulk from the blocks of a model.

A name is ASCII ``[A-Za-z_][A-Za-z0-9_.(),]*`` of at most 100 characters, unique whatever the case
of its letters. Readers take ``e1`` for an exponent, refuse names that begin like ``inf`` or ``nan``, and
stumble over the words of their own language; such names get ``v_`` in front. Names that clash all the
same, or are too long, become ``x<j>`` (columns) and ``c<i>`` (rows).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import orjson

from ...errors import ProblemError
from ...model.model import Model
from ...problem.columns import Block
from .text import Field, Number, Pick, number_text, pieces

LONGEST = 100
NAMES = ("full", "short")
"""What ``names=`` may be."""
CONSTANT = b"ONE"
"""The column fixed at 1 that carries the objective's constant."""
EPIGRAPH = b"qobj_t"
"""The column that stands for a quadratic objective where a format has none."""
# fmt: off
KEYWORDS = frozenset({
    "bin", "binaries", "binary", "bound", "bounds", "columns", "end", "endata", "free", "gen", "general",
    "generals", "indicators", "inf", "infinite", "infinity", "int", "integer", "integers", "lazy", "marker", "max",
    "maximise", "maximize", "maximum", "min", "minimise", "minimize", "minimum", "name", "nan", "obj", "objsense",
    "one", "qcmatrix", "qobj", "qobj_t", "quadobj", "range", "ranges", "rhs", "rows", "s.t.", "semi", "semis",
    "sos", "sos1", "sos2", "st", "st.", "subject", "such", "to",
})
# fmt: on
"""Words that are not used as names, in lower case: sections of the formats and the names kktgen itself adds."""
_ILLEGAL = re.compile(r"[^A-Za-z0-9_.(),]")
_BAD_START = re.compile(r"(?![A-Za-z_])|e|inf|nan", re.IGNORECASE)


def column_names(model: Model, names: str = "full") -> np.ndarray:
    """Return the names of the columns in every file (n,), as a bytes array.

    Parameters
    ----------
    model : Model
    names : str
        ``"full"``, such as ``g(market,7)``, or ``"short"``: ``x1``, ``x2``, ...

    Raises
    ------
    ProblemError
        ``names`` is neither.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> kg.formats.column_names(kg.kkt(m)).tolist()
    [b'toll', b'road(driver)', b'mu_lb(driver,road)', b'mu_ub(driver,road)']
    >>> kg.formats.column_names(kg.kkt(m), "short").tolist()
    [b'x1', b'x2', b'x3', b'x4']
    """
    if is_short(names):
        return numbered(b"x", model.n)
    return unique(labels(model.space.blocks, model.n), b"x")


def is_short(names: str) -> bool:
    """Return whether short names are meant, or refuse what ``names=`` cannot be."""
    if names not in NAMES:
        raise ProblemError(f"names={names!r} is not one of {', '.join(map(repr, NAMES))}")
    return names == "short"


def numbered(letter: bytes, count: int) -> np.ndarray:
    """Return ``x1``, ``x2``, ... (count,)."""
    return pieces(count, letter, Number(np.arange(1, count + 1)))


def labels(blocks: Sequence[Block], count: int, legal: bool = True) -> np.ndarray:
    """Return the names of the entries 0..count of the blocks (count,), not yet unique.

    Entries that no block covers get the empty name. Names that need not be ``legal`` are those the model prints,
    spelled as the inside of a JSON string.
    """
    if not blocks or not count:
        return np.full(count, b"", dtype="S1")
    stems, closed = zip(*(_stem(block) if legal else _printed(block) for block in blocks), strict=True)
    of, place, shapes = positions(blocks, count)
    axes, dims, strides = shapes
    names = _write(
        np.array([*stems, b""]), np.array([*closed, 0]), _pad(axes, 0), _pad(dims, 1), _pad(strides, 1), of, place
    )
    spoken = [(b, stem) for b, stem in zip(blocks, stems, strict=True) if b.coords and (b.coords.bare or not legal)]
    return _with_labels(names, spoken, legal) if spoken else names


def _with_labels(names: np.ndarray, blocks: Sequence[tuple[Block, bytes]], legal: bool) -> np.ndarray:
    """Return names with those of some blocks, given with their stems, by the labels of their entries."""
    out = names.astype(object)
    for block, stem in blocks:
        assert block.coords is not None
        if block.coords.bare:
            words = [block.label(k) for k in range(block.stop - block.start)]
            out[block.start : block.stop] = [_legal(word) if legal else orjson.dumps(word)[1:-1] for word in words]
            continue
        at = np.unravel_index(block.positions(), block.shape)
        name = np.full(block.stop - block.start, stem, dtype=object)
        for part, index in zip(block.coords.texts, at, strict=True):
            spelled = np.array([orjson.dumps(one)[1:-1] + b"," for one in part], dtype=object)
            name = name + spelled[index]
        out[block.start : block.stop] = [one[:-1] + b")" for one in name.tolist()]
    return out.astype(bytes)


def positions(blocks: Sequence[Block], count: int) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
    """Return which block an entry belongs to and its flat position in the block's item (count,), and the items' shapes.

    Entries that no block covers belong to the block behind the last. The shapes are the number of axes (b,), their
    lengths (b, d) and strides (b, d), filled up with 1.
    """
    depth = max(1, *(len(block.shape) for block in blocks))
    axes = np.array([len(block.shape) for block in blocks])
    dims = np.array([(*block.shape, *(1,) * (depth - len(block.shape))) for block in blocks]).reshape(-1, depth)
    strides = np.cumprod(np.hstack([dims, np.ones((len(blocks), 1), dtype=np.int64)])[:, :0:-1], axis=1)[:, ::-1]

    starts, stops = np.array([block.start for block in blocks]), np.array([block.stop for block in blocks])
    sizes = stops - starts
    entry = np.arange(sizes.sum()) + np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
    of, place = np.full(count, len(blocks)), np.zeros(count, dtype=np.int64)
    of[entry] = np.repeat(np.arange(len(blocks)), sizes)
    place[entry] = entry - np.repeat(starts, sizes)
    for block in blocks:
        if block.index is not None:
            place[block.start : block.stop] = block.index
    return of, place, (axes, dims, strides)


def _pad(table: np.ndarray, value: int) -> np.ndarray:
    """Return the table with one more entry, for the block that stands for none."""
    return np.concatenate([table, np.full((1, *table.shape[1:]), value, dtype=table.dtype)])


def _stem(block: Block) -> tuple[bytes, int]:
    """Return a block's name up to its first index, and whether a parenthesis is to be closed."""
    inside = ",".join(part for part in (block.follower, block.item) if part)
    text = block.word
    if inside or block.shape:
        text += "(" + inside + ("," if inside and block.shape else "")
        closed = 1
    else:
        closed = 0
        if text.lower() in KEYWORDS:
            text = f"v_{text}"
    return _legal(text), closed


def _legal(text: str) -> bytes:
    """Return a name that files may hold."""
    text = _ILLEGAL.sub("_", text)
    return (f"v_{text}" if _BAD_START.match(text) else text).encode("ascii")


def _printed(block: Block) -> tuple[bytes, int]:
    """Return the stem as the model prints it, spelled as the inside of a JSON string."""
    inside = ",".join(part for part in (block.follower, block.item) if part)
    closed = int(bool(inside or block.shape))
    text = block.word + closed * ("(" + inside + ("," if inside and block.shape else ""))
    return orjson.dumps(text)[1:-1], closed


def _write(
    stems: np.ndarray,
    closed: np.ndarray,
    axes: np.ndarray,
    dims: np.ndarray,
    strides: np.ndarray,
    of: np.ndarray,
    place: np.ndarray,
) -> np.ndarray:
    """Return stem, indices and parenthesis of every entry (``of``: its block, ``place``: its flat position)."""
    comma, close = np.array([b"", b","]), np.array([b"", b")"])
    fields: list[Field] = []
    for axis in range(dims.shape[1]):
        index = place // strides[of, axis] % np.maximum(dims[of, axis], 1)
        fields += [Number(index, axes[of] > axis), Pick(comma, (axes[of] > axis + 1).astype(np.int8))]
    return pieces(len(of), Pick(stems, of), *fields, Pick(close, closed[of]))


def problem_name(model: Model) -> bytes:
    """Return the model's name as one word."""
    return _ILLEGAL.sub("_", model.name)[:LONGEST].encode("ascii") or b"model"


def unique(names: np.ndarray, letter: bytes, fixed: int = 0) -> np.ndarray:
    """Return the names with every one that is empty, too long or not unique replaced by letter and position.

    Parameters
    ----------
    names : ndarray (k,) of bytes
    letter : bytes
        Beginning of the replacements; underscores are added where ``x7`` is itself a name in use.
    fixed : int
        So many names at the front are never replaced; later ones give way to them.
    """
    if not len(names):
        return names
    bad = (names == b"") | (np.char.str_len(names) > LONGEST) if names.dtype.itemsize > LONGEST else names == b""
    bad |= _repeated(names)
    bad[:fixed] = False
    if not bad.any():
        return names
    at = np.flatnonzero(bad)
    kept = _lower(names[~bad])
    number = number_text(at - fixed)
    while True:
        new = pieces(len(at), letter, number)
        if not np.isin(_lower(new), kept).any():
            break
        letter += b"_"
    width = max(names[~bad].dtype.itemsize if (~bad).any() else 1, new.dtype.itemsize)
    out = names.astype(f"S{width}")
    out[at] = new
    return out


def _repeated(names: np.ndarray) -> np.ndarray:
    """Return which names occur more than once, upper and lower case being the same."""
    lower = _lower(names)
    key = _hash(lower)
    ordered = np.sort(key)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(twice):
        return np.zeros(len(names), dtype=bool)
    at = np.flatnonzero(np.isin(key, twice))
    _, inverse, counts = np.unique(lower[at], return_inverse=True, return_counts=True)
    out = np.zeros(len(names), dtype=bool)
    out[at] = counts[inverse] > 1
    return out


def _lower(names: np.ndarray) -> np.ndarray:
    """Return ASCII names in lower case."""
    letters = np.ascontiguousarray(names).view(np.uint8).copy()
    letters[(letters >= 65) & (letters <= 90)] += 32
    return letters.view(names.dtype)


def _hash(names: np.ndarray) -> np.ndarray:
    """Return a 64-bit key of every name, equal for equal names."""
    words = -(-names.dtype.itemsize // 8)
    table = names.astype(f"S{8 * words}").view(np.uint64).reshape(-1, words)
    key = np.zeros(len(names), dtype=np.uint64)
    for k in range(words):
        key = (key ^ table[:, k]) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    return key
