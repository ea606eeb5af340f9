"""A worker that dies while it bounds costs time alone."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

import kktgen as kg
from kktgen.catalog import build


def test_followers_of_a_dead_worker_are_bounded_here():
    model = kg.eliminate(kg.kkt(build("dso_vpp", {"hours": 3})))
    expected = kg.bound(model).pairs
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(os._exit, 1)
        found = kg.bound(model, executor=pool).pairs
    assert np.array_equal(found.dual_max.value, expected.dual_max.value)
    assert np.array_equal(found.slack_max.value, expected.slack_max.value)
