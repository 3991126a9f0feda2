"""`harness suite pack` and `unpack`: records travel, and nothing else does."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from processes import forked, harness
from toy_table import write_toy_table

from harness.cli import main
from harness.core import packed
from harness.core.packed import Few, spread, steps

SUITE = """
summary = "searches on a made table"
protocol = "smoke"
[[search]]
method = ["zarts-rs", "random-search"]
space = ["nasbench201-table"]
dataset = ["cifar10"]
seed = "0-1"
set = { epochs = 4 }
"""
STEPS = [{"epoch": epoch, "table": {"test": test}} for epoch, test in enumerate((90.0, 90.0, 91.0, 91.0, 91.0))]
SEARCH = ("run", "--space=nasbench201-table", "--dataset=cifar10", "--protocol=smoke", "--set=epochs=4")


def command(*arguments: object) -> str:
    """What it prints. A failure raises AssertionError with what it says."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 2, result.output
    return result.stderr


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a suite, and results in which three of its four searches are done, one of them evaluated."""
    folder = tmp_path_factory.mktemp("done")
    (folder / "cache").mkdir()
    write_toy_table(folder / "cache" / "nasbench201.parquet")
    (folder / "mine.toml").write_text(SUITE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(folder / "cache"))
        command(*SEARCH, "--method=zarts-rs", "--seed=0-1", f"--results={folder / 'results'}")
        command(*SEARCH, "--method=random-search", "--seed=0", f"--results={folder / 'results'}")
        (run,) = folder.glob("results/smoke/random-search-*/spec.json")
        command("evaluate", run.parent)
    return folder


@pytest.fixture
def here(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to work in, whose caches are its own."""
    shutil.copytree(done, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HARNESS_CACHE", "cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "here" / "cache"))
    return tmp_path / "here"


def texts(folder: Path, pattern: str) -> dict[str, str]:
    return {f"{path.parent.name}/{path.name}": path.read_text() for path in sorted(folder.glob(pattern))}


def table_of(*arguments: object) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(command("report", "anytime", "--format=csv", *arguments)))


def test_what_is_packed_reads_as_the_folders_do(here: Path) -> None:
    assert "3 of 4 searches" in command("suite", "pack", "mine.toml", "--out=study")
    assert [path.name for path in Path("study").iterdir()] == ["cifar10.parquet"]
    of_study, of_folders = (table.drop(columns=["low", "high"]) for table in (table_of("--results=study"), table_of()))
    pd.testing.assert_frame_equal(of_study, of_folders, rtol=1e-4, atol=1e-4)  # to the digits that are kept


def test_methods_and_studies_are_compared_packed_too(here: Path) -> None:
    command("suite", "pack", "mine.toml", "--out=study")
    methods = ("compare", "zarts-rs", "random-search", "--format=json")
    of_study, of_folders = (json.loads(command(*methods, *of)) for of in (["--results=study"], []))
    assert of_study[0]["mean_a"] == pytest.approx(of_folders[0]["mean_a"], rel=1e-5)
    for study in ("study", "study/cifar10.parquet"):
        same = json.loads(command("compare", study, "results", "--format=json"))
        assert [one["benchmark"].partition(" on ")[0] for one in same] == ["random-search", "zarts-rs"]
        assert all(one["difference"] == pytest.approx(0, abs=1e-3) for one in same)


def test_a_study_is_named_by_its_own_path(here: Path) -> None:
    command("suite", "pack", "mine.toml", "--out=study")
    table = pq.read_table("study/cifar10.parquet")
    pq.write_table(table.filter(pa.compute.equal(table["file"], "protocol.toml")), "study/cifar10.parquet")
    assert "there are no runs in study;" in refused("report", "--results=study")
    assert "there are no runs in study;" in refused("compare", "a", "b", "--results=study")


def test_what_is_large_is_packed_in_parts(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command("suite", "pack", "mine.toml", "--out=study")
    Path("study", "cifar100.parquet").write_bytes(b"another's")
    (whole,) = here.glob("study/cifar10.parquet")
    monkeypatch.setattr(packed, "SMALL", whole.stat().st_size - 1)
    sizes = json.loads(command("suite", "pack", "mine.toml", "--out=study", "--json"))["bytes"]
    names = ["cifar10-1-of-2.parquet", "cifar10-2-of-2.parquet"]
    assert sizes == {f"study/{name}": Path("study", name).stat().st_size for name in names}
    Path("study", "cifar100.parquet").unlink()
    assert sorted(path.name for path in Path("study").iterdir()) == names
    kept = [set(pq.read_table(Path("study", name)).column("run").to_pylist()) - {"smoke"} for name in names]
    assert sorted(map(len, kept)) == [1, 2]
    assert kept[0].isdisjoint(kept[1])
    command("suite", "unpack", "study", "--results=other")
    assert texts(Path("other"), "*/*/spec.json") == texts(Path("results"), "*/*/spec.json")
    monkeypatch.setattr(packed, "SMALL", 1)  # less than a run takes
    assert len(json.loads(command("suite", "pack", "mine.toml", "--out=study", "--json"))["bytes"]) == 3
    monkeypatch.setattr(packed, "SMALL", 1_000_000)
    command("suite", "pack", "mine.toml", "--out=study")
    assert [path.name for path in Path("study").iterdir()] == ["cifar10.parquet"]


def test_a_suite_goes_on_from_what_is_unpacked(here: Path) -> None:
    (run,) = here.glob("results/smoke/random-search-*/")
    (run / "validation-smoke-digits-8x16-s0-0123abcd.json").write_text("{}")  # a selection's short training
    command("suite", "pack", "mine.toml", "--out=study")
    assert "3 runs unpacked" in command("suite", "unpack", "study", "--results=other")
    assert texts(Path("other"), "*/*/spec.json") == texts(Path("results"), "*/*/spec.json")
    names = {path.name for path in Path("other").glob("*/*/*")}
    assert names == {
        "spec.json",
        "result.json",
        "records.jsonl",
        *(p.name for p in here.glob("results/*/*/*ation-*.json")),
    }
    found = json.loads(command("suite", "status", "mine.toml", "--results=other", "--json"))
    assert found["totals"] == {"done": 3, "queued": 1}
    assert "0 runs unpacked" in command("suite", "unpack", "study", "--results=other")


def test_what_is_unpacked_where_there_is_no_table_stays_done(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command("suite", "pack", "mine.toml", "--out=study")
    command("suite", "unpack", "study", "--results=other")
    monkeypatch.setenv("HARNESS_CACHE", "none")
    assert "was done before" in command(*SEARCH, "--method=zarts-rs", "--seed=0", "--results=other")
    (run,) = Path("other").glob("smoke/random-search-*")
    assert "lookup was done before" in command("evaluate", run)
    assert json.loads(command("suite", "status", "mine.toml", "--results=other", "--json"))["totals"]["done"] == 3


def test_long_records_are_thinned_to_what_curves_read(here: Path) -> None:
    command("suite", "pack", "mine.toml", "--out=study", "--epochs=2")
    command("suite", "unpack", "study", "--results=other")
    (path,) = here.glob("other/smoke/zarts-rs*-s0-*/records.jsonl")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [record["epoch"] for record in records] == [0, 3]
    assert set(records[0]) == {"epoch", "steps", "valid_loss", "table", "cost"}
    assert all(record["cost"]["seconds"] == float(f"{record['cost']['seconds']:.2g}") for record in records)
    (result,) = here.glob("other/smoke/zarts-rs*-s0-*/result.json")
    (whole,) = here.glob("results/smoke/zarts-rs*-s0-*/result.json")
    assert set(json.loads(whole.read_text())) - set(json.loads(result.read_text())) == {"alpha"}
    assert [record["epoch"] for record in steps(STEPS)] == [0, 2, 4]
    assert Few(3).of_records(STEPS) == [STEPS[0], STEPS[2], STEPS[4]]
    assert steps(STEPS[:1]) == STEPS[:1]
    assert steps(STEPS[:3]) == [STEPS[0], STEPS[2]]
    assert steps([{"epoch": 0}, *STEPS[1:]]) == [{"epoch": 0}, *STEPS[1:]]  # not of a table
    assert spread(range(50), 3) == [0, 6, 49]
    assert spread(range(3), 3) == [0, 1, 2]
    assert spread(range(3), 1) == [2]


def test_a_suite_with_a_method_of_its_own_is_packed(here: Path) -> None:
    """In a process of its own: a plugin stays."""
    Path("own.py").write_text(
        "from methods.catalogue import CATALOGUE\nMETHODS = {'mine': CATALOGUE['random-search']}\n"
    )
    Path("own.toml").write_text('plugins = ["own.py"]\n' + SUITE.replace('"random-search"', '"mine"'))
    ended = forked(harness(["suite", "pack", "own.toml", "--out=study"]))
    assert ended.code == 0, ended.err
    assert "2 of 4 searches" in ended.out


def test_cells_on_the_way_that_a_suite_evaluates_are_kept(here: Path) -> None:
    Path("mine.toml").write_text(SUITE.replace(', "random-search"', "") + "[[evaluate]]\nat_epoch = [2]\n")
    command("suite", "pack", "mine.toml", "--out=study", "--epochs=1")
    command("suite", "unpack", "study", "--results=other")
    first, second = sorted(here.glob("other/smoke/zarts-rs*"))
    records = [json.loads(line) for line in (first / "records.jsonl").read_text().splitlines()]
    assert [(record["epoch"], "genotype" in record) for record in records] == [(1, True), (3, False)]
    for run in (first, second):
        command("evaluate", run, "--at-epoch=2")
    status = json.loads(command("suite", "status", "mine.toml", "--results=other", "--json"))
    assert status["totals"] == {"done": 4}
    assert "does not keep the cell after epoch 3" in refused("evaluate", first, "--at-epoch=3")


def pretend_other_code() -> None:
    """Of all runs."""
    for path in Path("results").glob("*/*/spec.json"):
        saved = json.loads(path.read_text())
        saved["code"] = dict.fromkeys(saved["code"], "another")
        path.write_text(json.dumps(saved))


def test_what_other_code_has_done_is_kept_if_asked_for(here: Path) -> None:
    pretend_other_code()
    assert "made by other code" in refused("suite", "run", "mine.toml", "--device=cpu")
    before = texts(Path("results"), "*/*/result.json")
    command("suite", "run", "mine.toml", "--device=cpu", "--keep")
    after = texts(Path("results"), "*/*/result.json")
    assert len(after) == 4
    assert before.items() <= after.items()


def test_what_other_code_has_left_unfinished_is_not_kept(here: Path) -> None:
    pretend_other_code()
    unfinished = next(Path("results").glob("smoke/zarts-rs-*"))
    (unfinished / "result.json").unlink()
    before = texts(Path("results"), "*/*/result.json")
    said = refused("suite", "run", "mine.toml", "--device=cpu", "--keep")
    assert f"{unfinished} was made by other code" in said
    assert "Give --again to make it anew" in said
    assert texts(Path("results"), "*/*/result.json") == before
    command("suite", "run", "mine.toml", "--device=cpu", "--keep", "--again")
    after = texts(Path("results"), "*/*/result.json")
    assert len(after) == 4
    assert before.items() <= after.items()
    assert [path.name for path in Path("results").glob("smoke/.replaced/*/*")] == [unfinished.name]


@pytest.mark.parametrize(
    "row",
    [
        ("../outside", "spec.json", "{}"),
        ("smoke/run", "../../spec.json", "{}"),
        ("smoke/..", "spec.json", "{}"),
        ("smoke/run", "code.py", ""),
        ("/tmp/run", "spec.json", "{}"),
    ],
)
def test_a_study_cannot_write_elsewhere(here: Path, row: tuple[str, str, str]) -> None:
    columns = dict(zip(("run", "file", "text"), ([item] for item in row), strict=True))
    pq.write_table(pa.table(columns), "bad.parquet")
    before = sorted(here.rglob("*"))
    assert "bad.parquet is no study" in refused("suite", "unpack", "bad.parquet", "--results=results")
    assert sorted(here.rglob("*")) == before


def test_a_damaged_study_is_named(here: Path) -> None:
    command("suite", "pack", "mine.toml", "--out=study")
    path = Path("study", "cifar10.parquet")
    path.write_bytes(path.read_bytes()[:-100])
    assert "cifar10.parquet is damaged" in refused("report", "--results=study")
    assert not list(Path("cache", "harness", "studies").iterdir())


def test_a_study_of_another_version_of_a_protocol_is_not_mixed_in(here: Path) -> None:
    command("suite", "pack", "mine.toml", "--out=study")
    copy = Path("results", "smoke", "protocol.toml")
    copy.write_text(copy.read_text() + "# another\n")
    assert "another version of protocol 'smoke'" in refused("suite", "unpack", "study")


def test_selections_are_packed_and_that_one_failed_to_be_evaluated_is_not(here: Path) -> None:
    for name in ("selection-a.json", "selection-a.evaluation-b.failed.json"):
        Path("results", "smoke", name).write_text("{}")
    command("suite", "pack", "mine.toml", "--out=study")
    command("suite", "unpack", "study", "--results=other")
    assert [path.name for path in Path("other", "smoke").glob("*.json")] == ["selection-a.json"]


def test_what_is_packed_below_the_runs_hides_none_of_them(here: Path) -> None:
    command("suite", "pack", "mine.toml", "--out=results/packed")
    command(*SEARCH, "--method=random-search", "--seed=1")
    table = table_of()
    assert set(table.n[table.method == "random-search"]) == {2}
    assert "results is no packed study" in refused("suite", "unpack", "results", "--results=other")


def test_a_protocol_that_is_not_beside_its_runs_is_named(here: Path) -> None:
    Path("results", "smoke", "protocol.toml").unlink()
    assert "results/smoke/protocol.toml, the copy of the protocol" in refused(
        "suite", "pack", "mine.toml", "--out=study"
    )


def test_nothing_to_pack_is_said(here: Path) -> None:
    assert "no search of suite 'mine.toml' is done" in refused(
        "suite", "pack", "mine.toml", "--out=s", "--results=none"
    )
    assert not Path("s").exists()
