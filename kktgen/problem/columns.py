"""The columns of a model: one append-only space in which every stage keeps its indices.

Variables, multipliers, slacks and binaries are appended to one vector z and never reordered or
removed, so an expression built on the bilevel problem can be read off any later solution.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import ProblemError
from .coords import Coords

LEADER = -1
INTEGRALITY = 1e-6
"""An integer column this close to an integer is taken to be it."""
_COLUMNS = {"lb": float, "ub": float, "kind": "U1", "owner": np.int32, "role": "U8", "proof": "U24"}
_serial = itertools.count()


@dataclass(frozen=True, eq=False)
class Block:
    """A run of columns or rows that were declared together.

    Parameters
    ----------
    start, stop : int
        The range of indices the block covers.
    word : str
        What it is in a name: a variable's name, ``stat``, ``mu_ub``, a row's name.
    role : str
        Provenance: ``leader``, ``follower``, ``lam``, ``mu``, ``slack``, ``binary`` for columns; ``leader``,
        ``stationarity``, ``primal``, ``cone``, ``encoding``, ``cut`` for rows.
    follower : str
        Name of the follower it belongs to; empty for the leader.
    item : str
        The variable or row it stems from; empty when the word says it already.
    shape : tuple of int
        Shape of the item.
    index : ndarray or None
        Flat positions within the item when the block covers only some of them.
    coords : Coords or None
        Labels of the item's entries; numbers stand for them where there are none.
    unit : str
        What its values are counted in, such as ``MW``; empty where nobody said.
    """

    start: int
    stop: int
    word: str
    role: str
    follower: str = ""
    item: str = ""
    shape: tuple[int, ...] = ()
    index: np.ndarray | None = None
    coords: Coords | None = None
    unit: str = ""

    def moved(self, start: int) -> Block:
        """Return the same block beginning at ``start``."""
        return replace(self, start=start, stop=start + self.stop - self.start)

    def part(self, keep: np.ndarray, start: int) -> Block:
        """Return the block of the kept entries (positions within this block) beginning at ``start``."""
        index = self.positions()[keep]
        return replace(self, start=start, stop=start + len(index), index=index)

    def positions(self) -> np.ndarray:
        """Return the flat position within the item of every entry."""
        return np.arange(self.stop - self.start) if self.index is None else self.index

    def label(self, i: int) -> str:
        """Return the name of entry ``i`` (counted within the block), e.g. ``mu_ub(vpp1,g,2)``."""
        place = int(self.positions()[i])
        at = [str(int(k)) for k in np.unravel_index(place, self.shape)] if self.shape else []
        at = at if self.coords is None else self.coords.text(place)
        if self.coords is not None and self.coords.bare:
            if self.role in ("leader", "follower", "primal"):
                return at[0]
            return f"{self.word}({','.join(part for part in (self.follower, *at) if part)})"
        inside = [part for part in (self.follower, self.item) if part] + at
        return f"{self.word}({','.join(inside)})" if inside else self.word

    def find(self, name: str) -> int | None:
        """Return the entry whose name is given, None where there is none."""
        if self.coords is not None and self.coords.bare:
            return self.coords.indices[0].get(name)
        parts = [part for part in (self.follower, self.item) if part]
        head = f"{self.word}({','.join(parts)}"
        if not self.shape:
            return 0 if name == self.label(0) else None
        head += "," if parts else ""
        if not (name.startswith(head) and name.endswith(")")):
            return None
        keys = name[len(head) : -1].split(",")
        if len(keys) != len(self.shape):  # a label holds a comma
            return next((k for k in range(self.stop - self.start) if self.label(k) == name), None)
        place = self._place(keys)
        found = np.flatnonzero(self.positions() == place)
        return int(found[0]) if len(found) and self.label(int(found[0])) == name else None

    def _place(self, keys: list[str]) -> int:
        """Return the flat position within the item of an entry's indices or labels, -1 where there is none."""
        known = [{str(k): k for k in range(n)} for n in self.shape] if self.coords is None else self.coords.indices
        at = [of.get(key, -1) for of, key in zip(known, keys, strict=True)]
        return -1 if min(at) < 0 else int(np.ravel_multi_index(at, self.shape))


def select(blocks: Iterable[Block], keep: np.ndarray) -> tuple[Block, ...]:
    """Return the blocks that name the entries where the mask ``keep`` is true, renumbered from 0."""
    out: list[Block] = []
    start = 0
    for block in blocks:
        mask = keep[block.start : block.stop]
        count = int(np.count_nonzero(mask))
        if count == len(mask):
            out.append(block.moved(start))
        elif count:
            out.append(block.part(np.flatnonzero(mask), start))
        start += count
    return tuple(out)


def shift(blocks: Iterable[Block], by: int) -> tuple[Block, ...]:
    """Return the blocks moved by ``by`` indices."""
    return tuple(block.moved(block.start + by) for block in blocks)


def on_integers(lb: np.ndarray, ub: np.ndarray, kind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds (n,) with those of integer columns on integers, which excludes no point; ``kind`` as in a Space.

    HiGHS takes the fractional bound of an integer column for one of its values, and GLPK refuses the file.
    """
    whole = (kind != "C") & ((lb != np.floor(lb)) | (ub != np.floor(ub)))
    if not whole.any():
        return lb, ub
    lb, ub = lb.astype(float), ub.astype(float)
    lb[whole], ub[whole] = np.ceil(lb[whole] - INTEGRALITY), np.floor(ub[whole] + INTEGRALITY)
    return lb, ub


def find_label(blocks: Sequence[Block], i: int) -> str:
    """Return the name of entry ``i`` among the blocks."""
    starts = np.fromiter((b.start for b in blocks), dtype=np.int64, count=len(blocks))
    block = blocks[int(np.searchsorted(starts, i, side="right")) - 1]
    return block.label(i - block.start)


class Space:
    """The append-only columns z of a model.

    Attributes
    ----------
    lb, ub : ndarray (n,)
        Bounds; -inf and inf where there are none.
    kind : ndarray (n,) of 'C', 'B' or 'I'
        Continuous, binary, integer.
    owner : ndarray (n,) of int
        Index of the follower a column belongs to, ``LEADER`` (-1) for the leader.
    role : ndarray (n,) of str
        ``leader``, ``follower``, ``lam``, ``mu``, ``slack``, ``binary``.
    proof : ndarray (n,) of str
        Where a bound that was not declared comes from: ``proved(D3)``, ``user``; empty otherwise.
    blocks : list of Block
        The declarations, in order.
    conditions : set of str
        Which names of followers are those of complementarity said directly.
    made_up : set of (str, str)
        Words, with followers, that nobody chose: such columns give their name up to a variable that is declared so.
    """

    def __init__(self, name: str = "model") -> None:
        self.name = name
        self.serial = next(_serial)
        self.blocks: list[Block] = []
        self.conditions: set[str] = set()
        self.made_up: set[tuple[str, str]] = set()
        self._n = 0
        self._store = {key: np.empty(64, dtype=dtype) for key, dtype in _COLUMNS.items()}

    def __len__(self) -> int:
        return self._n

    @property
    def is_price(self) -> np.ndarray:
        """Which columns are multipliers of rows (n,) bool."""
        return np.isin(self.role, ["lam", "mu"])

    @property
    def lb(self) -> np.ndarray:
        """Lower bounds (n,)."""
        return self._store["lb"][: self._n]

    @property
    def ub(self) -> np.ndarray:
        """Upper bounds (n,)."""
        return self._store["ub"][: self._n]

    @property
    def kind(self) -> np.ndarray:
        """'C', 'B' or 'I' (n,)."""
        return self._store["kind"][: self._n]

    @property
    def owner(self) -> np.ndarray:
        """Index of the follower, or LEADER (n,)."""
        return self._store["owner"][: self._n]

    @property
    def role(self) -> np.ndarray:
        """Role of every column (n,)."""
        return self._store["role"][: self._n]

    @property
    def proof(self) -> np.ndarray:
        """Provenance of derived bounds (n,)."""
        return self._store["proof"][: self._n]

    def append(
        self,
        word: str,
        role: str,
        *,
        lb: np.ndarray | float,
        ub: np.ndarray | float,
        kind: str = "C",
        owner: int = LEADER,
        follower: str = "",
        item: str = "",
        shape: tuple[int, ...] = (),
        index: np.ndarray | None = None,
        proof: np.ndarray | str = "",
        coords: Coords | None = None,
        unit: str = "",
    ) -> np.ndarray:
        """Append one block of columns and return their indices (flat, C order)."""
        count = int(np.prod(shape, dtype=np.int64)) if index is None else len(index)
        start, stop = self._n, self._n + count
        capacity = len(self._store["lb"])
        if stop > capacity:
            size = max(stop, 2 * capacity)
            self._store = {
                key: np.concatenate([a, np.empty(size - capacity, a.dtype)]) for key, a in self._store.items()
            }
        for key, value in (("lb", lb), ("ub", ub), ("kind", kind), ("owner", owner), ("role", role), ("proof", proof)):
            self._store[key][start:stop] = value
        self._n = stop
        if count:
            self.blocks.append(Block(start, stop, word, role, follower, item, shape, index, coords, unit))
        return np.arange(start, stop)

    def copy(self) -> Space:
        """Return an independent copy in which every column keeps its index."""
        new = Space.__new__(Space)
        new.name, new.serial, new.blocks, new._n = self.name, self.serial, list(self.blocks), self._n
        new.conditions = set(self.conditions)
        new.made_up = set(self.made_up)
        new._store = {key: a[: self._n].copy() for key, a in self._store.items()}
        return new

    def check_prices(self, columns: np.ndarray) -> None:
        """Refuse multipliers of followers with integer variables, which have none.

        Raises
        ------
        ProblemError
            Names the multiplier.
        """
        there = columns[columns >= 0]
        whole = np.unique(self.owner[(self.kind != "C") & (self.role == "follower")])
        wrong = there[np.isin(self.owner[there], whole)]
        if len(wrong):
            raise ProblemError(
                f"{self.label(int(wrong[0]))}: its follower has integer variables, so that its rows and bounds have no "
                "dual (no price is d(cost)/d(right-hand side)). Prices at a fixed choice of the integers are those of "
                "a second, continuous follower to whom the choice is given"
            )

    def made(self, word: str, follower: str, taken: set[str]) -> str:
        """Return a word like this one that is not taken, for columns nobody declares; it is taken then."""
        while word in taken:
            word += "_"
        taken.add(word)
        self.made_up.add((word, follower))
        return word

    def give_way(self, word: str, follower: str, taken: set[str]) -> bool:
        """Give columns nobody declared another name where theirs is wanted; return whether it is free now."""
        if (word, follower) not in self.made_up:
            return False
        other = self.made(word, follower, taken)
        self.made_up.discard((word, follower))
        taken.discard(word)
        at = next(k for k, block in enumerate(self.blocks) if (block.word, block.follower) == (word, follower))
        self.blocks[at] = replace(self.blocks[at], word=other)
        return True

    def whose(self, follower: str) -> str:
        """Return ``follower 'market'``, or ``conditions 'market'``, as sentences speak of it."""
        return f"{'conditions' if follower in self.conditions else 'follower'} {follower!r}"

    def label(self, column: int) -> str:
        """Return the name of a column, e.g. ``g(vpp1,7)``."""
        return find_label(self.blocks, int(column))

    def find(self, word: str, follower: str = "") -> np.ndarray:
        """Return the columns declared under a variable's name.

        Raises
        ------
        ProblemError
            When no such variable was declared.
        """
        for block in self.blocks:
            if block.word == word and block.follower == follower:
                return np.arange(block.start, block.stop)
        raise ProblemError(
            f"no variable {word!r}" + (f" of follower {follower!r}" if follower else "") + f" in {self.name!r}"
        )


def labels(blocks: Sequence[Block], at: np.ndarray) -> list[str]:
    """Return the names of many entries; empty for -1."""
    starts = np.fromiter((b.start for b in blocks), dtype=np.int64, count=len(blocks))
    block = np.searchsorted(starts, at, side="right") - 1
    found = zip(at.tolist(), block.tolist(), strict=True)
    return ["" if i < 0 else blocks[b].label(i - blocks[b].start) for i, b in found]
