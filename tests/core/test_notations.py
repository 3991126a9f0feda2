"""Whatever people paste: every notation is read as the cell that it means, and none of it is executed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from toy_table import toy_table

from harness.cli import main
from harness.core.errors import HarnessError
from harness.core.genotype import Genotype, parse
from harness.notations import NOTATIONS, WRITERS, looks_like
from harness.notations import parse as read
from spaces.counting import count
from spaces.darts.members import DARTS
from spaces.published import PUBLISHED

V2 = PUBLISHED["DARTS_V2"].genotype
LITERAL = str(V2)
STRING = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|skip_connect~2|"
NB201 = parse(STRING)
TUPLES = (
    "[(('nor_conv_3x3', 0),), (('none', 0), ('avg_pool_3x3', 1)), "
    "(('skip_connect', 0), ('nor_conv_1x1', 1), ('skip_connect', 2))]"
)


def darts(edges: str = "", concat: str = "range(2, 6)") -> str:
    """DARTS_V2, each of its edges and its concats written so."""
    cells = []
    for kind in ("normal", "reduce"):
        listed = ", ".join(edges.format(op=op, source=source) for op, source in V2[kind].edges) if edges else ""
        cells.append(f"{kind}=[{listed}], {kind}_concat={concat}")
    return f"Genotype({', '.join(cells)})"


def nni(wrap: str = "{}", quote: str = '"') -> str:
    items = ["'width': 36", "'depth': 20"]
    for kind in ("normal", "reduce"):
        for state, node in enumerate(V2[kind].nodes, start=2):
            for number, (op, source) in enumerate(node):
                items.append(f"'{kind}/op_{state}_{number}': '{op}'")
                items.append(f"'{kind}/input_{state}_{number}': {wrap.format(source)}")
    return "{" + ", ".join(reversed(items)).replace("'", quote) + "}"


DARTS_TEXTS = {
    "assigned": f"DARTS_V2 = {LITERAL}",
    "several lines": f"MINE=\\\n{LITERAL}".replace("\\\n", "\n  ").replace("), (", "),\n   ("),
    "module": LITERAL.replace("Genotype", "genotypes.Genotype"),
    "quoted": f'"{LITERAL}"',
    "numpy scalars": darts("(np.str_('{op}'), np.int64({source}))"),
    "numpy array": darts("['{op}', {source}]", "np.array([2, 3, 4, 5], dtype=np.int64)"),
    "bare array": darts("('{op}', int64({source}))", "array([2, 3, 4, 5])"),
    "list of range": darts("('{op}', {source})", "list(range(2, 6))"),
    "GDAS weights": darts("('{op}', {source}, 0.13017432391643524)"),
    "numpy weights": darts("('{op}', {source}, np.float32(0.13))"),
    "dictionary": "{" + ", ".join(f"'{k}': {list(V2[k].edges)}, '{k}_concat': range(2, 6)" for k in V2.kinds) + "}",
    "dictionary as JSON": json.dumps(
        {**{k: V2[k].edges for k in V2.kinds}, **{f"{k}_concat": V2[k].concat for k in V2.kinds}}
    ),
    "edges by node": "Genotype("
    + ", ".join(f"{k}={[[(o, s, 0.5) for o, s in n] for n in V2[k].nodes]}, {k}_concat=[2, 3, 4, 5]" for k in V2.kinds)
    + ")",
    "NNI": nni(),
    "NNI in Python": nni("[{}]", "'"),
}
NB201_TEXTS = {
    "blanks": STRING.replace("|", " | ").replace("~", " ~ "),
    "lines": STRING.replace("+", "+\n"),
    "printed": f"Structure(4 nodes with {STRING})",
    "printed by others": f"CellStructure(4 nodes with {STRING})",
    "assigned": f"best = '{STRING}'",
    "tuples": TUPLES,
    "lists": TUPLES.replace("(", "[").replace(",)", "]").replace(")", "]"),
    "constructor": f"CellStructure({TUPLES})",
    "out of order": TUPLES.replace("('none', 0), ('avg_pool_3x3', 1)", "('avg_pool_3x3', 1), ('none', 0)"),
    # Edges 0-1, 0-2, 0-3, 1-2, 1-3, 2-3; operations skip, none, 3x3, 1x1, pool.
    "NASLib": "naslib:(2, 1, 0, 4, 3, 0)",
    "NASLib, other brackets": "NASLib: [2,1,0,4,3,0]",
    # Edges 0-1, 0-2, 1-2, 0-3, 1-3, 2-3; operations none, skip, 1x1, 3x3, pool.
    "NATS-Bench": "nats:(3, 0, 4, 1, 2, 1)",
    "NATS-Bench, bare": "nats: 3 0 4 1 2 1",
}


def harness(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.parametrize(
    ("text", "genotype"),
    [
        *(pytest.param(text, V2, id=name) for name, text in DARTS_TEXTS.items()),
        *(pytest.param(text, NB201, id=name) for name, text in NB201_TEXTS.items()),
    ],
)
def test_a_pasted_cell_is_read_as_what_it_means(text: str, genotype: Genotype) -> None:
    assert looks_like(text)
    assert read(text) == genotype
    assert read(f"\n  {text}\n") == genotype


FAIR_C = (
    "Genotype(normal=[('max_pool_3x3', 2, 0), ('sep_conv_5x5', 2, 1), ('dil_conv_3x3', 4, 0), ('dil_conv_5x5', 4, 2), "
    "('skip_connect', 5, 3), ('sep_conv_3x3', 5, 0)], normal_concat=range(2, 6), reduce=[('dil_conv_3x3', 2, 1), "
    "('dil_conv_5x5', 2, 0), ('dil_conv_3x3', 3, 0), ('sep_conv_3x3', 3, 1), ('sep_conv_5x5', 4, 0), "
    "('sep_conv_5x5', 4, 3), ('sep_conv_5x5', 5, 0), ('skip_connect', 5, 1)], reduce_concat=range(2, 6))"
)
FAIR_E = (
    "Genotype(normal=[('sep_conv_3x3', 2, 0), ('sep_conv_3x3', 2, 1), ('dil_conv_3x3', 4, 1), ('dil_conv_3x3', 4, 2), "
    "('dil_conv_3x3', 5, 0), ('dil_conv_5x5', 5, 1)], normal_concat=range(2, 6), reduce=[('max_pool_3x3', 2, 1), "
    "('max_pool_3x3', 2, 0), ('max_pool_3x3', 3, 1), ('max_pool_3x3', 3, 0), ('sep_conv_5x5', 4, 1), "
    "('max_pool_3x3', 4, 0), ('avg_pool_3x3', 5, 0), ('dil_conv_5x5', 5, 1)], reduce_concat=range(2, 6))"
)
AUXILIARY = 476_426
"""Parameters of the auxiliary head on four nodes of 144 channels, which FairDARTS counts in most of its figures."""


@pytest.mark.parametrize(
    ("text", "millions", "mega", "beside"), [(FAIR_C, 2.59, 400, 0), (FAIR_E, 3.12, 414, AUXILIARY)], ids=["c", "e"]
)
def test_fairdarts_cells_have_the_size_that_it_prints(text: str, millions: float, mega: int, beside: int) -> None:
    """Comments in its fairdarts/genotypes.py; state 3 of both normal cells has no edge, and one of c's reads it."""
    genotype = read(text)
    assert [len(node) for node in genotype["normal"].nodes] == [2, 0, 2, 2]
    assert genotype["normal"].output == (2, 4, 5)
    counted = count(DARTS.network(genotype, 36, 20, 10), 32)
    assert abs((counted.parameters + beside) / 1e6 - millions) < 0.01
    assert abs(counted.macs / 1e6 - mega) < 1


@pytest.mark.parametrize("name", WRITERS)
def test_what_a_notation_writes_it_reads(name: str) -> None:
    genotype = V2 if name in ("darts", "json") else NB201
    shown = harness("describe", str(genotype), "--as", name)
    assert shown.exit_code == 0, shown.output
    assert read(shown.stdout) == genotype
    assert len(shown.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("cell", "name", "message"),
    [
        (STRING, "darts", "has no normal and reduction cell; the DARTS literal cannot say it"),
        (LITERAL, "nb201", "a notation of NAS-Bench-201 cannot say it"),
        (LITERAL, "naslib", "a notation of NAS-Bench-201 cannot say it"),
        (FAIR_C, "darts", "the normal cell has nodes without exactly two edges"),
        (LITERAL, "DART", "unknown notation 'DART'; did you mean 'darts'?"),
        ("zarts-mgs", "json", "zarts-mgs is a method, not a cell; there is nothing to write"),
    ],
)
def test_a_notation_that_cannot_say_a_cell_says_why(cell: str, name: str, message: str) -> None:
    refused = harness("describe", cell, "--as", name)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert message in refused.stderr


def test_a_cell_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    refused = harness("describe", "nb201:6111")
    assert (refused.exit_code, "there is no NAS-Bench-201 table" in refused.stderr) == (2, True)
    table = toy_table()
    table.save(tmp_path / "nasbench201.parquet")
    assert harness("describe", "nb201:6111", "--as", "nb201").stdout.strip() == table.cells[6111]
    assert "no cell 15625; NAS-Bench-201 numbers its cells 0 to 15624" in harness("describe", "nb201:15625").stderr
    assert "the number of a cell follows the colon" in harness("describe", "nb201:x").stderr


GENOTYPES = f"""
from collections import namedtuple
import os
os.mkdir("executed")
Genotype = namedtuple("Genotype", "normal normal_concat reduce reduce_concat")
PRIMITIVES = ["none", "max_pool_3x3"]
FIRST = {LITERAL}
SECOND: Genotype = {darts("('{op}', {source}, 0.1)").replace("skip_connect", "max_pool_3x3")}
DARTS = FIRST
BEST = '{STRING}'
"""


def test_a_file_and_a_name_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("genotypes.py").write_text(GENOTYPES)
    Path("cell.json").write_text(json.dumps(V2.to_json(), indent=2))
    Path("cell.txt").write_text(f"BEST = {LITERAL}\n")
    Path("one.py").write_text(GENOTYPES.split("SECOND")[0])
    for target in ("genotypes.py:FIRST", "genotypes.py:DARTS", "cell.json", "cell.txt", "one.py", "./one.py:FIRST"):
        assert read(target) == V2, target
    assert read("genotypes.py:SECOND")["normal"].count("skip_connect") == 0
    assert harness("describe", "genotypes.py:BEST", "--as", "nb201").stdout.strip() == STRING
    assert not Path("executed").exists()
    for target, message in {
        "genotypes.py": "holds several genotypes, FIRST, SECOND, DARTS, BEST; name one as FILE:NAME",
        "genotypes.py:FRIST": "unknown name in 'genotypes.py' 'FRIST'; did you mean 'FIRST'?",
        "genotypes.py:PRIMITIVES": "is not a genotype",
        "absent.py:FIRST": "the file 'absent.py' cannot be read: No such file",
        "absent.json": "the file 'absent.json' cannot be read: No such file",
    }.items():
        refused = harness("describe", target)
        assert (refused.exit_code, refused.stdout) == (2, ""), target
        assert message in refused.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x00\xff\xfe", "is not UTF-8 text"),
        (b"def f(:", "holds neither a genotype in a notation that is known nor Python"),
        (b"", "holds no genotype"),
        (b"x = 3\n", "holds no genotype"),
        (b"x = " + b"(" * 5000, "nested"),
    ],
    ids=["binary", "syntax", "empty", "number", "brackets"],
)
def test_a_file_without_a_genotype(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "cell.py").write_bytes(content)
    with pytest.raises(HarnessError, match=message):
        read(str(tmp_path / "cell.py"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(2, 1, 0, 4, 3, 0)", "numbers alone are NASLib's op indices or NATS-Bench's; write naslib:"),
        ("naslib:(2, 1, 0, 4, 3)", "cannot be read as NASLib's op indices: expected 6 numbers from 0 to 4"),
        ("naslib:(2, 1, 0, 4, 3, 5)", "expected 6 numbers from 0 to 4"),
        ("normal=[('sep_conv_3x3', 1)]", "comes nearest to a DARTS Genotype(...) literal: Genotype(normal="),
        ("nor_conv_3x3~0", "comes nearest to a NAS-Bench-201 string: |nor_conv_3x3~0|"),
        ("[[1, 2], [3, 4]]", "as the tuples of AutoDL-Projects' CellStructure: [1, 2] is not the list of a node's"),
        (TUPLES.replace("'nor_conv_3x3', 0", "'nor_conv_3x3', 1"), "reads state 1; an edge comes from an earlier"),
        (nni().replace("op_2_0", "op_2_7"), "normal's edge 0 into state 2 must have both an op and an input"),
        (nni().replace("normal/op_2_0", "normal/what"), "'normal/what' is neither KIND/op_STATE_N nor"),
        (nni().replace("op_2_0", "op_999_0"), "normal's nodes are numbered from 2 on"),
        (darts("('{op}', {source})").replace("Genotype(", "Genotype(1, "), "expected Genotype(normal=..., normal_c"),
        (darts("('{op}', __import__('os').getpid())"), "\"__import__('os').getpid()\" is not a literal"),
        (darts("('{op}', {source})", "range(2, 10**9)"), "is not a literal"),
        (darts("('{op}', {source})", f"range(2, {10**20})"), "longer than any cell"),
        (FAIR_C.replace("5, 3", f"{10**12}, 3"), "normal names state 1000000000000, and has few edges"),
        (FAIR_C.replace("5, 3", "1, 3"), "leads into state 1, which is an input"),
        ("{" * 40_000, "cannot be read as JSON"),
        ("[" * 40_000, "too many nested parentheses"),
        ("Genotype(" * 40_000, "too many nested parentheses"),
        ("Genotype(normal=" + "9" * 5000 + ")", "cannot be read as a DARTS"),
        ("Genotype(\x1b[31m\u202e", "\\x1b[31m\\u202e"),
    ],
    ids=lambda text: text[:24] if isinstance(text, str) else "",
)
def test_what_cannot_be_read_is_explained_in_one_short_sentence(text: str, message: str) -> None:
    refused = harness("describe", text)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert message in refused.stderr
    assert len(refused.stderr) < 350
    assert refused.stderr[:-1].isprintable()


def test_a_text_of_no_notation_names_those_that_are_usual() -> None:
    with pytest.raises(HarnessError, match="'qqq' is not a genotype; give JSON, a DARTS Genotype"):
        read("qqq")


def test_nothing_is_executed(tmp_path: Path) -> None:
    file = tmp_path / "executed"
    code = f"open({str(file)!r}, 'w').close()"
    for text in (
        f"Genotype(normal={code})",
        darts("('{op}', {source})", code),
        f"[[({code}, 0)]]",
        f"{{'normal/op_2_0': {code}}}",
        f"naslib:({code})",
        f"x = {code}",
    ):
        with pytest.raises(HarnessError):
            read(text)
    assert not file.exists()


def test_every_notation_shows_an_example_that_looks_like_it() -> None:
    for notation in NOTATIONS:
        assert notation.looks.match(notation.example), notation.name
