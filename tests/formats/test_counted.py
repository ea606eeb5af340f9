"""Progress of a file that is being written."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from format_cases import CASES
from format_models import random_bilevel, rich_bilevel

import kktgen as kg
from kktgen import formats
from kktgen.formats.writing import counted
from kktgen.formats.writing.plain import plain

SUFFIXES = ("lp", "mps", "cip")


def test_progress_rises_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    m = kg.Bilevel("large")
    x = m.var("x", 40_000, lb=0, ub=1)
    m.add(x + x[::-1] <= 0.5, name="cap")
    for suffix in SUFFIXES:
        clock = iter(np.arange(1e6) * 0.2)
        monkeypatch.setattr(counted.time, "monotonic", lambda clock=clock: next(clock))
        said: list[Mapping[str, Any]] = []
        untold = formats.write(m, tmp_path / f"a.{suffix}").read_bytes()
        assert formats.write(m, tmp_path / f"b.{suffix}", progress=said.append).read_bytes() == untold
        fractions = [info["fraction"] for info in said]
        assert fractions == sorted(fractions) and fractions[-1] == 1.0 and len(set(fractions)) > 2
        assert re.fullmatch(rf"b\.{suffix} 100 %, \d+ MB", said[-1]["text"])


@pytest.mark.parametrize("suffix", ["lp", "mps"])
def test_the_expected_number_of_lines_is_about_right(suffix: str) -> None:
    for build in (lambda: kg.kkt(random_bilevel(5)), lambda: kg.kkt(rich_bilevel(5))):
        written = formats.dumps(build(), suffix).count("\n")
        assert 0.7 * written <= plain(build()).lines <= 1.3 * written


def test_progress_is_told_four_times_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(counted.time, "monotonic", lambda: now[0])
    said: list[Mapping[str, Any]] = []
    file = counted.Counted(io.BytesIO(), said.append, "a.lp", 1000)
    for k in range(1000):
        now[0] = k * 0.01
        assert file.write(b"x\n") == 2
    assert 35 <= len(said) <= 40


def test_a_progress_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(info: Mapping[str, Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        formats.write(CASES["01_bounds"].build(), tmp_path / "a.lp", progress=stop)
    assert not list(tmp_path.iterdir())
