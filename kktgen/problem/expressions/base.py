"""What linear and quadratic expressions share: how NumPy and pandas meet them, and what both refuse."""

from __future__ import annotations

import inspect
import operator
import sys
from collections.abc import Callable
from typing import Any, NoReturn, Self

import numpy as np

from ...errors import ProblemError
from ..refusals import IN_PLACE, STRICT, NoSuchName, refusal, refused, title

FUNCTIONS: dict[Any, Callable[..., Any]] = {}
"""What NumPy functions do to expressions; :mod:`kktgen.problem.array_functions` fills it."""

_BINARY = {
    np.add: ("__add__", "__radd__"),
    np.subtract: ("__sub__", "__rsub__"),
    np.multiply: ("__mul__", "__rmul__"),
    np.divide: ("__truediv__", "__rtruediv__"),
    np.matmul: ("__matmul__", "__rmatmul__"),
    np.power: ("__pow__", "__rpow__"),
    np.float_power: ("__pow__", "__rpow__"),
    np.less_equal: ("__le__", "__ge__"),
    np.greater_equal: ("__ge__", "__le__"),
    np.equal: ("__eq__", "__eq__"),
    np.not_equal: ("__ne__", "__ne__"),
    np.less: ("__lt__", "__gt__"),
    np.greater: ("__gt__", "__lt__"),
}
"""Ufuncs of two arguments, with the method of the left expression and, where that is an array, of the right one."""
_UNARY: dict[Any, Callable[[Any], Any]] = {
    np.negative: operator.neg,
    np.positive: operator.pos,
    np.square: lambda x: x**2,
}
_WORDS = {
    "follower": "kktgen knows two levels, a leader and followers: declare every follower by m.follower(..); followers "
    "that see each other's variables play a Nash game",
    "dual": "rows have a price, row.dual, once a follower has them; bounds of his variables have x.lower_dual and "
    "x.upper_dual",
    "X": "values are read off a solution: sol[x]",
}


def asked_by(*modules: str) -> bool:
    """Tell whether the method that calls this was called from one of these modules, or from inside them.

    Some libraries ask an operand for an array before they leave it an operation, or wrap whatever comes back.
    """
    caller = sys._getframe(2).f_globals.get("__name__", "")
    return any(caller == module or caller.startswith(f"{module}.") for module in modules)


class Expression:
    """An expression over the columns of a space: :class:`Affine` or :class:`Quad`."""

    __slots__ = ()
    __pandas_priority__ = 10_000  # above Series and DataFrame, which then leave the operation to the expression

    def whole(self) -> np.ndarray:
        """Return an array of no dimension that holds the expression itself.

        Examples
        --------
        >>> import kktgen as kg
        >>> x = kg.Bilevel("shapes").var("x", 3)
        >>> x.whole().shape, x.whole().item()
        ((), Variable('x', shape=(3,)))
        """
        out = np.empty(1, dtype=object)
        out[0] = self
        return out.reshape(())

    # -- NumPy -------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Apply a ufunc, that of an operator of an array on the left included."""
        if asked_by("xarray"):
            raise ProblemError(
                "xarray cannot hold an expression: put the expression first, x * a, or take the numbers, a.values * x"
            )
        if kwargs.pop("out", None) is not None:
            raise ProblemError(f"an array of numbers cannot hold an expression; {IN_PLACE}")
        if method != "__call__":
            return self._reduced(ufunc, method, *inputs, **kwargs)
        if kwargs:
            raise ProblemError(f"{title(ufunc)} of an expression takes no {', '.join(kwargs)}")
        if ufunc in _UNARY:
            return _UNARY[ufunc](*inputs)
        if ufunc in _BINARY:
            left, right = inputs
            first = isinstance(left, Expression)
            name = _BINARY[ufunc][0 if first else 1]
            return getattr(left, name)(right) if first else getattr(right, name)(left)
        raise ProblemError(refusal(title(ufunc), ufunc.__name__))

    def _reduced(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Return ``np.add.reduce`` and ``np.add.accumulate``, which are sums; nothing else."""
        function = {"reduce": np.sum, "accumulate": np.cumsum}.get(method) if ufunc is np.add else None
        if function is None:
            raise ProblemError(refusal(f"{title(ufunc)}.{method}", ufunc.__name__ if method == "reduce" else method))
        return self.__array_function__(function, (), inputs, kwargs if "axis" in kwargs else {"axis": 0, **kwargs})

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Apply a function of NumPy: it does what its name says, or is refused."""
        if function is np.atleast_2d and asked_by("scipy.sparse"):  # SciPy before 1.15, which then leaves * to us
            return self.whole().reshape(1, 1)
        handler = FUNCTIONS.get(function)
        if handler is None:
            raise ProblemError(refusal(title(function), function.__name__))
        given = {key: value for key, value in kwargs.items() if key not in ("out", "dtype")}
        if kwargs.get("out") is not None:
            raise ProblemError(f"an array of numbers cannot hold an expression; {IN_PLACE}")
        if kwargs.get("dtype") is not None and np.dtype(kwargs["dtype"]) != float:
            raise ProblemError(f"{title(function)}: coefficients of expressions are floats, got {kwargs['dtype']}")
        try:
            inspect.signature(handler).bind(*args, **given)
        except TypeError as error:
            raise ProblemError(f"{title(function)} of an expression: {error}") from None
        return handler(*args, **given)

    # -- refused -----------------------------------------------------------------------------

    def __getattr__(self, name: str) -> NoReturn:
        kind = type(self).__name__
        if name in _WORDS:
            raise NoSuchName(f"an expression has no {name!r}: {_WORDS[name]}")
        if not name.startswith("_") and hasattr(np.ndarray, name):
            function = getattr(np, name, None)
            known = function in FUNCTIONS
            raise NoSuchName(f"write np.{name}(x, ..)" if known else refusal(f".{name}()", name))
        raise AttributeError(f"{kind!r} object has no attribute {name!r}", name=name, obj=self)

    def _as_quad(self) -> Any:
        """Return the scalar expression as a Quad."""
        return self

    def _compared(self, lower: bool = False, upper: bool = False) -> Any:
        """Return the rows ``expr >= 0``, ``expr <= 0`` or both, the constants moved to the sides."""
        raise NotImplementedError

    # -- what follows from other operators ---------------------------------------------------

    def __add__(self, other: Any) -> Any:
        raise NotImplementedError

    def __neg__(self) -> Any:
        raise NotImplementedError

    def __pos__(self) -> Self:
        return self

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __le__(self, other: Any) -> Any:
        return (self - other)._compared(upper=True)

    def __ge__(self, other: Any) -> Any:
        return (self - other)._compared(lower=True)

    def __eq__(self, other: Any) -> Any:
        return (self - other)._compared(lower=True, upper=True)

    def __sub__(self, other: Any) -> Any:
        raise NotImplementedError

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise ProblemError(
            "an expression has no truth value; use sol[expr] for numbers, binary variables of the leader for choices"
        )

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise ProblemError(IN_PLACE)

    def __lt__(self, other: Any) -> Any:
        raise ProblemError(STRICT)

    __gt__ = __lt__

    def __ne__(self, other: Any) -> Any:
        raise ProblemError("!= is not a convex constraint: forbid a value by binary variables of the leader")

    def __rpow__(self, base: Any) -> NoReturn:
        raise ProblemError(refusal("a number to the power", "exp"))

    def __rtruediv__(self, other: Any) -> NoReturn:
        raise ProblemError("division by a variable is not quadratic")

    __abs__ = refused("abs", "abs")
    __float__ = refused("__float__", "float")
    __int__ = refused("__int__", "int")
    __complex__ = refused("__complex__", "complex")
    __round__ = refused("round", "round")
    __floor__ = refused("floor", "floor")
    __ceil__ = refused("ceil", "ceil")
    __trunc__ = refused("trunc", "trunc")
    __floordiv__ = __rfloordiv__ = refused("floor_divide", "a // b")
    __mod__ = __rmod__ = refused("mod", "a % b")
    __divmod__ = __rdivmod__ = refused("divmod", "divmod")
