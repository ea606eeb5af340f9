"""Tables of level files: who owns what, prices, bounds in several files, and errors with file and key."""

from __future__ import annotations

import json

import pytest

import kktgen as kg

FIRM = """Maximize
 profit: - 10 own + [ 2 price * own ] / 2
Subject To
 budget: offer <= 55
Bounds
 offer <= 60
 price free
End
"""
MARKET = """Minimize
 cost: 30 rival + 7 offer + [ 2 offer * own ] / 2
Subject To
 balance: own + rival = 100
Bounds
 own <= 60
 rival <= 80
End
"""
TABLE = """[leader]
file = "firm.lp"

[[follower]]
name = "market"
file = "market.lp"
owns = ["own", "riv*"]

[prices]
price = "balance"
"""


def written(folder, table=TABLE, firm=FIRM, market=MARKET):
    """Return the path of a table beside its files."""
    (folder / "firm.lp").write_text(firm)
    (folder / "market.lp").write_text(market)
    path = folder / "bidding.toml"
    path.write_text(table)
    return path


def test_the_levels_are_read_and_solved(tmp_path):
    m = kg.read(written(tmp_path))
    assert repr(m) == "Bilevel('bidding', 8 columns, 1 followers)"
    assert [row.name for row in m.rows] == ["budget"]
    assert m.space.ub[m.space.find("offer")] == 60
    result = kg.optimize(m)
    assert (result.solution.objective, result.report.claim) == (pytest.approx(1200), "optimal")


def test_a_price_may_be_of_one_side_or_of_a_bound(tmp_path):
    table = TABLE.replace('price = "balance"', 'price = {row = "balance"}\nrent = {variable = "own", side = "upper"}')
    m = kg.read(
        written(
            tmp_path,
            table,
            FIRM.replace("- 10 own", "- 10 own + 60 rent").replace("price free", "price free\n rent free"),
        )
    )
    sol = kg.optimize(m).solution
    f = m.followers[0]
    rent = sol[f.declared[0].price(m.space)()] if False else None
    assert rent is None
    assert sol.objective == pytest.approx(3000)  # offer 0: price 30, rent 30 a unit of own


def test_bounds_of_a_price_and_of_anothers_column_are_rows(tmp_path):
    firm = FIRM.replace("price free", "price <= 25\n price >= -100\n own <= 40")
    m = kg.read(written(tmp_path, firm=firm))
    assert [row.name for row in m.rows] == ["budget", "bound of own", "bound of price"]
    assert [(row.lo.tolist(), row.hi.tolist()) for row in m.rows[1:]] == [([-float("inf")], [40]), ([-100], [25])]
    assert m.space.ub[m.space.find("own", "market")] == 60
    market = MARKET.replace("rival <= 80", "rival <= 80\n offer <= 50\n offer >= 1")
    assert [d.word for d in kg.read(written(tmp_path, market=market)).followers[0].declared][-1] == "bound of offer"


def test_a_column_that_the_leaders_file_does_not_name_is_bounded_by_the_followers(tmp_path):
    firm = FIRM.replace("offer <= 60\n", "").replace(" budget: offer <= 55", " budget: own <= 55")
    m = kg.read(written(tmp_path, firm=firm, market=MARKET.replace("rival <= 80", "rival <= 80\n offer <= 33")))
    assert m.space.ub[m.space.find("offer")] == 33


def test_several_followers_share_columns(tmp_path):
    (tmp_path / "tax.lp").write_text("Maximize\n income: q1 + q2 + 2 tax\nSubject To\n c: tax <= 3\nEnd\n")
    for k in (1, 2):
        other = 3 - k
        text = f"Maximize\n p: 60 q{k} + [ - 2 q{k} ^ 2 - 2 q{other} * q{k} - 2 tax * q{k} ] / 2\nSubject To\n"
        (tmp_path / f"q{k}.mps").write_text("")
        (tmp_path / f"q{k}.lp").write_text(text + f" most: q{k} <= 50\nEnd\n")
    followers = "".join(f'[[follower]]\nname = "f{k}"\nfile = "q{k}.lp"\nowns = ["q{k}"]\n' for k in (1, 2))
    path = tmp_path / "two.toml"
    path.write_text(f'name = "duopoly"\n[leader]\nfile = "tax.lp"\n{followers}')
    m = kg.read(path)
    sol = kg.optimize(m).solution
    assert (m.name, sol.objective) == ("duopoly", pytest.approx(2 * 57 / 3 + 6))  # Cournot at tax 3


def test_more_columns_than_are_declared_one_by_one(tmp_path):
    n = 600
    names = [f"y{k}" for k in range(n)]
    rows = "\n".join(f" r{k}: y{k} - x >= 0" for k in range(n))
    (tmp_path / "low.lp").write_text(f"Minimize\n c: {' + '.join(names)}\nSubject To\n{rows}\nEnd\n")
    (tmp_path / "up.lp").write_text("Maximize\n c: x\nSubject To\n r: y599 <= 4\nEnd\n")
    table = '[leader]\nfile = "up.lp"\n[[follower]]\nname = "f"\nfile = "low.lp"\nowns = ["y*"]\n'
    (tmp_path / "many.toml").write_text(table)
    m = kg.read(tmp_path / "many.toml")
    assert [m.space.label(j) for j in m.followers[0].columns[[0, 1, 600 - 1]]] == ["y599", "y0", "y598"]
    assert [d.word for d in m.followers[0].declared if not d.is_bound] == ["rows"]
    assert m.followers[0].qp().ny == n


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[leader]", "[leader", r"bidding.toml: no TOML: .*line 1"),
        ('file = "firm.lp"', "", "bidding.toml: leader: the key 'file' is missing"),
        ('file = "firm.lp"', 'file = "firn.lp"', r"bidding.toml: leader.file: there is no .*firn.lp"),
        ('file = "firm.lp"', 'file = "firm.txt"', "leader.file: expected an .lp, .mps or .mof.json file, got 'f"),
        ('file = "firm.lp"', "file = 3", "leader.file: expected a text, got a whole number"),
        ("[prices]", "[price]", "unknown key 'price'; expected leader, follower"),
        ("[[follower]]", "[follower]", r"bidding.toml: follower: expected a list, got an object"),
        ('name = "market"\n', "", r"follower\[0\]: the key 'name' is missing"),
        ("owns = ", "own = ", r"follower\[0\]: the key 'owns' is missing; unknown is own"),
        ('"riv*"', '"rivla"', r"follower\[0\].owns\[1\]: no column of market.lp fits 'rivla' \(did you mean rival"),
        ('"riv*"', "1", r"owns\[1\]: expected the name of a column"),
        ('price = "balance"', 'prise = "balance"', r"prices.prise: the leader's file has no column 'prise' \(did you"),
        ('price = "balance"', 'price = "balanec"', r"prices.price.row: follower 'market' has no row 'balanec' \(did"),
        ('price = "balance"', 'own = "balance"', "prices.own: own is a column of follower 'market'; it cannot be a"),
        ('price = "balance"', 'price = {row = "balance", side = "low"}', "price.side: expected 'lower' or 'upper'"),
        ('price = "balance"', 'price = {variable = "own"}', "prices.price: the key 'side' is missing"),
        ('price = "balance"', 'price = {variable = "offer", side = "lower"}', "offer is no variable that follower 'ma"),
        ('price = "balance"', 'price = {follower = "m", row = "balance"}', "price.follower: expected 'market'"),
        ("[prices]", "prices = 3\n[other]", r"unknown key|prices: expected a table"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_file_and_key(old, new, words, tmp_path):
    assert old in TABLE
    with pytest.raises(kg.FormatError, match=words):
        kg.read(written(tmp_path, TABLE.replace(old, new)))


def test_levels_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(kg.FormatError, match="its follower has integer variables, so that its rows"):
        kg.read(written(tmp_path, market=MARKET.replace("End", "General\n own\nEnd")))
    with pytest.raises(kg.FormatError, match="own: integer in one file, continuous in its owner's"):
        kg.read(written(tmp_path, firm=FIRM.replace("End", "General\n own\nEnd")))
    with pytest.raises(kg.FormatError, match="not convex"):
        kg.read(written(tmp_path, market=MARKET.replace("[ 2 offer * own ]", "[ 2 offer * own - 2 own ^ 2 ]")))
    with pytest.raises(kg.FormatError, match="follower 'market': holds the multiplier price; only the leader may"):
        kg.read(written(tmp_path, market=MARKET.replace("7 offer", "7 offer + price")))
    two = TABLE.replace("[prices]", '[[follower]]\nname = "m2"\nfile = "market.lp"\nowns = "own"\n[prices]')
    with pytest.raises(kg.FormatError, match=r"follower\[1\].owns\[0\]: own is owned by follower 'market' already"):
        kg.read(written(tmp_path, two))
    two = two.replace('"own"\n', '"offer"\n')
    with pytest.raises(kg.FormatError, match="prices.price: the key 'follower' is missing; there are market, m2"):
        kg.read(written(tmp_path, two))


def test_a_mof_file_needs_its_link(tmp_path):
    (tmp_path / "one.mof.json").write_text("{}")
    with pytest.raises(kg.FormatError, match=r"one.mof.json: one.link.json beside it is missing"):
        kg.read(tmp_path / "one.mof.json")
    (tmp_path / "one.link.json").write_text("{]")
    with pytest.raises(kg.FormatError, match=r"one.link.json, line 1, column 2: no JSON"):
        kg.read(tmp_path / "one.mof.json")
    (tmp_path / "one.link.json").write_text(json.dumps([]))
    with pytest.raises(kg.FormatError, match="expected an object with leader, follower"):
        kg.read(tmp_path / "one.mof.json")
