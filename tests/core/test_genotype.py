"""Genotypes: three notations, read and written without loss, and never executed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.core.genotype import (
    Cell,
    Genotype,
    from_darts,
    from_json,
    from_nb201,
    looks_like,
    parse,
    to_darts,
    to_nb201,
)

EDGES = "[('sep_conv_3x3', 0), ('skip_connect', 1), ('max_pool_3x3', 2), ('none', 0)]"
NODES = ((("sep_conv_3x3", 0), ("skip_connect", 1)), (("max_pool_3x3", 2), ("none", 0)))
TWO = Cell(2, NODES, (2, 3))
DARTS = Genotype((("normal", TWO), ("reduce", Cell(2, NODES, (3,)))))
UNPAIRED = Genotype((("normal", TWO), ("reduce", Cell(2, ((("noise", 1),),), (2,)))))
STRING = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|skip_connect~2|"
NB201 = parse(STRING)


def literal(**changes: str) -> str:
    fields = {"normal": EDGES, "normal_concat": "[2, 3]", "reduce": EDGES, "reduce_concat": "[3]"} | changes
    return f"Genotype({', '.join(f'{name}={value}' for name, value in fields.items())})"


def changed(**changes: object) -> str:
    """JSON with other entries in the normal cell."""
    data = DARTS.to_json()
    data["normal"] |= changes
    return json.dumps(data)


@pytest.mark.parametrize("genotype", [DARTS, UNPAIRED, NB201], ids=["darts", "unpaired", "nasbench201"])
def test_every_notation_keeps_everything(genotype: Genotype) -> None:
    assert parse(str(genotype)) == genotype
    assert from_json(genotype.to_json()) == genotype
    assert parse(json.dumps(genotype.to_json())) == genotype
    assert parse(f"  {genotype}\n") == genotype
    assert looks_like(f" {genotype}")


def test_the_usual_notation_is_the_papers() -> None:
    assert str(DARTS) == to_darts(DARTS) == literal()
    assert str(NB201) == to_nb201(NB201) == STRING
    assert json.loads(str(UNPAIRED)) == UNPAIRED.to_json()
    with pytest.raises(HarnessError, match="the reduce cell has nodes without exactly two edges"):
        to_darts(UNPAIRED)


@pytest.mark.parametrize(
    "text",
    [
        literal(normal_concat="range(2, 4)"),
        literal(normal_concat="(2, 3)", reduce_concat="range(3, 4)"),
        literal(normal=EDGES.replace("(", "[").replace(")", "]")),
        literal().replace(", ", ",\n   ").replace("=", " = "),
        f"Genotype(reduce={EDGES}, reduce_concat=[3], normal={EDGES}, normal_concat=[2, 3])",
        json.dumps(dict(reversed(DARTS.to_json().items())), indent=4),
    ],
    ids=["range", "tuple", "lists", "whitespace", "order", "json-order"],
)
def test_variants_of_one_cell(text: str) -> None:
    assert parse(text) == DARTS


def test_cells_answer_questions() -> None:
    assert DARTS.family == "darts"
    assert NB201.family == "nasbench201"
    assert DARTS["normal"].count("skip_connect", "none") == 2
    assert DARTS["normal"].edges == tuple(edge for node in NODES for edge in node)


WRONG = {
    "": "is not a genotype",
    "DARTS_V2": "is not a genotype",
    # The literal
    "Genotype": "expected Genotype\\(normal=",
    "Genotype(": "was never closed",
    "Genotype()": "expected Genotype\\(normal=",
    "Genotype(3)": "expected Genotype\\(normal=",
    "Genotype(**{})": "expected Genotype\\(normal=",
    literal().replace("Genotype", "Genotypes"): "expected Genotype\\(normal=",
    literal(more="[]"): "expected Genotype\\(normal=",
    literal(normal="3"): "normal's edges must be a list, not 3",
    literal(normal="[]"): "a cell has no nodes",
    literal(normal="[('none', 0)]"): "normal lists 1 edges, and every node takes two",
    literal(normal="[('none', 0), ('none',)]"): "is not an edge",
    literal(normal="[('none', 0), (0, 'none')]"): "is not an edge",
    literal(normal="[('none', 0), ('none', 2)]"): "'none' into state 2 reads state 2; .* 0 to 1",
    literal(normal="[('none', 0), ('none', -1)]"): "reads state -1",
    literal(normal="[('none', 0), ('none', '1')]"): "must be a whole number, not '1'",
    literal(normal="[('none', 0), ('no|ne', 1)]"): "'no|ne' into state 2 is not the name of an operation",
    literal(normal_concat="[4]"): "concat \\[4\\] must name nodes, 2 to 3",
    literal(normal_concat="[0, 2]"): "concat \\[0, 2\\] must name nodes, 2 to 3",
    literal(normal_concat="[2, 2]"): "each at most once",
    literal(normal_concat="[]"): "concat \\[\\] must name nodes",
    literal(normal_concat="range(2, 10**12)"): "'10 \\*\\* 12' is not a literal",
    literal(normal_concat=f"range(2, {10**30})"): "longer than any cell",
    literal(normal_concat="range(2, 4, 0)"): "must not be zero",
    literal(normal_concat="2"): "normal's concat must be a list, not 2",
    literal(normal="[" * 5000): "nested|never closed|too many",
    # The string of NAS-Bench-201
    "|": "node 1 must start and end",
    "||": "node 1 must be \\|operation~state",
    "|none~0|+|none~0|none~1|": "has 3 nodes",
    "|none~0|+|none~1|none~0|+|none~0|none~1|none~2|": "reads all states before it in order",
    "|none~0|+|none~0|none~x|+|none~0|none~1|none~2|": "node 2 must be",
    "|none~0|+|none|none~1|+|none~0|none~1|none~2|": "node 2 must be",
    # JSON
    "{": "cannot be read",
    "{}": "cells \\[\\] are of no known family",
    '{"normal": 3}': "the normal cell must be an object of inputs, nodes, concat",
    '{"normal": {"inputs": 2}}': "the normal cell must be an object of inputs, nodes, concat",
    changed(inputs=3): "reads state|the normal cell has 3 inputs; it must have 2|must name nodes",
    changed(inputs="2"): "normal's inputs must be a whole number, not '2'",
    changed(inputs=True): "normal's inputs must be a whole number, not True",
    changed(nodes="ab"): "normal's nodes must be a list",
    changed(nodes=[]): "a cell has no nodes",
    changed(nodes=[[]], concat=[2]): "no edge reaches a node of concat \\[2\\]; the cell has no output",
    changed(nodes=[[["none", 0.7]]]): "must be a whole number, not 0.7",
    changed(nodes=[[[3, 0]]]): "is not an edge",
    changed(concat=[2.0]): "normal's concat must be a whole number",
    changed(more=1): "must be an object of inputs, nodes, concat",
    '{"normal": {"inputs": 1e400, "nodes": [], "concat": []}}': "must be a whole number, not inf",
    '{"a":' * 100_000: "nested too deeply",
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:40])
def test_what_is_no_genotype_is_explained(text: str) -> None:
    with pytest.raises(HarnessError, match=WRONG[text]) as error:
        parse(text)
    assert len(str(error.value)) < 300


def test_a_text_is_never_executed(tmp_path: Path) -> None:
    file = tmp_path / "executed"
    code = f"open({str(file)!r}, 'w').close()"
    for text in (f"Genotype(normal={code})", literal(normal=code), literal(normal_concat=f"range({code})")):
        with pytest.raises(HarnessError):
            parse(text)
    assert not file.exists()


@pytest.mark.parametrize("reader", [from_darts, from_nb201])
def test_readers_of_one_notation_refuse_another(reader) -> None:
    with pytest.raises((ValueError, SyntaxError)):
        reader(json.dumps(DARTS.to_json()))


def test_a_nasbench201_cell_is_complete() -> None:
    nodes = NB201["cell"].nodes
    for wrong in (Cell(1, nodes, (1, 3)), Cell(1, nodes[:2], (2,)), Cell(1, (*nodes[:2], nodes[2][::-1]), (3,))):
        with pytest.raises(HarnessError, match="a NAS-Bench-201 cell has 3 nodes"):
            Genotype((("cell", wrong),))
