"""Small sparse-matrix tools on CSR arrays whose number of columns still grows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

Csr: TypeAlias = sp.csr_array


_EMPTY = Csr((0, 0))


def csr(data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, shape: tuple[int, int]) -> Csr:
    """Return a CSR array around three arrays that are already sorted and free of duplicates.

    The arrays are taken as they are: SciPy's constructor would check them again, which is most of the time of
    declaring a large problem.
    """
    if indices.dtype != indptr.dtype:
        indices, indptr = indices.astype(np.int64), indptr.astype(np.int64)
    out = Csr.__new__(Csr)
    out.__dict__.update(_EMPTY.__dict__)
    out.data, out.indices, out.indptr, out._shape = data, indices, indptr, shape
    out.has_sorted_indices = out.has_canonical_format = True
    return out


def coo(values: np.ndarray, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> Csr:
    """Return the CSR array of triplets; duplicates are added, explicit zeros dropped, indices sorted."""
    out = sp.coo_array((values, (rows, columns)), shape=shape).tocsr()
    out.sum_duplicates()
    out.eliminate_zeros()
    return out


def joined(parts: Iterable[np.ndarray], dtype: type = float) -> np.ndarray:
    """Return arrays one after another; an empty one of a type where there are none."""
    return np.concatenate([np.empty(0, dtype=np.int64 if dtype is int else dtype), *parts])


def widen(M: Csr, n: int) -> Csr:
    """Return M with n >= M.shape[1] columns (the new ones empty); shares the data."""
    return M if M.shape[1] == n else csr(M.data, M.indices, M.indptr, (M.shape[0], n))


def vstack(blocks: Sequence[Csr], n: int) -> Csr:
    """Stack CSR arrays of at most n columns each into one of n columns."""
    if not blocks:
        return Csr((0, n))
    if len(blocks) == 1:
        return widen(blocks[0], n)
    counts = np.concatenate([np.diff(M.indptr) for M in blocks])
    indptr = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    return csr(
        np.concatenate([M.data for M in blocks]),
        np.concatenate([M.indices for M in blocks]),
        indptr,
        (len(counts), n),
    )


def take_rows(M: Csr, index: np.ndarray) -> Csr:
    """Return M[index, :], canonical as M is."""
    if len(index) == M.shape[0] and (index == np.arange(len(index))).all():
        return M
    counts = np.diff(M.indptr)[index]
    indptr = np.concatenate([[0], np.cumsum(counts)])
    take = np.repeat(M.indptr[index] - indptr[:-1], counts) + np.arange(indptr[-1])
    return csr(M.data[take], M.indices[take], indptr, (len(index), M.shape[1]))


def row_combination(M: Csr, weights: np.ndarray) -> Csr:
    """Return weights' M as a (1, n) row."""
    keep = np.repeat(weights, np.diff(M.indptr)) * M.data
    columns, inverse = np.unique(M.indices, return_inverse=True)
    sums = np.bincount(inverse, weights=keep, minlength=len(columns))
    used = sums != 0
    columns, sums = columns[used], sums[used]
    return csr(sums, columns, np.array([0, len(columns)]), (1, M.shape[1]))


def add(left: Csr, right: Csr) -> Csr:
    """Return the sum of two arrays of as many rows; the one of fewer columns is widened."""
    n = max(left.shape[1], right.shape[1])
    return widen(left, n) + widen(right, n)


def row_index(M: Csr) -> np.ndarray:
    """Return the row of every stored entry of M."""
    return np.repeat(np.arange(M.shape[0]), np.diff(M.indptr))


def scale_rows(weights: np.ndarray, M: Csr) -> Csr:
    """Return diag(weights) M."""
    return csr(M.data * np.repeat(weights, np.diff(M.indptr)), M.indices, M.indptr, M.shape)


def compress(*matrices: Csr) -> tuple[np.ndarray, list[Csr]]:
    """Return the columns any of the matrices uses, and the matrices over those columns alone.

    Sparse products cost time in the number of columns, used or not; a row of a model with a
    million columns touches a handful.
    """
    columns = np.unique(np.concatenate([M.indices for M in matrices]))
    narrow = [csr(M.data, np.searchsorted(columns, M.indices), M.indptr, (M.shape[0], len(columns))) for M in matrices]
    return columns, narrow


def left_multiply(A: Csr, M: Csr) -> Csr:
    """Return A M, at a cost that does not depend on the number of empty columns of M."""
    columns, (narrow,) = compress(M)
    out = (A @ narrow).tocsr()
    out.sum_duplicates()
    return csr(out.data, columns[out.indices], out.indptr, (A.shape[0], M.shape[1]))


def position(columns: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return where each wanted column stands in the array ``columns``; -1 where it does not occur."""
    if len(columns) == 0:
        return np.full(len(wanted), -1)
    order = np.argsort(columns, kind="stable")
    at = np.minimum(np.searchsorted(columns, wanted, sorter=order), len(columns) - 1)
    found = order[at]
    return np.where(columns[found] == wanted, found, -1)


def take_columns(M: Csr, columns: np.ndarray) -> Csr:
    """Return M[:, columns] at a cost of the stored entries, not of the width of M."""
    at = position(columns, M.indices)
    keep = at >= 0
    return coo(M.data[keep], row_index(M)[keep], at[keep], (M.shape[0], len(columns)))


def as_graph(M: Csr) -> Csr:
    """Return a square matrix as SciPy's graph algorithms take it: with indices of 32 bits."""
    indices, indptr = (part.astype(np.int32, copy=False) for part in (M.indices, M.indptr))
    return Csr((M.data, indices, indptr), shape=M.shape)


def components(M: Csr) -> tuple[int, np.ndarray]:
    """Return the number of connected components of a symmetric matrix, and that of every row (n,)."""
    count, label = connected_components(as_graph(M), directed=False)
    return int(count), label


def tied(M: Csr) -> np.ndarray:
    """Return a label of every column (n,), the same for two that a chain of rows, each with entries of both, leads to.

    A column of no row has a label of its own.
    """
    m, n = M.shape
    indptr = np.concatenate([M.indptr, np.full(n, M.indptr[-1])])
    graph = csr(np.ones(len(M.indices)), M.indices + m, indptr, (m + n, m + n))
    return components(graph)[1][m:]
