"""Mean and standard deviation of a function of random inputs by Hong's two-point estimate: 2m evaluations.

Input k of m has mean mu, standard deviation sigma and skewness g. Two points for each, the others at their means::

    x_k = mu + xi sigma,   xi_1,2 = g/2 +- sqrt(m + (g/2)^2),   w_1 = -xi_2 / (m (xi_1 - xi_2)),   w_2 = xi_1 / (m (..))
    mean = sum w f,   std = sqrt( sum w f^2 - mean^2 )

The weights are positive and sum to one. The mean is exact for a sum of functions of one input each that are polynomials
up to the third degree, mean and deviation for a linear function of independent inputs; every input counts as
independent of the others. As the points move away with sqrt(m), many inputs need a function that bears it.

Reference: H. P. Hong, An efficient point estimate method for probabilistic analysis, Reliability Engineering & System
Safety 59 (1998) 261-267.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import KktgenError, ProblemError, expect
from ..progress import ProgressOption, shown


@dataclass(frozen=True, eq=False)
class Point:
    """One evaluation.

    Parameters
    ----------
    input : str
        The input that is away from its mean.
    xi : float
        By so many standard deviations.
    weight : float
    at : dict
        The value of every input.
    value : float, ndarray or dict, or None
        What the function returned; None where it failed.
    error : str
        Why it failed.
    """

    input: str
    xi: float
    weight: float
    at: dict[str, Any]
    value: Any = None
    error: str = ""


@dataclass(frozen=True, eq=False)
class Estimate:
    """What :func:`point_estimate` returns.

    Parameters
    ----------
    mean, std : float, ndarray or dict, or None
        Of the shape the function returns; None when a point failed, as the weights then say nothing.
    points : tuple of Point
        All 2m, two for each input in order.
    seconds : float
        Wall time.

    Examples
    --------
    >>> import kktgen as kg
    >>> estimate = kg.point_estimate(lambda at: 3 * at["load"] + 1, {"load": (10, 2)})
    >>> print(f"{estimate.mean:.1f} {estimate.std:.1f}")
    31.0 6.0
    >>> print([f"{point.at['load']:.1f}" for point in estimate.points])
    ['12.0', '8.0']
    """

    mean: Any
    std: Any
    points: tuple[Point, ...]
    seconds: float = 0.0

    @property
    def failed(self) -> tuple[Point, ...]:
        """The points at which the function failed.

        Examples
        --------
        >>> import kktgen as kg
        >>> def price(at):
        ...     if at["load"] < 9:
        ...         raise ValueError("nobody buys")
        ...     return 2 * at["load"]
        >>> estimate = kg.point_estimate(price, {"load": (10, 2)})
        >>> [point.error for point in estimate.failed], estimate.mean
        (['ValueError: nobody buys'], None)
        """
        return tuple(point for point in self.points if point.error)

    def __str__(self) -> str:
        head = f"two-point estimate: {len(self.points)} points, {len(self.failed)} failed, {self.seconds:.1f} s"
        lines = [f"  {p.input} {p.xi:+.3f} std: {p.error}" for p in self.failed]
        if not self.failed:
            pairs = self.mean.items() if isinstance(self.mean, dict) else [("value", self.mean)]
            of = self.std if isinstance(self.std, dict) else {"value": self.std}
            lines = [f"  {key}: mean {_text(value)}, std {_text(of[key])}" for key, value in pairs]
        return "\n".join([head, *lines])


def _text(value: Any) -> str:
    return f"{value:.6g}" if np.ndim(value) == 0 else np.array2string(np.asarray(value), precision=6, threshold=6)


def point_estimate(
    f: Callable[[dict[str, Any]], Any],
    inputs: Mapping[str, tuple[Any, ...]],
    executor: Executor | None = None,
    progress: ProgressOption = None,
) -> Estimate:
    """Return mean and standard deviation of every output of a function of random inputs.

    Parameters
    ----------
    f : callable
        Takes a dict with a value for every input; returns a number, an array, or a dict of these. Must be picklable
        where the executor runs processes.
    inputs : mapping of str to (mean, std) or (mean, std, skewness)
        Mean and standard deviation are numbers, or arrays of one shape whose entries move together; the skewness is a
        number, 0 by default.
    executor : concurrent.futures.Executor, optional
        For the 2m evaluations; one after the other by default.
    progress : bool or callable, optional
        True: a live line. A function is called with a :class:`kktgen.Progress` after every evaluation.

    Returns
    -------
    Estimate
        With all points. An evaluation that raises is a failed point, and mean and std are then None.

    Raises
    ------
    ProblemError
        No inputs; a mean, standard deviation or skewness that is none; outputs of different shapes; an executor that
        takes no work.

    See Also
    --------
    Estimate : What comes back.

    Examples
    --------
    The profit ``price * sales`` where both are uncertain and independent.

    >>> import kktgen as kg
    >>> inputs = {"price": (50, 5), "sales": (100, 20)}
    >>> estimate = kg.point_estimate(lambda at: at["price"] * at["sales"], inputs)
    >>> len(estimate.points)
    4
    >>> print(f"{estimate.mean:.1f} {estimate.std:.1f}")
    5000.0 1118.0
    """
    if not callable(f):
        raise ProblemError(f"point_estimate: f must be callable, got {type(f).__name__}")
    expect(inputs, Mapping, "point_estimate", "give a mapping of names to (mean, std, skewness)")
    if not inputs:
        raise ProblemError("point_estimate: no inputs; give at least one name with (mean, std)")
    begun = time.monotonic()
    points = _points({name: _moments(name, given) for name, given in inputs.items()})
    done: dict[int, Point] = {}
    with shown(progress, "estimate") as told:
        for k, value, error in _run(f, points, executor):
            done[k] = Point(points[k].input, points[k].xi, points[k].weight, points[k].at, value, error)
            if told is not None:
                text = f"point estimate: {len(done)} of {len(points)}"
                told({"text": text, "seconds": time.monotonic() - begun})
    found = tuple(done[k] for k in range(len(points)))
    mean, std = (None, None) if any(point.error for point in found) else _combined(found)
    return Estimate(mean, std, found, time.monotonic() - begun)


def _moments(name: str, given: Any) -> tuple[Any, Any, float]:
    """Return mean, standard deviation and skewness of an input, checked."""
    where = f"point_estimate: input {name!r}"
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        raise ProblemError(f"{where}: give (mean, std) or (mean, std, skewness), got {given!r}")
    try:
        mean, std, skewness = (np.asarray(x, dtype=float) for x in (*given, 0.0)[:3])
    except (TypeError, ValueError):
        raise ProblemError(f"{where}: mean, std and skewness must be numbers or arrays, got {given!r}") from None
    if mean.shape != std.shape:
        raise ProblemError(f"{where}: mean of shape {mean.shape} and std of shape {std.shape} differ")
    if not np.isfinite(mean).all() or not np.isfinite(std).all():
        raise ProblemError(f"{where}: mean and std must be finite")
    if (std < 0).any() or not (std > 0).any():
        raise ProblemError(f"{where}: std must be positive, got {std}; an input that does not vary is no random input")
    if skewness.ndim or not np.isfinite(skewness):
        raise ProblemError(f"{where}: the skewness must be one finite number, got {given[2]!r}")
    return mean[()], std[()], float(skewness)


def _points(moments: Mapping[str, tuple[Any, Any, float]]) -> list[Point]:
    """Return the 2m points without values."""
    m, means = len(moments), {name: mean for name, (mean, _, _) in moments.items()}
    out = []
    for name, (mean, std, skewness) in moments.items():
        half = 0.5 * skewness
        root = float(np.sqrt(m + half**2))
        # the smaller of the two by their product -m: the difference would cancel for a large skewness
        far = half + np.copysign(root, half)
        first, second = (far, -m / far) if far > 0 else (-m / far, far)
        for xi, other in ((first, second), (second, first)):
            weight = abs(other) / (m * (first - second))
            out.append(Point(name, float(xi), float(weight), {**means, name: mean + xi * std}))
    return out


def _run(f: Callable[[dict[str, Any]], Any], points: list[Point], executor: Executor | None) -> Iterator[Any]:
    """Yield index, value and error of every point, as they come."""
    if executor is None:
        for k, point in enumerate(points):
            try:
                yield k, f(dict(point.at)), ""
            except Exception as error:
                yield k, None, _why(error)
        return
    try:
        futures: dict[Future[Any], int] = {executor.submit(f, dict(p.at)): k for k, p in enumerate(points)}
    except RuntimeError as error:
        raise ProblemError(f"point_estimate: the executor takes no work ({error}); give one that is open") from error
    for future in as_completed(futures):
        fault = future.exception()
        yield futures[future], None if fault else future.result(), _why(fault) if fault else ""


def _why(error: BaseException) -> str:
    return str(error) if isinstance(error, KktgenError) else f"{type(error).__name__}: {error}"


def _combined(points: tuple[Point, ...]) -> tuple[Any, Any]:
    """Return mean and standard deviation in the form of the values."""
    first = points[0].value
    if isinstance(first, Mapping):
        for point in points:
            if not isinstance(point.value, Mapping) or set(point.value) != set(first):
                raise ProblemError(
                    f"point_estimate: {_at(point)} returned other outputs than {sorted(map(str, first))}"
                )
        both = {key: _moment([(p, p.value[key]) for p in points], f" of output {key!r}") for key in first}
        return {key: mean for key, (mean, _) in both.items()}, {key: std for key, (_, std) in both.items()}
    return _moment([(point, point.value) for point in points], "")


def _moment(values: list[tuple[Point, Any]], what: str) -> tuple[Any, Any]:
    """Return mean and standard deviation of one output."""
    arrays = []
    for point, value in values:
        try:
            arrays.append(np.asarray(value, dtype=float))
        except (TypeError, ValueError):
            raise ProblemError(f"point_estimate: {_at(point)} returned no number or array{what}: {value!r}") from None
        if arrays[-1].shape != arrays[0].shape:
            shapes = f"{arrays[-1].shape} and {arrays[0].shape}"
            raise ProblemError(f"point_estimate: {_at(point)}: outputs{what} have the shapes {shapes}")
    weight = np.array([point.weight for point, _ in values])
    table = np.stack(arrays)
    mean = np.tensordot(weight, table, 1)
    # about the mean: the same as E[f^2] - mean^2, and no difference of large numbers
    std = np.sqrt(np.tensordot(weight, (table - mean) ** 2, 1))
    return (float(mean), float(std)) if mean.ndim == 0 else (mean, std)


def _at(point: Point) -> str:
    return f"the point {point.input} {point.xi:+.3g} std"
