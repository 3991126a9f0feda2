"""Tables of the user's own: what a file must be, what becomes of it, and that it is searched as any other table."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from click.testing import CliRunner
from processes import run_folder
from toy import run_to_end
from toy_table import toy_table

from harness.cli import main
from harness.core.errors import HarnessError
from harness.core.genotype import NB201_OPERATIONS
from harness.core.imported import place_of
from harness.core.types import Budget
from harness.tables import TABLES, ground_truth
from harness.tables.importing import import_table
from harness.tables.nasbench201 import SOURCES, Table, open_table
from harness.tables.nasbench201_truth import NasBench201
from harness.tables.tabulating import import_file
from methods import METHODS
from methods.families import make_search
from methods.tabular.data import TableData
from reports.page.runs import rows_of_runs
from reports.records import read
from spaces import SPACES

CONVOLUTIONS, PLACES, DATASETS = ("c3", "c5", "pool"), ("early", "late"), ("made", "cifar10")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def columns() -> dict[str, list[object]]:
    """Six architectures on two data sets; the rows are in another order than the grid's."""
    rows = list(itertools.product(PLACES, CONVOLUTIONS))[::-1]
    found: dict[str, list[object]] = {"choice/op": [row[1] for row in rows], "choice/where": [row[0] for row in rows]}
    for shift, dataset in enumerate(DATASETS):
        for epochs in (3, 10):
            found[f"valid/{dataset}/{epochs}"] = [50.0 + 2 * place + epochs + shift for place in range(6)]
        found[f"test/{dataset}/10"] = [49.5 + 2 * place + shift for place in range(6)]
    return found | {"seconds/made/3": [7.0] * 6, "cost/mparams": [0.5 * place for place in range(6)]}


def written(folder: Path, found: dict[str, list[object]], name: str = "mine.csv") -> Path:
    path = folder / name
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pa.table(found), path)
    else:
        lines = [
            ",".join(found),
            *(",".join("" if v is None else str(v) for v in row) for row in zip(*found.values(), strict=True)),
        ]
        path.write_text("\n".join(lines) + "\n")
    return path


def command(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


@pytest.mark.parametrize("name", ["mine.csv", "mine.parquet"])
def test_a_file_becomes_a_table_with_every_number_in_its_place(name: str, tmp_path: Path) -> None:
    found = columns()
    truth = import_file(written(tmp_path, found, name), "mine")
    assert dict(truth.datasets) == {"made": 0, "cifar10": 10}
    assert (list(truth.epochs), truth.title) == ([3, 10], "mine")
    assert dict(truth.described.choices) == {"op": ("pool", "c5", "c3"), "where": ("late", "early")}
    space = SPACES["mine-table"]
    for place, options in enumerate(zip(found["choice/op"], found["choice/where"], strict=True)):
        code = tuple(e.operations.index(o) for e, o in zip(space.edges, options, strict=True))
        genotype = space.decode(code)
        assert truth.row(genotype) == {name: v[place] for name, v in found.items() if not name.startswith("choice/")}
        assert truth.accuracies(genotype)["made"] == {"valid": 60.0 + 2 * place, "test": 49.5 + 2 * place}
        assert truth.validation("cifar10", 3)[code] == 54.0 + 2 * place
    assert truth.seconds("made", 3).values.tolist() == [[7.0] * 2] * 3
    assert not truth.seconds("made", 10).values.any()
    assert truth.seconds("made", 10).of == "nothing, as the imported file has no times"
    again = TABLES["mine"].open()
    assert ground_truth.opened(again) is again
    assert again.fingerprint == truth.fingerprint
    with pytest.raises(HarnessError, match="is none of mine's architectures"):
        truth.row(SPACES["nasbench201"].decode([0] * 6))


def with_(change: dict[str, list[object] | None], found: dict[str, list[object]] | None = None):
    changed = {**(found or columns()), **change}
    return {name: values for name, values in changed.items() if values is not None}


def first(name: str, value: object) -> dict[str, list[object] | None]:
    """A column with another first value."""
    return {name: [value, *columns()[name][1:]]}


BAD = {
    "its column 'latency' is none of choice/NAME, valid/DATASET/EPOCHS": with_({"latency": [1.0] * 6}),
    "its column 'valid/made/0' is none of": with_({"valid/made/0": [1.0] * 6}),
    "the columns choice/a/NAME do not stand side by side": with_(
        {"choice/a/1": ["o"] * 6, "choice/b/1": ["o"] * 6, "choice/a/2": ["o"] * 6}
    ),
    "it has no column choice/NAME": {k: v for k, v in columns().items() if not k.startswith("choice/")},
    "it has no column valid/DATASET/EPOCHS": {k: v for k, v in columns().items() if not k.startswith("valid/")},
    "it has no column valid/cifar10/3, and every data set needs the same": with_({"valid/cifar10/3": None}),
    "it has no column test/made/10, and every data set": with_({"test/made/10": None}),
    "it has a column seconds/made/4 without the one that is called valid": with_({"seconds/made/4": [1.0] * 6}),
    "it has 5 rows, and its choices make 6 architectures": {k: v[:5] for k, v in columns().items()},
    "rows 1 and 7 are the same architecture": {k: [*v, v[0]] for k, v in columns().items()},
    "it has no rows": {k: [] for k in columns()},
    "row 1 has no choice/op": with_(first("choice/op", None)),
    "'3x3 conv' of choice/op is no option; they are of letters, digits and _": with_(first("choice/op", "3x3 conv")),
    "valid/made/3 in row 1 is missing or not a number; it must be a percentage": with_(first("valid/made/3", None)),
    "test/made/10 in row 1 is missing or not a number": with_(first("test/made/10", "nan")),
    "valid/made/3 in row 1 is 101; it must be a percentage, from 0 to 100": with_(first("valid/made/3", 101.0)),
    "seconds/made/3 in row 1 is -1; it must be finite and not negative": with_(first("seconds/made/3", -1.0)),
    "cost/mparams in row 1 is inf; it must be finite": with_(first("cost/mparams", "inf")),
    "invalid value 'many'": with_(first("cost/mparams", "many")),
}


@pytest.mark.parametrize("said", BAD)
def test_a_bad_file_costs_a_sentence_and_writes_nothing(said: str, tmp_path: Path, cache: Path) -> None:
    path = written(tmp_path, BAD[said])
    with pytest.raises(HarnessError) as error:
        import_file(path, "mine")
    message = str(error.value)
    assert message.startswith(f"{path} cannot be imported: ")
    assert message.endswith(". Nothing was written.")
    assert said in message
    assert not cache.exists()


def test_other_bad_files(tmp_path: Path, cache: Path) -> None:
    twice = tmp_path / "twice.csv"
    twice.write_text("choice/a,valid/x/1,valid/x/1,test/x/1\np,1,1,1\n")
    with pytest.raises(HarnessError, match="it has the column valid/x/1 twice"):
        import_file(twice, "twice")
    with pytest.raises(HarnessError, match="column cost/mparams is of type string and must be numbers"):
        import_file(written(tmp_path, with_({"cost/mparams": ["1"] * 6}), "typed.parquet"), "typed")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(HarnessError, match=r"cannot be imported: .*Nothing was written\.$"):
        import_file(tmp_path / "torn.parquet", "torn")
    with pytest.raises(HarnessError, match=r"absent\.csv does not exist; give a CSV or Parquet file"):
        import_file(tmp_path / "absent.csv", "absent")
    for name in ("cell", "nasbench201", "nats-sss"):
        with pytest.raises(HarnessError, match=f"the name '{name}' means something else here"):
            import_file(written(tmp_path, columns()), name)
    with pytest.raises(HarnessError, match="'My table' is no name of a table"):
        import_file(written(tmp_path, columns()), "My table")
    assert not cache.exists()


def test_a_damaged_table_takes_nothing_else_with_it(tmp_path: Path) -> None:
    import_file(written(tmp_path, columns()), "mine")
    path = place_of("mine")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(HarnessError, match=r"the table .*mine\.table\.zip is damaged .*; import it again"):
        TABLES["mine"]
    assert "mine-table" in SPACES.working()[1]
    assert "darts-none" in command("list", "spaces")
    import_file(written(tmp_path, with_(first("cost/mparams", 9.0))), "mine")
    assert TABLES["mine"].open().columns["cost/mparams"][0, 0] == 9.0


def test_commands_know_it_by_name(tmp_path: Path) -> None:
    assert "6 architectures on made, cifar10" in command("data", "import", "table", written(tmp_path, columns()))
    assert "mine: 6 architectures on made, cifar10, after 3, 10 epochs [imported," in command("list", "tables")
    assert "checksum: ok" in command("data", "check", "mine")
    assert "--name other: the table nats-sss has a name" in command(
        "data", "import", "nats-sss", "x", "--name", "other", code=2
    )
    shown = command(
        *("run", "--method", "darts-1st", "--space", "mine-table", "--dataset", "made", "--epochs", "2"),
        *("--results", tmp_path, "--set", "updates=20", "--set", "alpha_lr=0.1"),
    )
    assert "parameters" not in shown
    folder = run_folder(tmp_path)
    result = json.loads((folder / "result.json").read_text())
    assert result["table"]["made"] == {"valid": 70.0, "test": 59.5}  # the best
    assert "parameters" not in result
    looked_up = json.loads(command("evaluate", folder, "--json"))
    assert looked_up["accuracies"] == result["table"]
    described = command("describe", result["notation"])
    assert "cost/mparams" in described
    assert "2.5" in described
    (row,) = rows_of_runs(read(tmp_path), "last")
    assert (row["finished"], row["parameters"]) == ("yes", "")
    untrained = ("--format", "torch", "--out", tmp_path / "net", "--set", "size=1x4", "--classes", 3)
    assert "is not for a cell of the kind mine" in command("export", result["notation"], *untrained, code=2)
    trained = ("--recipe", "cifar", "--dataset", "digits")
    assert "use --recipe lookup" in command("evaluate", result["notation"], *trained, code=2)


SUITE = """
summary = "one method"
protocol = "smoke"
[[search]]
method = ["random-search"]
space = ["mine-table"]
dataset = ["made"]
seed = [0, 1]
[[evaluate]]
"""


def test_what_is_of_another_table_of_the_name_is_not_taken_for_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs, look-ups and cells of a suite, until they are made anew."""
    monkeypatch.chdir(tmp_path)
    Path("suite.toml").write_text(SUITE)
    imports = ("data", "import", "table", written(tmp_path, columns()))
    search = ("run", "--method=random-search", "--space=mine-table", "--dataset=made", "--protocol=smoke", "--seed=0,1")
    status = ("suite", "status", "suite.toml", "--json")
    command(*imports)
    command(*search)
    folders = sorted(path.parent for path in Path("results").glob("smoke/*/spec.json"))
    command("evaluate", *folders)
    command(*imports)
    assert "2 were done before" in command(*search)
    assert json.loads(command(*status))["totals"] == {"done": 4}

    written(tmp_path, with_({"test/made/10": [1.0] * 6}))
    command(*imports)
    refused = "was made of another table mine than the one that is imported here. Give --again"
    assert command(*search, code=2).count(refused) == 2
    assert f"{next(folders[0].glob('evaluation-*.json'))} {refused}" in command("evaluate", folders[0], code=2)
    assert json.loads(command(*status))["totals"] == {"outdated": 4}
    assert refused in command("suite", "run", "suite.toml", code=2)
    assert "4 cells: 4 outdated" in command("suite", "run", "suite.toml", "--keep")

    command("evaluate", folders[0], "--again")
    command(*search, "--again")
    command("evaluate", *folders)
    assert json.loads(command(*status))["totals"] == {"done": 4}
    (looked_up,) = folders[0].glob("evaluation-*.json")
    assert json.loads(looked_up.read_text())["accuracies"]["made"]["test"] == 1.0


def as_own_file(table: Table, path: Path) -> Path:
    """NAS-Bench-201 in the layout of a user's own table, in the order of the grid."""
    truth, order = NasBench201(table), np.argsort(table.places)
    places = table.operations[order]
    found = {
        f"choice/{node}/{source}": pa.array([NB201_OPERATIONS[o] for o in places[:, number]])
        for number, (node, source) in enumerate(zip("122333", SOURCES, strict=True))
    }
    for dataset, epochs in itertools.product(truth.datasets, truth.epochs):
        found[f"valid/{dataset}/{epochs}"] = truth.validation(dataset, epochs).reshape(-1)
        found[f"seconds/{dataset}/{epochs}"] = truth.seconds(dataset, epochs).values.reshape(-1)
    for dataset in truth.datasets:
        found[f"test/{dataset}/200"] = truth._final[dataset, "test"][order]
    pyarrow.parquet.write_table(pa.table(found), path)
    return path


def hold_to_the_built_in(table: Table, tmp_path: Path) -> None:
    """The same numbers in the same grid, so the same searches to the bit."""
    truth, mine = NasBench201(table), import_file(as_own_file(table, tmp_path / "nb.parquet"), "nb")
    own, space = SPACES["nasbench201-table"], SPACES["nb-table"]
    for method, settings in (
        ("darts-1st", {"epochs": 2, "updates": 20}),
        ("zarts-mgs", {"epochs": 2, "updates": 20}),
        ("rea", {"epochs": 40}),
    ):
        parts, budget = METHODS[method].parts(own, Budget(), user=settings), Budget()
        ends = []
        for at, data in ((own, truth), (space, mine)):
            search = make_search(parts, at, TableData("cifar100", data), 3, "cpu", budget)
            ends.append(search.result(run_to_end(search)))
        ours, theirs = ends
        assert ours.alpha == theirs.alpha
        assert ours.cost.simulated_seconds == theirs.cost.simulated_seconds
        chosen = [[operation for _, cell in end.genotype.cells for operation, _ in cell.edges] for end in ends]
        assert chosen[0] == chosen[1]
        assert truth.accuracies(ours.genotype) == mine.accuracies(theirs.genotype)


def test_nasbench201_in_this_layout_is_searched_as_the_built_in_one(tmp_path: Path) -> None:
    hold_to_the_built_in(toy_table(), tmp_path)


def test_the_real_one_too(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "nasbench201" / "nasbench201.csv.gz"
    hold_to_the_built_in(open_table(import_table(source, tmp_path / "table.parquet")), tmp_path)
