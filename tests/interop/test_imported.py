"""What an imported model can be asked."""

from __future__ import annotations

import subprocess
import sys

import pytest

import kktgen as kg


def imported():
    """Return a follower of two columns and a row."""
    m = kg.Bilevel("two")
    return kg.matrices.follower(
        m, None, [1, 2], [[1, 1]], 3, 5, lb=0, leader=["x"], names=["x", "y"], rows=["row"], name="lower"
    )


def test_it_is_a_mapping_of_its_variables():
    f = imported()
    assert list(f) == ["x", "y"]
    assert len(f) == 2
    assert "row" in f.dual
    assert len(f.dual) == 1
    assert repr(f) == "Imported('lower': x, y; rows row)"
    assert repr(f.dual) == "Multipliers(rows: row)"


def test_it_is_equal_to_itself_alone():
    f, g = imported(), imported()
    assert f == f
    assert f != g
    assert f.dual == f.dual
    assert f.dual != g.dual
    assert len({f, g, f.dual, g.dual}) == 4


def test_bounds_have_multipliers_by_the_names_of_variables():
    m = kg.Bilevel("bounds")
    f = kg.matrices.follower(m, None, [2, -1], [[0, 0]], -1, 1, lb=[1, 0], ub=[9, 4], names=["a", "b"])
    m.minimize(0)
    solution = kg.optimize(m).solution
    assert solution[f["a"].lower_dual] == pytest.approx(2)
    assert solution[f.lower_dual["a"]] == pytest.approx(2)
    assert solution[f["b"].upper_dual] == pytest.approx(-1)
    assert solution[f.upper_dual["b"]] == pytest.approx(-1)
    assert solution[f.upper_dual["a"]] == pytest.approx(0)


@pytest.mark.parametrize("name", ["z", 5])
def test_a_name_that_is_not_there_is_refused(name):
    f = imported()
    with pytest.raises(kg.ProblemError, match=f"follower 'lower': no columns are named {name!r}; there are x, y"):
        f[name]
    with pytest.raises(kg.ProblemError, match="no rows are named"):
        f.dual[name]
    assert name not in f
    assert name not in f.dual
    assert f.get(name) is None


def test_the_leaders_columns_have_no_multipliers():
    with pytest.raises(kg.ProblemError, match="is the leader's"):
        imported()["x"].upper_dual  # noqa: B018


def test_no_neighbour_is_imported_before_it_is_needed():
    code = (
        "import kktgen as kg, sys; kg.pypsa, kg.linopy, kg.cvxpy, kg.pyomo, kg.mof; "
        "print({'pypsa', 'linopy', 'xarray', 'pandas', 'cvxpy', 'pyomo'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\n"
