"""What rounds over many followers have proved, in one object that files hold."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..decompose.blocks import Blocks, decompose
from ..decompose.level_set import LevelSet, Prices
from ..decompose.proved import Box, Dual
from ..decompose.rounds import Rounds
from ..errors import FormatError, ProblemError
from ..model.model import Model
from ..numerics.sparse import Csr, vstack
from ..reformulate.level import without_cutoff
from .arrays import matrix_arrays, matrix_of, model_arrays, model_of
from .check import Check, checked

SCHEMA = "kktgen.lagrangian/1"
SUFFIX = ".lagrangian.npz"


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

    def __str__(self) -> str:
        bound, count = self.sense * self.unit * self.bound, len(self.dual.minima)
        proved = f"{len(self.boxes)} boxes proved"
        return f"{self.name}: {count} subproblems, bound {bound:.10g} of {self.value:.10g}, {proved}"

    __repr__ = __str__

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
        arrays: dict[str, Any] = {**model_arrays(self.model), **self._own_arrays()}
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
            out |= matrix_arrays(f"level{k}_M", derived) | matrix_arrays(f"level{k}_cuts", level.cuts)
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
        model = model_of(about["name"], about["sense"], data)
        P, q, r = model.matrices
        levels = tuple(
            LevelSet(
                P, q, r, about["reach"][k], vstack([model.rows.M, matrix_of(data, f"level{k}_M")], model.n),
                np.concatenate([model.rows.lo, data[f"level{k}_lo"]]),
                np.concatenate([model.rows.hi, data[f"level{k}_hi"]]), data[f"level{k}_lb"], data[f"level{k}_ub"],
                data[f"level{k}_group"], matrix_of(data, f"level{k}_cuts"), data[f"level{k}_sides"],
                data[f"level{k}_of"],
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
        """Check the best point, cuts, boxes and bound, see :mod:`kktgen.lagrangian`.

        Parameters
        ----------
        solver : str
            For the subproblems.
        time_limit : float, optional
            Seconds for each of them.
        """
        return checked(self, solver, time_limit)
