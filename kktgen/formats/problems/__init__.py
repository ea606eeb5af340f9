"""Files that hold a whole bilevel problem: ``.bilevel.json`` any, ``.aux`` with its ``.mps`` a linear one."""

from __future__ import annotations

import os

from ...errors import FormatError
from ...problem.bilevel import Bilevel
from ..writing.files import contents, file_path
from . import aux_read, aux_write, bundle, bundle_read, single_read

SUFFIXES = (bundle.SUFFIX, aux_write.SUFFIX)
__all__ = ["SUFFIXES", "aux_read", "aux_write", "bundle", "read", "suffix_of"]


def suffix_of(path: str | os.PathLike[str]) -> str:
    """Return which of the suffixes a path ends in, ``.gz`` behind it set aside; empty when in none."""
    name = os.fspath(path).lower().removesuffix(".gz")
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")


def read(path: str | os.PathLike[str]) -> Bilevel:
    """Return the bilevel problem of a file.

    Parameters
    ----------
    path : path
        ``.bilevel.json``, or ``.aux`` with the ``.mps`` it names (else that of its own name) in the same folder; either
        may have ``.gz`` behind it. An ``.aux`` may list indices (``LC``, ``LR``, ``LO``, ``OS``) or names
        (``@VARSBEGIN``, in the spellings of MibS, BOBILib and idol). A plain ``.lp`` or ``.mps`` is a problem without
        followers; :func:`kktgen.highs.follower` makes a follower of one.

    Returns
    -------
    Bilevel
        Of a bundle the problem that was written, bit for bit, with what is known of it in ``about``. Of an ``.aux``
        file leader variables ``x``, follower ``lower`` with variables ``y``, rows ``upper`` and ``rows``; columns and
        rows are called as in the file, ``solution["Y7"]``.

    Raises
    ------
    FormatError
        Unknown suffix, or the file is not what it should be: file, place, what was expected.
    ProblemError
        Integer followers, which have no KKT conditions: how many.

    See Also
    --------
    kktgen.write : Writes such files.

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
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = kg.write(m, pathlib.Path(folder) / "toll.bilevel.json")
    ...     back = kg.read(path)
    >>> back
    Bilevel('toll', 4 columns, 1 followers)
    >>> kg.dumps(back, "bilevel.json") == kg.dumps(m, "bilevel.json")
    True
    """
    source = file_path(path)
    suffix = suffix_of(source)
    if not suffix and source.name.lower().removesuffix(".gz").endswith(single_read.SUFFIXES):
        return single_read.load(source)
    if not suffix:
        raise FormatError(
            f"{source}: a bilevel problem is read from {' or '.join(SUFFIXES)}, one without followers from "
            f"{' or '.join(single_read.SUFFIXES)}, each also with .gz behind it"
        )
    data = contents(source)
    return bundle_read.load(data, str(source)) if suffix == bundle.SUFFIX else aux_read.load(data, source)
