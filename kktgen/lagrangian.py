"""What rounds over many followers have proved, as a file that others can check: ``python -m kktgen.lagrangian FILE``.

The file holds the encoded model's arrays, the best point, the multipliers of the best Lagrangian bound, and every box
by cutoff with the multipliers that prove it. The check repeats, in order:

1. the best point: it satisfies the model, and lies in all boxes;
2. every Lagrangian cut: one small mixed-integer program each;
3. every box: the sum of :mod:`kktgen.decompose.level_set` over the rows and cuts that were known then;
4. the bound: one small mixed-integer program a subproblem, by a solver of one's own choice, twice: over the boxes that
   were declared or proved for all points, which rests on that solver alone; and over the boxes of the rounds.

Rows and boxes that SCIP derived at the roots of subproblems are not proved again; the check counts them as trusted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .decompose.blocks import Blocks, decompose, part_of
from .decompose.lagrangian import admissible, leaders_part, minimum, total
from .decompose.level_set import LevelSet, Prices
from .decompose.rounds import Box, Dual, Rounds
from .errors import FormatError, KktgenError, ProblemError
from .model.model import Model
from .model.tables import Indicators, QuadTable, RowTable, Sos1
from .numerics.sparse import Csr, vstack
from .problem.columns import Block, Space
from .problem.expressions import Quad
from .reformulate.level import without_cutoff
from .search.residual import FEASIBLE, violation
from .solvers import solvers

SCHEMA = "kktgen.lagrangian/1"
SUFFIX = ".lagrangian.npz"
SAME = 1e-6
"""A box holds when the sum repeated here gives its value up to this, relative to 1 + |value|."""


@dataclass(frozen=True, eq=False)
class Lagrangian:
    """What rounds over the followers rest on, in the model's own units.

    Parameters
    ----------
    name : str
    sense, unit : int, float
        The leader's value in the user's sense and units is ``sense * unit *`` the minimised one.
    model : Model
        The encoded model, with the boxes that hold for all points.
    incumbent : ndarray (n,)
    bound : float
        The best Lagrangian bound, minimised.
    dual : Dual
        Multipliers of the best Lagrangian bound.
    boxes : tuple of Box
    levels : tuple of LevelSet
        What they were proved over.
    labels : dict of int to str
        Names of the columns that have boxes.

    See Also
    --------
    kktgen.optimize : Its result holds one where rounds were made.
    """

    name: str
    sense: int
    unit: float
    model: Model
    incumbent: np.ndarray
    bound: float
    dual: Dual
    boxes: tuple[Box, ...]
    levels: tuple[LevelSet, ...]
    labels: dict[int, str]

    @classmethod
    def of(cls, rounds: Rounds) -> Lagrangian | None:
        """Return what rounds rest on; None where no bound was computed."""
        blocks, dual = rounds.blocks, rounds.dual
        if dual is None:
            return None
        model = blocks.model
        labels = {int(c): model.space.label(int(c)) for c in sorted({box.column for box in rounds.boxes})}
        bound = min(dual.bound, rounds.value)
        return cls(
            model.name, model.sense, blocks.view.objective, without_cutoff(model), rounds.incumbent, bound, dual,
            tuple(rounds.boxes), tuple(rounds.levels), labels,
        )  # fmt: skip

    @property
    def value(self) -> float:
        """The leader's value at the best point, in the user's sense and units."""
        return self.sense * self.unit * self.model.objective.value(self.incumbent)

    def write(self, path: str | Path) -> Path:
        """Write it as ``.lagrangian.npz``, and return the path.

        Raises
        ------
        ProblemError
            Another suffix, or quadratic rows, which the file cannot hold.
        FormatError
            The file cannot be written.
        """
        file = Path(path)
        if not file.name.endswith(SUFFIX):
            raise ProblemError(f"{file}: a Lagrangian is written as {SUFFIX}")
        if len(self.model.quads):
            raise ProblemError(f"{file}: a model with quadratic rows cannot be written as {SUFFIX}")
        arrays: dict[str, Any] = {**_model_arrays(self.model), **self._own_arrays()}
        beside = file.with_name(file.name + ".part.npz")
        try:
            np.savez_compressed(beside, **arrays)
            beside.replace(file)
        except OSError as error:
            raise FormatError(f"{file} cannot be written: {error}") from error
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
        return file

    def _own_arrays(self) -> dict[str, np.ndarray]:
        dual = self.dual
        about = {
            "schema": SCHEMA, "name": self.name, "sense": self.sense, "unit": self.unit, "bound": self.bound,
            "minima": list(dual.minima), "dual": dual.bound, "levels": len(self.levels),
            "reach": [level.reach for level in self.levels],
            "boxes": [[box.column, box.sign, box.value, box.level] for box in self.boxes],
            "labels": {str(k): label for k, label in self.labels.items()},
        }  # fmt: skip
        out = {
            "about": np.array(json.dumps(about)), "incumbent": self.incumbent, "w": dual.w,
            "sigma": np.concatenate([np.empty(0), *dual.sigma]), "dual_lb": dual.lb, "dual_ub": dual.ub,
        }  # fmt: skip
        count = len(self.model.rows)
        for k, level in enumerate(self.levels):
            derived = Csr(level.M[count:])
            out |= _matrix(f"level{k}_M", derived) | _matrix(f"level{k}_cuts", level.cuts)
            out |= {f"level{k}_{word}": part for word, part in (
                ("lo", level.lo[count:]), ("hi", level.hi[count:]), ("lb", level.lb), ("ub", level.ub),
                ("sides", level.sides), ("of", level.of), ("group", level.group))}  # fmt: skip
        for k, box in enumerate(self.boxes):
            price = box.prices
            out |= {f"box{k}_theta": np.array(price.theta), f"box{k}_rho": price.rho, f"box{k}_p": price.p,
                    f"box{k}_x": price.x}  # fmt: skip
        return out

    @classmethod
    def read(cls, path: str | Path) -> Lagrangian:
        """Return what a file holds.

        Raises
        ------
        FormatError
            No such file, or not one of these.
        """
        file = Path(path)
        try:
            with np.load(file, allow_pickle=False) as data:
                about = json.loads(str(data["about"]))
                if about["schema"] != SCHEMA:
                    raise FormatError(f"{file}: schema {about['schema']!r}; expected {SCHEMA!r}")
                return cls._from(about, dict(data))
        except FormatError:
            raise
        except (OSError, KeyError, ValueError, TypeError, IndexError, EOFError) as error:
            raise FormatError(f"{file}: no {SUFFIX} file of kktgen ({type(error).__name__}: {error})") from error
        except Exception as error:  # a damaged archive: zipfile and zlib have errors of their own
            raise FormatError(f"{file}: a damaged {SUFFIX} file ({error})") from error

    @classmethod
    def _from(cls, about: dict[str, Any], data: dict[str, np.ndarray]) -> Lagrangian:
        model = _model_of(about["name"], about["sense"], data)
        P, q, r = model.matrices
        levels = tuple(
            LevelSet(
                P, q, r, about["reach"][k], vstack([model.rows.M, _read(data, f"level{k}_M")], model.n),
                np.concatenate([model.rows.lo, data[f"level{k}_lo"]]),
                np.concatenate([model.rows.hi, data[f"level{k}_hi"]]), data[f"level{k}_lb"], data[f"level{k}_ub"],
                data[f"level{k}_group"], _read(data, f"level{k}_cuts"), data[f"level{k}_sides"], data[f"level{k}_of"],
            )
            for k in range(about["levels"])
        )  # fmt: skip
        boxes = tuple(
            Box(column, sign, value, level,
                Prices(np.float32(data[f"box{k}_theta"]), data[f"box{k}_rho"], data[f"box{k}_p"], data[f"box{k}_x"]))
            for k, (column, sign, value, level) in enumerate(about["boxes"])
        )  # fmt: skip
        blocks = decompose(model)
        ends = np.cumsum([len(part.links) for part in blocks.subproblems])
        sigma = tuple(np.split(data["sigma"], ends[:-1]))
        dual = Dual(about["dual"], data["w"], sigma, tuple(about["minima"]), data["dual_lb"], data["dual_ub"])
        labels = {int(k): label for k, label in about["labels"].items()}
        found = cls(about["name"], about["sense"], about["unit"], model, data["incumbent"], about["bound"], dual,
                    boxes, levels, labels)  # fmt: skip
        if not found._fits(blocks):
            raise ValueError("its parts do not fit one another")
        return found

    def _fits(self, blocks: Blocks) -> bool:
        """Return whether all parts have the sizes that the model asks for."""
        n, dual, counts = self.model.n, self.dual, [len(part.links) for part in blocks.subproblems]
        m, levels = len(self.model.rows), self.levels
        over = [self.incumbent, dual.lb, dual.ub, *(part for one in levels for part in (one.lb, one.ub, one.group))]
        fits = all(len(part) == n for part in over) and all(one.M.shape[1] == one.cuts.shape[1] == n for one in levels)
        fits &= all(one.M.shape[0] == len(one.lo) == len(one.hi) >= m for one in levels)
        fits &= all(one.cuts.shape[0] == len(one.sides) == len(one.of) for one in levels)
        fits &= all(((one.of >= 0) & (one.of < len(counts))).all() for one in levels)
        fits &= len(dual.w) == len(blocks.coupling) and [len(one) for one in dual.sigma] == counts
        fits &= len(dual.minima) == len(counts) and abs(self.sense) == 1 and self.unit > 0
        for box in self.boxes:
            fits &= box.column in range(n) and box.sign in (1.0, -1.0) and box.level in range(len(levels))
            level, price = levels[box.level], box.prices
            fits &= len(price.rho) == len(level.of) and len(price.p) == len(level.lo) and len(price.x) == n
        return bool(fits)

    def check(self, solver: str = "scip", time_limit: float | None = 60.0) -> Check:
        """Check boxes and bound, see the module.

        Parameters
        ----------
        solver : str
            For the subproblems.
        time_limit : float, optional
            Seconds for each of them.
        """
        blocks, space = decompose(self.model), self.model.space
        faults = [*self._point_faults(), *self._cut_faults(blocks, solver, time_limit), *self._box_faults()]
        plain = self._bound(blocks, space.lb, space.ub, solver, time_limit)
        inside = self._bound(blocks, self.dual.lb, self.dual.ub, solver, time_limit)
        told, room = self.sense * self.unit * self.bound, SAME * self.unit * (1.0 + abs(self.bound))
        if not max(self.sense * plain, self.sense * inside) >= self.sense * told - 10.0 * room:
            faults.append(f"bound: its multipliers prove {inside:.10g}, it says {told:.10g}")
        derived = max((len(level.lo) - len(self.model.rows) for level in self.levels), default=0)
        return Check(self, tuple(faults), plain, inside, derived, solver)

    def _point_faults(self) -> list[str]:
        """Return what is wrong with the best point: rows it violates, boxes and level sets it is not in."""
        z, off = self.incumbent, violation(self.model, self.incumbent)
        out = [] if off <= FEASIBLE else [f"the best point violates the model by {off:.1e}"]
        size, value = SAME * (1.0 + np.abs(z)), self.model.objective.value(z)
        for word, one in (("the bound", self.dual), *((f"level set {k + 1}", one) for k, one in enumerate(self.levels))):
            if not ((one.lb <= z + size) & (z - size <= one.ub)).all():
                out.append(f"the best point is not in the boxes of {word}")
        for k, level in enumerate(self.levels):
            if not level.reach >= value:
                out.append(f"level set {k + 1} reaches {level.reach:.10g} only, the best point has {value:.10g}")
        return out

    def _cut_faults(self, blocks: Blocks, solver: str, time_limit: float | None) -> list[str]:
        """Return which Lagrangian cuts do not hold over the boxes of their level sets."""
        out = []
        for number, level in enumerate(self.levels):
            for k, row in enumerate(level.of.tolist()):
                part = blocks.subproblems[row]
                cost = level.cuts[[k]].toarray()[0]
                space = part_of(self.model.space, part.columns)
                space.lb[:], space.ub[:] = level.lb[part.columns], level.ub[part.columns]
                goal = Quad.from_matrices(space, part.model.matrices[0], cost[part.columns])
                known = replace(part, model=replace(part.model, space=space, objective=goal))
                cost[part.columns] = 0.0
                found = minimum(known, np.zeros(len(blocks.coupling)), np.zeros(len(part.links)), 0.0, time_limit, solver)
                side = float(level.sides[k])
                if cost.any() or not found.bound >= side - 10.0 * SAME * (1.0 + abs(side)):
                    out.append(f"cut {k + 1} of level set {number + 1}: {solver} proves {found.bound:.6g} only, "
                               f"it says {side:.6g}")  # fmt: skip
        return out

    def _box_faults(self) -> list[str]:
        """Return which boxes do not follow from their multipliers, or lose the best point."""
        out, n = [], self.model.n
        for box in self.boxes:
            cost = np.zeros(n)
            cost[box.column] = box.sign
            found = self.levels[box.level].least(cost, box.prices)
            label = self.labels.get(box.column, f"column {box.column}")
            if not found >= box.value - SAME * (1.0 + abs(box.value)):
                out.append(f"box of {label}: its multipliers prove {found:.6g}, it says {box.value:.6g}")
            elif not box.sign * self.incumbent[box.column] >= box.value - SAME * (1.0 + abs(box.value)):
                out.append(f"box of {label} loses the best point")
        return out

    def _bound(
        self, blocks: Blocks, lb: np.ndarray, ub: np.ndarray, solver: str, time_limit: float | None
    ) -> float:  # fmt: skip
        """Return the Lagrangian bound of the multipliers over some boxes, in the user's sense and units."""
        dual, minima = self.dual, []
        w = admissible(blocks, dual.w)
        for part, sigma in zip(blocks.subproblems, dual.sigma, strict=True):
            space = part.model.space
            space.lb[:], space.ub[:] = lb[part.columns], ub[part.columns]
            minima.append(minimum(part, w, sigma, 0.0, time_limit, solver).bound)
        bound = total(leaders_part(blocks, w, dual.sigma, lb, ub), minima)
        return self.sense * self.unit * bound


@dataclass(frozen=True, eq=False)
class Check:
    """What a check confirms; its printed form says it in words.

    Parameters
    ----------
    record : Lagrangian
    faults : tuple of str
        What does not hold: of the best point, the cuts, the boxes, the bound; empty where all do.
    plain, inside : float
        The bound over the boxes that hold for all points, and over those of the rounds; user's sense and units.
    derived : int
        Rows SCIP derived for subproblems, which are trusted.
    solver : str
    """

    record: Lagrangian
    faults: tuple[str, ...]
    plain: float
    inside: float
    derived: int
    solver: str

    @property
    def ok(self) -> bool:
        """Whether nothing is at fault, and neither bound is better than the best point."""
        record = self.record
        room = 1e-4 * (1.0 + abs(record.value))
        return not self.faults and all(record.sense * (b - record.value) <= room for b in (self.plain, self.inside))

    def __str__(self) -> str:
        record = self.record
        size = max(abs(record.value), 1e-12)
        gaps = [abs(bound - record.value) / size for bound in (self.plain, self.inside)]
        proved = len(record.boxes)
        held = proved - sum(fault.startswith("box") for fault in self.faults)
        lines = [
            f"{record.name}: {len(record.dual.minima)} subproblems, best point {record.value:.10g}",
            f"  boxes    {held} of {proved} follow from their multipliers",
            f"  bound    {self.plain:.10g} (gap {gaps[0]:.2e}): rests on {self.solver} and on the model's own boxes",
            f"  bound, given boxes    {self.inside:.10g} (gap {gaps[1]:.2e}): rests on {self.solver}, on these boxes, "
            f"and on {self.derived} rows and on boxes that SCIP derived at the roots of subproblems",
            *(f"  fault    {fault}" for fault in self.faults),
            "confirmed" if self.ok else "NOT confirmed",
        ]
        return "\n".join(lines)


def _matrix(name: str, M: Csr) -> dict[str, np.ndarray]:
    shape = np.array(M.shape)
    return {f"{name}_data": M.data, f"{name}_indices": M.indices, f"{name}_indptr": M.indptr, f"{name}_shape": shape}


def _read(data: dict[str, np.ndarray], name: str) -> Csr:
    parts = (data[f"{name}_data"], data[f"{name}_indices"], data[f"{name}_indptr"])
    return Csr(parts, shape=tuple(int(k) for k in data[f"{name}_shape"]))


def _model_arrays(model: Model) -> dict[str, np.ndarray]:
    """Return a model as arrays: what tells its subproblems apart is whose every column and row is."""
    P, q, r = model.matrices
    space, rules = model.space, model.indicators
    out = {
        "lb": space.lb, "ub": space.ub, "kind": space.kind, "owner": space.owner, "role": space.role, "q": q,
        "r": np.array(r), "lo": model.rows.lo, "hi": model.rows.hi, "of_leader": model.rows.of_role("leader"),
        "sets": model.sos1.columns, "set_start": model.sos1.start,
    }  # fmt: skip
    out |= _matrix("M", model.rows.M) | _matrix("P", P)
    if rules is not None:
        out |= {"binary": rules.binary, "when": rules.value, "rule_lo": rules.rows.lo, "rule_hi": rules.rows.hi}
        out |= _matrix("rules", rules.rows.M)
    return out


def _model_of(name: str, sense: int, data: dict[str, np.ndarray]) -> Model:
    """Return the model of such arrays."""
    n = len(data["lb"])
    space = Space(name)
    at = space.append("z", "leader", lb=data["lb"], ub=data["ub"], shape=(n,))
    for word in ("kind", "owner", "role"):
        getattr(space, word)[at] = data[word]
    goal = Quad.from_matrices(space, _read(data, "P"), data["q"], float(data["r"]))
    mine = data["of_leader"]
    edges = np.concatenate([[0], np.flatnonzero(np.diff(mine)) + 1, [len(mine)]])
    blocks = tuple(
        Block(int(a), int(b), "row", "leader" if mine[a] else "part", shape=(int(b - a),))
        for a, b in zip(edges[:-1], edges[1:], strict=True)
        if b > a
    )
    rows = RowTable(_read(data, "M"), data["lo"], data["hi"], blocks)
    rules = None
    if "binary" in data:
        rules = Indicators(
            data["binary"], data["when"], RowTable(_read(data, "rules"), data["rule_lo"], data["rule_hi"])
        )
    return Model(
        name, space, goal, sense, rows, QuadTable.empty(n), sos1=Sos1(data["set_start"], data["sets"]),
        indicators=rules,
    )  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Check a file; return 0 where it is confirmed, 1 where it is not, 2 where it cannot be read."""
    parser = argparse.ArgumentParser(
        prog="python -m kktgen.lagrangian", description="Check what rounds over many followers have proved.",
        epilog="Exit code: 0 confirmed, 1 not confirmed, 2 no such file, or another kind of file.",
    )  # fmt: skip
    parser.add_argument("file", metavar="FILE", help=f"a {SUFFIX} file")
    known = ", ".join(name for name, info in solvers().items() if info.available)
    parser.add_argument("--solver", default="scip", help=f"for the subproblems: {known} (default scip)")
    parser.add_argument("--time-limit", type=float, default=60.0, metavar="S", help="seconds for each of them")
    asked = parser.parse_args(arguments)
    try:
        found = Lagrangian.read(asked.file).check(asked.solver, asked.time_limit)
    except KktgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(found)
    return 0 if found.ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
