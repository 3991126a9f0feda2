"""NATS-Bench's size space: its files in the layout of the official classes, and searches on what they hold.

The file itself is not here: two widths in place of eight make 32 networks, written by the package's own classes."""

from __future__ import annotations

import bz2
import pickle
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from official_nasbench201 import content, info
from toy import run_to_end

from harness.core.errors import HarnessError
from harness.core.genotype import parse
from harness.core.types import Budget
from harness.tables import TABLES, nats_sss
from harness.tables.ground_truth import Importable, opened
from harness.tables.nasbench201 import SPLITS, Table
from harness.testing.toy_table import Made
from methods import CATALOGUE, METHODS
from methods.families import applies, make_search
from methods.tabular.data import TableData
from methods.tabular.looks import Asked, looks
from spaces import SPACES

WIDTHS, SEEDS = ("8", "64"), (777, 888)
ALL = ["cifar10-valid", "cifar10", "cifar100", "ImageNet16-120"]
PLAN = {"01": ALL, "12": ALL, "90": ALL}
SPACE = SPACES["nats-sss-table"]


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(nats_sss, "CHANNELS", WIDTHS)


def made() -> Table:
    """All that the official file would say of 32 networks, in an order of its own."""
    names = [":".join(widths) for widths in product(WIDTHS, repeat=5)][::-1]
    draw, columns = np.random.default_rng(0), {}
    for dataset, splits in SPLITS.items():
        for epochs in (1, 12, 90):
            for split in splits:
                for seed in SEEDS:
                    columns[f"accuracy/{dataset}/{split}/{epochs}/{seed}"] = draw.uniform(10, 90, 32).round(3)
                columns[f"eval_seconds/{dataset}/{split}/{epochs}"] = draw.uniform(1, 2, 32)
            columns[f"train_seconds/{dataset}/{epochs}"] = epochs * draw.uniform(5, 9, 32)
        columns |= {f"{kind}/{dataset}": draw.uniform(0.1, 2, 32) for kind in ("mparams", "mflops")}
    return Table(tuple(names), columns, {})


def official(table: Table, plan=PLAN, api=None) -> dict:
    return content(table, plan, SEEDS, api)


def written(found: object, path: Path) -> Path:
    path.write_bytes(bz2.compress(pickle.dumps(found)))
    return path


def imported(source: Path):
    TABLES["nats-sss"].import_from(source, lambda count: None)
    return TABLES["nats-sss"].open()


def test_what_the_package_writes_is_imported_as_the_package_reads_it(tmp_path: Path) -> None:
    api_utils = pytest.importorskip("nats_bench.api_utils")
    from nats_bench.api_size import NATSsize

    table = made()
    truth = imported(written(official(table, api=api_utils), tmp_path / "size.pickle.pbz2"))
    api = NATSsize(official(table, api=api_utils), verbose=False)
    for index, name in enumerate(api.meta_archs):
        genotype = parse(
            '{"nats-sss": {"inputs": 1, "nodes": ['
            + ", ".join(f'[["{width}", {layer}]]' for layer, width in enumerate(name.split(":")))
            + '], "concat": [5]}}'
        )
        row = truth.row(genotype)
        for dataset in ("cifar10-valid", "cifar100", "ImageNet16-120"):
            ours = dataset.removesuffix("-valid").lower()
            for hp, epochs in (("01", 1), ("12", 12), ("90", 90)):
                known = api.get_more_info(index, dataset, hp=hp, is_random=False)
                assert row[f"valid/{ours}/{epochs}"] == pytest.approx(known["valid-accuracy"], abs=1e-6)
                spent = known["train-all-time"] + known["valid-per-time"]
                assert row[f"seconds/{ours}/{epochs}"] == pytest.approx(spent, abs=1e-5)
        for dataset in ("cifar10", "cifar100", "ImageNet16-120"):
            known = api.get_more_info(index, dataset, hp="90", is_random=False)["test-accuracy"]
            assert truth.accuracies(genotype)[dataset.lower()]["test"] == pytest.approx(known, abs=1e-6)
        assert row["cost/mparams"] == pytest.approx(api.get_cost_info(index, "cifar10", hp="90")["params"], abs=1e-6)


def test_the_folder_says_the_same_as_the_file(tmp_path: Path) -> None:
    table = made()
    truth = imported(written(official(table), tmp_path / "size.pickle.pbz2"))
    folder = tmp_path / "size-simple"
    folder.mkdir()
    written({"meta_archs": list(table.cells)}, folder / "meta.pickle.pbz2")
    for index in range(len(table.cells)):
        written(info(table, index, PLAN, SEEDS), folder / f"{index:06d}.pickle.pbz2")
    again = imported(folder)
    assert {name: values.tolist() for name, values in truth.columns.items()} == {
        name: values.tolist() for name, values in again.columns.items()
    }
    assert opened(TABLES["nats-sss"]).fingerprint == again.fingerprint
    assert "checksum: ok" in TABLES["nats-sss"].check()


def test_a_length_of_training_that_is_not_of_all_is_left_out(tmp_path: Path) -> None:
    truth = imported(written(official(made(), {**PLAN, "01": ALL[:2]}), tmp_path / "size.pickle.pbz2"))
    assert list(truth.epochs) == list(TABLES["nats-sss"].epochs) == [12, 90]


def without(found: dict, index: int) -> dict:
    del found["arch2infos"][index]
    return found


BAD = {
    "its 31 networks are not the size space's 32: 64:64:64:64:64 is missing": lambda: {
        "meta_archs": made().cells[1:],
        "arch2infos": {},
    },
    "it has no results for 1 networks, 3 among them": lambda: without(official(made()), 3),
    "it lacks valid/cifar10/90 of some network": lambda: official(made(), {"12": ALL}),
    "it lacks 'meta_archs'": dict,
}


@pytest.mark.parametrize("said", BAD)
def test_a_bad_file_costs_a_sentence(said: str, tmp_path: Path) -> None:
    source = written(BAD[said](), tmp_path / "size.pickle.pbz2")
    with pytest.raises(HarnessError) as error:
        imported(source)
    assert str(error.value).startswith(f"{source} cannot be imported: {said}")
    assert not (tmp_path / "cache").exists()


def test_a_file_that_names_code_and_one_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"it names .*Path, which is neither data nor was it run"):
        imported(written(Path("x"), tmp_path / "size.pickle.pbz2"))
    (tmp_path / "size.csv").write_text("a,b\n1,2\n")
    with pytest.raises(HarnessError, match="it is not NATS-Bench's size file"):
        imported(tmp_path / "size.csv")
    with pytest.raises(
        HarnessError, match=r"there is no table of NATS-Bench's size space .*harness data import nats-sss"
    ):
        TABLES["nats-sss"].open()


def test_every_kind_of_method_searches_it_before_it_is_imported_too() -> None:
    """By the name of the table, whose numbers are made here."""
    assert isinstance(TABLES["nats-sss"], Importable)
    assert (SPACE.dimension, SPACE.choices) == (40, ((8,),) * 5)
    truth = Made(SPACE, TABLES["nats-sss"])
    assert applies(CATALOGUE["zarts-mgs"], SPACE)
    assert not applies(CATALOGUE["pc-darts"], SPACE)
    for method, settings in (("darts-1st", {"epochs": 2, "alpha_lr": 0.1}), ("rea", {"epochs": 200})):
        parts = METHODS[method].parts(SPACE, Budget(), user=settings)
        search = make_search(parts, SPACE, TableData("cifar100", truth), 0, "cpu", Budget())
        found = search.result(run_to_end(search))
        assert truth.accuracies(found.genotype)["cifar100"]["valid"] > 85
        with pytest.raises(HarnessError, match=r"an objective is about networks .* nats-sss-table is known"):
            METHODS[method].parts(SPACE, Budget(), user={"objective": "valid_loss + flops/1G"})
    with pytest.raises(HarnessError, match="the choices of nats-sss-table have none; set proxy_bias=0"):
        looks(Asked(oracle="proxy"), 90, TableData("cifar100", truth), SPACE, 0)
    plain = looks(Asked(oracle="proxy", proxy_bias=0), 90, TableData("cifar100", truth), SPACE, 0)
    assert len(plain.counts) == 8**5
