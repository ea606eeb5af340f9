"""The same problem is the same bytes on every CPU: bundles are made under two kernels of the BLAS and compared."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import kktgen as kg
from kktgen.catalog import build, instance_names, load_model

ROOT = Path(kg.__file__).parents[1]
PLAIN = {"x86_64": "Nehalem", "AMD64": "Nehalem", "aarch64": "ARMV8", "arm64": "ARMV8"}
"""Kernel of OpenBLAS that every processor of a kind can run, and that sums in another order than the newer ones."""
DEAR = {f"dlc_contract/{day}_{network}" for day in ("working", "weekend") for network in ("nodal", "pwl")}
"""Instances that take long to build; ``CELLS`` are small ones of their kind."""
CELLS = [
    ["dlc_contract", {"hours": 2, "network": "pwl", "zones": 4, "cells": 6}],
    ["dlc_contract", {"hours": 1, "network": "qploss", "zones": 26, "cells": 6}],
]
MORE = [
    *([
        "random_bilevel",
        {"family": family, "rows": 25, "cols": 20, "followers": 2, "coupling": 0.4, "priced": 0.5, "seed": seed},
    ] for family in ("lp", "qp", "qp_singular") for seed in range(3)),
    ["random_bilevel", {"family": "toll", "rows": 15, "cols": 9, "followers": 4, "upper": 7.3, "integers": 0.3}],
    ["idrc_alliance", {"members": ["I1", "I3"], "scenarios": 4, "samples": 300, "seed": 5}],
    ["dso_vpp", {"vpps": 5, "hours": 48, "seed": 3}],
    ["carbon_vpp", {"vpps": 5, "hours": 48, "seed": 3}],
]  # fmt: skip
SCRIPT = """
import hashlib, json, sys
import numpy as np
import kktgen as kg
from kktgen.catalog import build

def digest(problem):
    return hashlib.sha256(kg.dumps(problem, "bilevel.json").encode()).hexdigest()

names, more = json.loads(sys.stdin.read())
F = np.random.default_rng(0).random((60, 60))
out = {"kernel": hashlib.sha256((F.T @ F).tobytes()).hexdigest()}
out |= {name: digest(build(name)) for name in names}
out |= {f"{name} {given}": digest(build(name, given)) for name, given in more}
m = kg.Bilevel("constants")
x = m.var("x", 60, lb=0, ub=1)
follower = m.follower("f")
y = follower.var("y", 60, lb=0)
follower.minimize((y - F[0]) @ (y - F[1]))
follower.add(y >= F[2] * x)
m.minimize((x - F[3]) @ (x - F[4]) + F[5] @ y)
out["constants"] = digest(m)
print(json.dumps(out))
"""


def digests(names: list[str], more: list[list], kernel: str | None) -> dict[str, str]:
    """Return the digests of bundles that another process makes, on this CPU or as a plain one would."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    for word in ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES", "GLIBC_TUNABLES"):
        environment.pop(word, None)
    if kernel is not None:
        environment["OPENBLAS_CORETYPE"] = kernel
        environment["GLIBC_TUNABLES"] = "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4"  # exp, log and the like
        environment["NPY_DISABLE_CPU_FEATURES"] = " ".join(vectors())
    asked = json.dumps([names, more])
    done = subprocess.run([sys.executable, "-c", SCRIPT], input=asked, env=environment, text=True,
                          capture_output=True, timeout=1200)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # libraries may greet


def vectors() -> list[str]:
    """Return the vector units of this CPU that numpy uses where it finds them, and can do without."""
    try:
        from numpy._core import _multiarray_umath as core
    except ImportError:  # numpy 1
        from numpy.core import _multiarray_umath as core
    return [word for word in core.__cpu_dispatch__ if core.__cpu_features__.get(word)]


def compared(names: list[str], more: list[list]) -> dict[str, str]:
    """Check that two kernels give the same digests; return them."""
    kernel = PLAIN.get(platform.machine())
    if kernel is None:
        pytest.skip(f"no second kernel is known for processors of the kind {platform.machine()!r}")
    here, plain = digests(names, more, None), digests(names, more, kernel)
    if here.pop("kernel") == plain.pop("kernel"):
        pytest.skip(f"numpy's BLAS computes the same here with and without OPENBLAS_CORETYPE={kernel}")
    assert [name for name, digest in here.items() if digest != plain[name]] == []
    return here


def test_bundles_are_the_same_under_two_kernels():
    names = [name for name in instance_names() if name.startswith("random_bilevel/")]
    assert len(names) > 5
    found = compared([*names, "dso_vpp/short", "carbon_vpp/short", "dlc_contract/short"], MORE)
    assert len(set(found.values())) == len(found)


@pytest.mark.slow
def test_every_instance_is_the_same_under_two_kernels():
    names = [name for name in instance_names() if name not in DEAR]
    assert len(names) > 35
    compared(names, [])


@pytest.mark.slow
def test_price_cells_are_the_same_under_two_kernels():
    compared([], CELLS)


PINNED = {
    "coupled_10x5": "692625abd672e670",
    "lp_10x5": "06f571b7057e2275",
    "priced_5x5": "8b65f84fffcbcb16",
    "qp_10x5": "ec4a4bd8f7c13ec7",
    "qp_singular_5x5": "b40e4a23d1d447e5",
    "toll_large": "8e24a4d77ba24e93",
    "toll_small": "b0baa7d70ecb5539",
    "two_followers": "0a1b166330a8a46a",
}
"""First digits of the digests of the random instances, whose known values belong to these bytes and no others."""


def test_random_instances_are_those_whose_values_are_known():
    assert {f"random_bilevel/{name}" for name in PINNED} == set(instance_names("random_bilevel"))
    found = {}
    for name in PINNED:
        text = kg.dumps(build(f"random_bilevel/{name}"), "bilevel.json")
        found[name] = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert found == PINNED


@pytest.mark.parametrize("family", ["lp", "qp", "qp_singular", "toll"])
def test_numbers_of_random_problems_are_short(family):
    """No number of a file has more than four decimals: none is the rest of a sum of floats."""
    game = load_model("random_bilevel").build(
        family=family, rows=12, cols=9, followers=2, coupling=0.5, priced=0.4, integers=0.3, seed=4
    )

    def numbers(value: object) -> list[float]:
        if isinstance(value, dict):
            return [x for one in value.values() for x in numbers(one)]
        if isinstance(value, list):
            return [x for one in value for x in numbers(one)]
        return [value] if isinstance(value, float) else []

    found = numbers(json.loads(kg.dumps(game, "bilevel.json")))
    assert len(found) > 200
    assert [x for x in found if x != round(x, 4) and x != round(2 * x, 4) / 2] == []
