"""What expressions and constraints refuse, in words: what is not linear, and what to write in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from ..errors import ProblemError


class NoSuchName(ProblemError, AttributeError):
    """An attribute that is not there, with the way to what was looked for."""


class NoSuchEntry(ProblemError, IndexError):
    """An index that fits no entry of an expression."""


class NoSuchKey(ProblemError, KeyError):
    """A name that is none of those in a mapping."""

    __str__ = Exception.__str__  # KeyError shows the text in quotes


class NotIterable(ProblemError, TypeError):
    """A scalar expression where a sequence is needed."""


_CURES = {
    "min amin nanmin minimum fmin argmin nanargmin":
        "is concave, not linear: min(x) >= c is written x >= c; elsewhere declare a variable t with t <= x, "
        "which is the minimum where t is maximised",
    "max amax nanmax maximum fmax argmax nanargmax ptp":
        "is convex, not linear: max(x) <= c is written x <= c; elsewhere declare a variable t with t >= x, "
        "which is the maximum where t is minimised",
    "abs absolute fabs __abs__":
        "is convex, not linear: abs(x) <= c is written kg.between(-c, x, c); elsewhere declare a variable t "
        "with t >= x and t >= -x, which is the absolute value where t is minimised",
    "norm sqrt cbrt hypot std nanstd":
        "is not quadratic: compare squares, x @ x <= c**2 in the place of norm(x) <= c (a follower's row may say "
        "kg.norm(x) <= c)",
    "var nanvar":
        "is quadratic, but has to be written out: d = x - x.mean(), then d @ d / d.size",
    "prod nanprod cumprod nancumprod __pow__":
        "is not quadratic: a term may hold two variables at most, x * y for scalars and x @ y for vectors",
    "exp exp2 expm1 log log2 log10 log1p logaddexp logaddexp2 sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh "
    "arcsinh arccosh arctanh sinc sigmoid power float_power reciprocal interp __rpow__":
        "is neither linear nor quadratic: put linear pieces in its place (where it is convex and minimised, a variable "
        "t with t >= each tangent), or take its value after the solve, from sol[x]",
    "round around round_ rint fix trunc floor ceil floor_divide remainder mod fmod divmod sign signbit heaviside clip "
    "digitize __round__ __floordiv__ __mod__ __divmod__ __floor__ __ceil__ __trunc__":
        "has jumps or kinks: declare an integer or binary variable of the leader (kind='I' or 'B'), tied to x by rows",
    "sort argsort lexsort partition argpartition median nanmedian percentile nanpercentile quantile nanquantile "
    "unique histogram bincount searchsorted tolist item":
        "needs values, which there are only after the solve: sol[x]",
    "any all isnan isinf isfinite isclose allclose array_equal array_equiv count_nonzero nonzero flatnonzero argwhere "
    "isin in1d intersect1d setdiff1d union1d logical_and logical_or logical_not logical_xor bitwise_and bitwise_or "
    "bitwise_xor invert iscomplexobj isrealobj astype __float__ __int__ __complex__":
        "needs values, which there are only after the solve: sol[x]; a choice that depends on a decision is a binary "
        "variable of the leader",
}  # fmt: skip
_CURE = {name: words for names, words in _CURES.items() for name in names.split()}
_ELSE = (
    "is none of the functions that keep an expression linear; write it as the product with a matrix of numbers, A @ x, "
    "or take values after the solve, from sol[x]"
)
IN_PLACE = "expressions are not changed in place: write y = y + x and the like, or fix an entry by a row, x[0] == 5"
STRICT = (
    "a strict inequality has no closed feasible set: use <= or >=. Python's max(x, y), min and sorted compare so, too: "
    "the larger one is a variable t with t >= x and t >= y where t is minimised"
)
TRUTH = (
    "a constraint has no truth value (Python asks for it in 0 <= x <= 1, in if, and, or, not, in x in [..]; NumPy and "
    "pandas where a list, array or Series of expressions is compared or its largest is taken): write 0 <= x and x <= 1 "
    "as two rows, or kg.between(0, x, 1); a condition on a decision is a binary variable with m.indicator(..); "
    "kg.stack([..]) makes one expression of several"
)


def refusal(what: str, name: str) -> str:
    """Return why ``what`` cannot be had of an expression; ``name`` is that of the function in NumPy or Python."""
    return f"{what} of an expression {_CURE.get(name, _ELSE)}"


def refused(name: str, what: str) -> Callable[..., NoReturn]:
    """Return a method that refuses."""

    def method(self: Any, *args: Any) -> NoReturn:
        raise ProblemError(refusal(what, name))

    return method


def title(function: Any) -> str:
    """Return the name of a NumPy function as users write it, such as ``np.linalg.norm``."""
    home = str(getattr(function, "__module__", None) or "numpy").split(".")
    middle = ".".join(part for part in home[1:] if not part.startswith("_") and part not in ("core", "lib"))
    return f"np.{middle}.{function.__name__}" if middle else f"np.{function.__name__}"


class Constraint:
    """What rows of every kind refuse: truth values, logic, and functions of NumPy."""

    __slots__ = ()

    def __bool__(self) -> bool:
        raise ProblemError(TRUTH)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return self.__array_function__(ufunc, (), inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        raise ProblemError(
            f"{title(function)} of a constraint: rows can only be added, one by one or as a list, add(x <= 1, y <= 1); "
            "one of several, or a choice between two, needs binary variables of the leader (m.indicator)"
        )

    def _logic(self, other: Any = None) -> NoReturn:
        raise ProblemError(
            "constraints are not joined by & or |: add(x <= 1, y <= 1) requires both; one of the two needs a binary "
            "variable of the leader (m.indicator)"
        )

    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __invert__ = _logic
