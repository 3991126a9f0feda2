"""What `harness describe` says of each kind of name."""

from __future__ import annotations

import json

import pytest

from harness.core.errors import HarnessError
from harness.data.catalogue import DATASETS
from harness.describing.describe import describe
from harness.runs import protocol
from methods import CATALOGUE
from spaces import SPACES
from spaces.published import PUBLISHED

KINDS = {
    **dict.fromkeys(CATALOGUE, "method"),
    **dict.fromkeys(SPACES, "space"),
    **dict.fromkeys(DATASETS, "dataset"),
    **dict.fromkeys(protocol.available(), "protocol"),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_registered_name_has_its_own_description(name: str) -> None:
    found = describe(name, classes=10)
    assert (found.name, found.kind) == (name, KINDS[name])
    assert str(found).startswith(f"{name} ({KINDS[name]})\n\nsummary\n  ")
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["kind"] == KINDS[name]
    assert all(line == line.rstrip() for line in str(found).splitlines())


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_cell_has_its_notation_and_size(name: str) -> None:
    found = describe(name, classes=10)
    assert found.genotype == PUBLISHED[name].genotype
    assert found.facts["notation"] in str(found)
    assert f"{found.facts['parameters']:,}" in str(found)


def test_one_cell_in_two_notations_and_for_more_classes() -> None:
    string = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|skip_connect~2|"
    found = describe(string, classes=10)
    assert found.facts["notation"] == string
    assert describe(json.dumps(found.facts["genotype"]), classes=10).facts == found.facts
    assert describe(string, classes=20).facts["parameters"] == found.facts["parameters"] + 10 * (64 + 1)


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_table_of_hyper_parameters_fits_the_terminal(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (80, 100, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        found = describe(name, classes=10)
        longest = max(len(f"  {item['allowed']}") for item in found.facts["settings"].values())
        assert max(map(len, str(found).splitlines())) <= max(width, longest + 70)
    monkeypatch.setenv("COLUMNS", "1000")
    assert max(map(len, str(describe(name, classes=10)).splitlines())) <= 120
    shown = "".join(str(found).split())  # wherever the lines were broken
    for setting, facts in found.facts["settings"].items():
        assert setting in shown
        assert "".join(facts["source"].split()) in shown


def test_edges_with_the_same_candidates_are_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert [line.split("  ")[0] for line in describe("darts", 10).sections["normal cell: candidates per edge"]] == [
        "every edge"
    ]
    lines = describe("mobile", 10).sections["mobile cell: candidates per edge"]
    assert lines[0].startswith("1 <- 0, 5 <- 4, 9 <- 8,        mbconv3_3x3, ")
    assert lines[1] == "13 <- 12, 17 <- 16, 21 <- 20"
    assert lines[3].startswith("6 <- 5, 7 <- 6, 8 <- 7, ")
    assert lines[3].endswith(" skip_connect")


def test_what_differs_on_other_spaces_is_said_once_for_all_of_them() -> None:
    sections = describe("zarts-mgs", classes=10).sections
    rows = [" ".join(row.split()) for row in sections["different on other spaces"]]
    assert "s1, s2, s3, s4 sigma = 0.2" in rows


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("zarts-msg", "unknown name 'zarts-msg'; did you mean 'zarts-mgs'?"),
        ("darts_v2", "unknown name 'darts_v2'; did you mean"),
        ("qqqq", "unknown name 'qqqq'; known: "),
        ("", "unknown name ''; known: "),
        ("{}", "of no known family"),
        ("absent.toml", "protocol file absent.toml cannot be read"),
    ],
)
def test_a_name_that_is_nothing(name: str, message: str) -> None:
    with pytest.raises(HarnessError) as error:
        describe(name, classes=10)
    assert message in str(error.value)


def test_a_folder_that_is_no_finished_run(tmp_path) -> None:
    run = {"method": "m", "space": "s1", "dataset": "d", "seed": 0, "protocol": {}, "classes": 10}
    for content, message in (
        (None, "has no result.json: it is no run folder, or its run is not done"),
        ("{", "cannot be read as JSON"),
        ("[]", "is damaged: it is no JSON object with method"),
        (json.dumps(run), "is damaged: it is no JSON object with .* genotype"),
        (json.dumps(run | {"genotype": 3}), "'3' is not a genotype"),
        (json.dumps(run | {"genotype": {"normal": 3}}), "the normal cell must be an object"),
    ):
        if content is not None:
            (tmp_path / "result.json").write_text(content)
        with pytest.raises(HarnessError, match=message):
            describe(str(tmp_path), classes=10)


def test_a_protocol_that_one_recipe_cannot_follow(tmp_path) -> None:
    path = tmp_path / "short.toml"
    path.write_text(
        'name = "short"\nversion = 1\nsummary = "one epoch"\n[settings]\n[evaluation.settings]\nepochs = 1\n'
    )
    shown = str(describe(str(path), classes=10))
    assert "imagenet: not under this protocol; lr_schedule=linear takes more than 5 epochs and epochs=1." in shown
    assert "DARTS train.py" in shown  # the others' settings
