"""Suite files: what they expand to, and what is said of those that are wrong. None of it needs torch."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from harness.core.errors import HarnessError
from harness.suite import definition
from harness.suite.definition import EvaluationCell, SearchCell

SUITE = """
summary = "a test"
protocol = "smoke"
[[search]]
method = ["darts-1st", "zarts-mgs"]
space = ["s1"]
dataset = ["digits"]
seed = [0, 1]
set = { lr = [0.1, 0.2], nesterov = true }
[[search]]
method = ["darts-2nd"]
space = ["s1", "s2"]
dataset = ["digits"]
seed = [7]
protocol = "proxy"
[[evaluate]]
space = ["s[12]"]
method = ["zarts-*", "darts-2nd"]
set = { size = ["8x16", "20x36"] }
[[evaluate]]
space = ["s2"]
on = "cifar100"
protocol = "paper"
recipe = "cifar"
"""


@pytest.fixture
def suite(tmp_path):
    """Writes a suite and names it."""

    def write(text, name="mine.toml"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def test_every_combination_is_a_search_and_lists_of_values_are_axes(suite):
    searches = [cell for cell in definition.cells(suite(SUITE)) if isinstance(cell, SearchCell)]
    assert len(searches) == 2 * 2 * 2 + 2
    assert searches[0] == SearchCell("darts-1st", "s1", "digits", 0, "smoke", ("lr=0.1", "nesterov=true"))
    assert searches[3] == SearchCell("darts-1st", "s1", "digits", 1, "smoke", ("lr=0.2", "nesterov=true"))
    assert searches[-1] == SearchCell("darts-2nd", "s2", "digits", 7, "proxy", ())


def test_a_range_of_seeds_is_what_the_command_line_takes(suite):
    found = definition.cells(suite(SUITE.replace("seed = [7]", 'seed = "3,7-9"')))
    assert [cell.seed for cell in found if isinstance(cell, SearchCell) and cell.space == "s2"] == [3, 7, 8, 9]
    with pytest.raises(HarnessError, match="seed '5-' is not in the range"):
        definition.cells(suite(SUITE.replace("seed = [7]", 'seed = "5-"')))


def test_evaluations_follow_the_searches_that_match(suite):
    cells = definition.cells(suite(SUITE))
    followers = {cell.search: [] for cell in cells if isinstance(cell, EvaluationCell)}
    for cell in cells:
        if isinstance(cell, EvaluationCell):
            assert cells.index(cell.search) < cells.index(cell)
            followers[cell.search].append((cell.dataset, cell.protocol, cell.recipe, cell.settings))
    sizes = [(None, None, None, ("size=8x16",)), (None, None, None, ("size=20x36",))]
    assert {search.method for search in followers} == {"zarts-mgs", "darts-2nd"}
    assert followers[SearchCell("zarts-mgs", "s1", "digits", 0, "smoke", ("lr=0.1", "nesterov=true"))] == sizes
    last = followers[SearchCell("darts-2nd", "s2", "digits", 7, "proxy", ())]
    assert [entry[1] for entry in last] == [None, None, "paper"]  # the first two follow their search
    assert last[-1] == ("cifar100", "paper", "cifar", ())


def test_the_cells_on_the_way_are_one_more_axis(suite):
    text = SUITE.replace('space = ["s2"]\non = ', 'space = ["s2"]\nat_epoch = [2, 4]\non = ')
    cells = [cell for cell in definition.cells(suite(text)) if cell.protocol == "paper"]
    assert [cell.at_epoch for cell in cells[:2]] == [2, 4]
    assert cells[1].options == ("--dataset=cifar100", "--protocol=paper", "--recipe=cifar", "--at-epoch=4")
    assert definition.from_json(asdict(cells[1])) == cells[1]


def test_seeds_of_a_training_are_one_more_axis(suite):
    once = definition.cells(suite(SUITE))
    for written in ("[0, 2]", '"0,2"'):
        cells = definition.cells(suite(SUITE.replace('on = "cifar100"', f'on = "cifar100"\nseed = {written}')))
        assert [cell.seed for cell in cells[-2:]] == [0, 2]
        assert cells[:-1] == once
    assert cells[-1].options == ("--dataset=cifar100", "--protocol=paper", "--recipe=cifar", "--seed=2")
    assert definition.from_json(asdict(cells[-1])) == cells[-1]


def test_options_are_those_of_the_commands(suite):
    cells = definition.cells(suite(SUITE))
    assert cells[0].options == (
        *("--method=darts-1st", "--space=s1", "--dataset=digits", "--seed=0", "--protocol=smoke"),
        *("--set=lr=0.1", "--set=nesterov=true"),
    )
    assert cells[-1].options == ("--dataset=cifar100", "--protocol=paper", "--recipe=cifar")


def test_another_protocol_replaces_every_one_in_the_file(suite):
    cells = definition.cells(suite(SUITE), "smoke")
    assert {cell.protocol for cell in cells if isinstance(cell, SearchCell)} == {"smoke"}
    assert {cell.protocol for cell in cells if isinstance(cell, EvaluationCell)} == {None, "smoke"}


def test_an_evaluation_is_given_the_path_of_its_searchs_data_unless_it_is_looked_up(suite):
    by_path = SUITE.replace('["digits"]', '["./images"]').replace('["s1"]', '["s1", "nasbench201"]')
    by_path = by_path.replace('["s[12]"]', '["*"]')
    cells = [cell for cell in definition.cells(suite(by_path)) if isinstance(cell, EvaluationCell)]
    assert {(cell.search.space, cell.dataset) for cell in cells} == {
        *(("s1", "./images"), ("s2", "./images"), ("s2", "cifar100"), ("nasbench201", None)),
    }


def test_what_is_included_comes_first_and_once(suite):
    suite(SUITE, "mine.toml")
    other = 'summary = "o"\nprotocol = "smoke"\ninclude = ["mine.toml", "./mine.toml", "smoke"]\n'
    found = definition.cells(suite(other, "other.toml"))
    mine, shipped = (definition.cells(name) for name in (suite(SUITE), "smoke"))
    assert found == [*mine, *shipped]


def test_plugins_are_named_from_the_folder_of_their_file_and_those_of_included_suites_count(suite, tmp_path):
    (tmp_path / "sub").mkdir()
    suite('plugins = ["mine.py", "../shared.py", "a.module"]\n' + SUITE, "sub/mine.toml")
    name = suite(
        'summary = "o"\nprotocol = "smoke"\ninclude = ["sub/mine.toml"]\nplugins = ["shared.py"]', "other.toml"
    )
    assert definition.plugins(name) == [str(tmp_path / "sub" / "mine.py"), str(tmp_path / "shared.py"), "a.module"]
    assert definition.plugins("smoke") == []


def test_protocols_are_named_from_the_folder_of_their_suite(suite, tmp_path):
    (tmp_path / "sub").mkdir()
    suite(SUITE.replace('"smoke"', '"p.toml"').replace('"paper"', '"../q.toml"'), "sub/mine.toml")
    name = suite('summary = "o"\nprotocol = "smoke"\ninclude = ["sub/mine.toml"]', "other.toml")
    cells, given = definition.cells(name), definition.cells(name, "mine.toml")
    searches, evaluations = str(tmp_path / "sub" / "p.toml"), str(tmp_path / "q.toml")
    assert {cell.protocol for cell in cells} == {searches, "proxy", None, evaluations}
    assert {cell.protocol for cell in given} == {"mine.toml", None}


def test_a_cycle_is_named(suite, tmp_path):
    head = 'summary = "c"\nprotocol = "smoke"\n'
    suite(head + 'include = ["b.toml"]', "a.toml")
    suite(head + 'include = ["./c.toml"]', "b.toml")
    name = suite(head + f'include = ["../{tmp_path.name}/a.toml"]', "c.toml")
    with pytest.raises(
        HarnessError, match=r"c\.toml includes itself: .*c\.toml -> .*a\.toml -> .*b\.toml -> .*c\.toml"
    ):
        definition.cells(name)


WRONG = {
    'summary = 1\nprotocol = "smoke"': "summary = 1 must be a string",
    'summary = "s"': "'protocol' is missing",
    'summary = "s"\nprotocol = "smoke"': "holds no search",
    'summary = "s"\nprotocol = "smoke"\nsearches = 3': "unknown key 'searches'",
    'summary = "s"\nprotocol = "smoke"\nplugins = 3': "plugins = 3 must be a list of Python files or modules",
    'summary = "s"\nprotocol = "smoke"\nsearch = [3]': "search = 3 must be an array of tables",
    SUITE.replace("seed = [0, 1]", "seed = [0, -1]"): "must be a list of whole numbers from 0 to",
    SUITE.replace("seed = [0, 1]", "seed = 4"): "must be a list of whole numbers from 0 to",
    SUITE.replace("seed = [0, 1]\n", ""): "'seed' is missing",
    SUITE.replace('space = ["s1"]', 'space = "s1"'): "space = 's1' must be a list of names",
    SUITE.replace('space = ["s1"]', "space = []"): "space = [] must be a list of names",
    SUITE.replace("lr = [0.1, 0.2]", "lr = []"): "lr = [] must be a value, or a list of some",
    SUITE
    + '[[evaluate]]\nmethod = ["zarst-*"]\n': "an [[evaluate]] table matches no search of this file: {'method': ['z",
    SUITE + "[[evaluate]]\nselected = true\n": "an [[evaluate]] table matches no selection of this file: {}",
    SUITE.replace("set = { lr = [0.1, 0.2], nesterov = true }", "set = 3"): "set = 3 must be a table of settings",
    SUITE.replace('on = "cifar100"', "on = 3"): "on = 3 must be a string",
    SUITE.replace("[[evaluate]]", "[[evaluate]]\nat_epoch = [0]"): "at_epoch = [0] must be a list of whole numbers",
    SUITE.replace("[[evaluate]]", "[[evaluate]]\nat_epoch = []"): "at_epoch = [] must be a list of whole numbers",
    SUITE.replace("[[evaluate]]", "[[evaluate]]\nseed = []"): "seed = [] must be a list of whole numbers from 0 to",
    SUITE.replace("[[evaluate]]", "[[evaluate]]\nseed = 1"): "seed = 1 must be a list of whole numbers from 0 to",
    SUITE.replace("[[evaluate]]", "[[evaluate]]\nepochs = [1]"): "unknown key 'epochs'",
    "summary = ": "is not valid TOML",
}


@pytest.mark.parametrize("text", WRONG, ids=WRONG.values())
def test_a_malformed_suite_is_explained(text, suite):
    name = suite(text)
    with pytest.raises(HarnessError) as error:
        definition.cells(name)
    assert WRONG[text] in str(error.value)
    assert name in str(error.value)


def test_unknown_names_and_files():
    with pytest.raises(HarnessError, match=r"unknown suite 'tabel2'; did you mean 'table2'\?"):
        definition.cells("tabel2")
    with pytest.raises(HarnessError, match=r"suite file absent\.toml cannot be read: No such file"):
        definition.cells("absent.toml")


MANIFEST = {
    "table2": 144,
    "table2-others": 272,
    "table3": 8,
    "table3-others": 60,
    "table4": 2,
    "table4-others": 7,
    "table5-others": 24,
    "supp-table1": 21,
    "supp-table2": 144,
    "supp-table2-others": 144,
    "supp-table4": 3,
    "supp-figure3": 4,
}
"""How many searches the paper's tables and figures are made of."""


@pytest.mark.parametrize("name", MANIFEST)
def test_the_papers_tables_have_as_many_searches_as_the_paper(name):
    searches = searches_of(name)
    assert len(searches) == len(set(searches)) == MANIFEST[name]


def test_the_two_figures_of_convergence_share_their_searches():
    assert set(searches_of("convergence-200")) < set(searches_of("supp-figure3"))


def searches_of(name):
    return [cell for cell in definition.cells(name) if isinstance(cell, SearchCell)]
