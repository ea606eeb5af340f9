"""Progress: one record for every stage, and a live line that leaves the terminal as it was."""

from __future__ import annotations

import io
import pickle

import problems
import pytest

import kktgen as kg
from kktgen.progress import Live, progress_line


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def toll():
    m = kg.Bilevel("toll")
    x = m.var("toll", lb=0, ub=3)
    driver = m.follower("driver")
    road = driver.var("road", lb=0, ub=1)
    driver.minimize(x @ road - 2 * road)
    m.maximize(x @ road)
    return m


def test_progress_line_leaves_out_what_is_unknown():
    info = {"seconds": 12.3, "nodes": 34, "incumbent": None, "bound": 11.61234567, "gap": float("inf")}
    assert progress_line(info) == "12 s  34 nodes  bound 11.6123"
    assert progress_line({"text": "row 3 of 9", "gap": 0.035, "bound": 1e20}) == "row 3 of 9  gap 3.5 %"


def test_a_record_is_a_mapping_and_has_attributes():
    info = kg.Progress(stage="solve", nodes=3, round=2)
    assert info["nodes"] == info.nodes == 3 and info.bound is None and "bound" not in info
    assert {**info, "nodes": 4} == {"stage": "solve", "nodes": 4, "round": 2}
    assert pickle.loads(pickle.dumps(info)) == info and type(pickle.loads(pickle.dumps(info))) is kg.Progress


def test_every_stage_tells_records():
    told: list[kg.Progress] = []
    m = problems.handbook()[0]
    kg.optimize(m, time_limit=20, progress=told.append)
    kg.search.start_points(m, kg.bound(kg.kkt(m), progress=told.append), seconds=5, progress=told.append)
    kg.point_estimate(lambda at: at["a"], {"a": (1, 0.1)}, progress=told.append)
    assert {type(one) for one in told} == {kg.Progress}
    assert {"bound", "start", "estimate"} <= {one.stage for one in told}
    assert all(isinstance(one.seconds, float) for one in told)


def test_the_solver_tells_records_in_the_users_sense():
    told: list[kg.Progress] = []
    model = kg.encode(kg.bound(kg.kkt(toll())), kg.SOS1())
    kg.solve(model, "scip", time_limit=20, progress=told.append)
    assert all(type(one) is kg.Progress and one.stage == "solve" for one in told)
    assert all(one.incumbent is None or one.incumbent >= -1e-9 for one in told)


def test_true_shows_plain_lines_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr("kktgen.progress.PLAIN_SECONDS", 0.0)
    live = Live(every=0.0)
    live(kg.Progress(stage="solve", nodes=3))
    live.close()
    assert capsys.readouterr().err == "solving  3 nodes\n"


def test_a_live_line_is_written_over_and_removed():
    out = Terminal()
    live = Live(out)
    live(kg.Progress(stage="bound", text="follower 1 of 2"))
    live(kg.Progress(stage="bound", text="too soon"))
    live(kg.Progress(stage="solve"))
    live.close()
    assert out.getvalue() == "\rbounding  follower 1 of 2\rsolving                  \r       \r"


def test_a_live_line_is_one_line():
    out = Terminal()
    Live(out)(kg.Progress(stage="solve", text="a\nb" * 200))
    assert "\n" not in out.getvalue() and len(out.getvalue()) <= 111


def test_true_in_a_terminal_ends_with_an_empty_line(monkeypatch):
    out = Terminal()
    monkeypatch.setattr("sys.stderr", out)
    result = kg.optimize(toll(), time_limit=20, progress=True)
    assert result.report.claim == "optimal"
    shown = out.getvalue()
    assert "bounding" in shown and "\n" not in shown and shown.endswith(" \r")


def test_true_is_taken_by_every_function_with_progress(tmp_path, capsys):
    m = problems.handbook()[0]
    model = kg.bound(kg.kkt(m), progress=True)
    ready = kg.encode(model, kg.SOS1())
    kg.write(ready, tmp_path / "m.lp", progress=True)
    assert kg.solve(ready, progress=True, time_limit=20).objective == pytest.approx(92 / 15)
    assert kg.agree(m, ["sos1"], ["scip"], time_limit=20, progress=True).agreed is not None
    assert kg.search.start_points(m, model, seconds=5, progress=True)
    assert capsys.readouterr().out == ""


def test_something_else_is_refused():
    with pytest.raises(kg.ProblemError, match="progress= takes True or a function of a kktgen.Progress, got str 'yes'"):
        kg.optimize(toll(), progress="yes")


def test_what_a_function_raises_ends_the_computation():
    def stop(info):
        raise RuntimeError(info.stage)

    with pytest.raises(RuntimeError, match="bound"):
        kg.bound(kg.kkt(toll()), progress=stop)
