"""HW-NAS-Bench: the official layout and the Parquet file become one table; what is wrong or hostile does not."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy_table import toy_table

from harness.core.errors import HarnessError
from harness.tables.hardware import COSTS, DATASETS, cost_grid, open_hardware
from harness.tables.hardware_benchmark import HardwareBenchmark
from harness.tables.importing_hardware import PREFIXES, import_hardware

CELLS = toy_table().cells
INDEX = np.arange(len(CELLS), dtype=np.float64)


def value(name: str, dataset: str) -> np.ndarray:
    """A number for each cell by its index, another for each cost and data set; the Edge TPU cannot run cell 11."""
    found = 1 + INDEX / 1000 + 20 * COSTS.index(name) + list(DATASETS).index(dataset)
    return np.where((INDEX == 11) & (name == "edgetpu_latency"), -1.0, found)


def content(make: Any = list) -> dict[str, Any]:
    """The official file: search space, data set, cost, cell; `make` is what the numbers are in."""
    by_dataset = {
        theirs: {
            "config": [{"name": "infer.tiny", "C": 16, "N": 5, "arch_str": cell, "num_classes": 10} for cell in CELLS],
            **{name: make(value(name, ours)) for name in COSTS},
            "eyeriss_arithmetic_intensity": make(INDEX),
        }
        for ours, theirs in DATASETS.items()
    }
    return {"nasbench201": by_dataset, "fbnet": {"edgegpu_latency": {"FC_Cin1504_Cout100": 0.1}}}


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("official") / "HW-NAS-Bench-v1_0.pickle"
    path.write_bytes(pickle.dumps(content(lambda values: values.tolist()), protocol=3))
    return path


def test_the_official_file_becomes_the_table(official: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    table = open_hardware(import_hardware(official, tmp_path / "hw.parquet", seen.append))
    assert sum(seen) == 2 * official.stat().st_size
    assert table.cells == CELLS
    assert len(table.columns) == len(COSTS) * len(DATASETS)
    for number in (0, 7, 15624):
        place = tuple(table.operations[number])
        assert cost_grid(table, "fpga_energy", "cifar100")[place] == value("fpga_energy", "cifar100")[number]
    with pytest.raises(HarnessError, match="no edgetpu_latency of 1 cells on cifar10, which the device could not run"):
        cost_grid(table, "edgetpu_latency", "cifar10")


@pytest.mark.parametrize("make", [np.asarray, list, lambda values: [np.asarray(v) for v in values[:100]]])
def test_numbers_may_be_numpys(make: Any, tmp_path: Path) -> None:
    """As arrays, as their scalars; arrays of one are what the official API would take, too."""
    path, few = tmp_path / "file.pickle", content()
    for of in few["nasbench201"].values():
        for name in COSTS:
            of.pop(name)
    few["nasbench201"]["cifar10"]["fpga_latency"] = make(value("fpga_latency", "cifar10"))
    path.write_bytes(pickle.dumps(few, protocol=4))
    if len(few["nasbench201"]["cifar10"]["fpga_latency"]) < len(CELLS):
        with pytest.raises(HarnessError, match="fpga_latency on cifar10 is not one number for each of 15,625 cells"):
            import_hardware(path, tmp_path / "hw.parquet")
    else:
        table = open_hardware(import_hardware(path, tmp_path / "hw.parquet"))
        assert table.columns["fpga_latency/cifar10"].tolist() == value("fpga_latency", "cifar10").tolist()


def test_a_parquet_file_is_the_same_table(official: Path, tmp_path: Path) -> None:
    columns = {f"{PREFIXES[ours]}_{name}": value(name, ours) for ours in DATASETS for name in COSTS}
    pq.write_table(pa.table({"arch_str": list(CELLS), **columns}), tmp_path / "file.parquet")
    ours = open_hardware(import_hardware(tmp_path / "file.parquet", tmp_path / "a.parquet"))
    theirs = open_hardware(import_hardware(official, tmp_path / "b.parquet"))
    assert ours.columns.keys() == theirs.columns.keys()
    assert all(np.array_equal(ours.columns[name], theirs.columns[name], equal_nan=True) for name in ours.columns)


class Hostile:
    def __reduce__(self) -> Any:
        return print, ("run",)


def broken(change: Any) -> bytes:
    value = content(lambda values: values.tolist())
    change(value["nasbench201"])
    return pickle.dumps(value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (lambda: pickle.dumps({"nasbench201": Hostile()}), "it names builtins.print"),
        (lambda: pickle.dumps({"fbnet": {}}), "it has no nasbench201"),
        (lambda: pickle.dumps([1, 2]), "it has no nasbench201"),
        (lambda: broken(lambda of: of.pop("cifar100")), "nasbench201 has no cifar100"),
        (lambda: broken(lambda of: of["cifar10"].pop("config")), "cifar10 has no config"),
        (
            lambda: broken(lambda of: of["cifar10"]["raspi4_latency"].pop()),
            "raspi4_latency on cifar10 is not one number",
        ),
        (lambda: broken(lambda of: of["cifar10"]["fpga_energy"].__setitem__(3, -2.0)), "fpga_energy on cifar10 is -2"),
        (lambda: broken(lambda of: of["cifar10"]["fpga_energy"].__setitem__(3, float("inf"))), "is inf for cell 3"),
        (lambda: broken(lambda of: of["cifar10"]["config"].reverse()), "in another order than those on"),
        (lambda: broken(lambda of: of["cifar10"]["config"].pop()), "are not the benchmark's 15,625"),
        (lambda: b"PAR1 and no more", "cannot be imported"),
        (lambda: b"", "cannot be imported"),
    ],
)
def test_what_is_wrong_costs_one_sentence_and_no_file(data: Any, said: str, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "file.pickle").write_bytes(data())
    with pytest.raises(HarnessError, match=said) as caught:
        import_hardware(tmp_path / "file.pickle", tmp_path / "hw.parquet")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "hw.parquet").exists()
    assert capsys.readouterr().out == ""


def test_the_real_costs(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """README of HW-NAS-Bench: cell 0 on CIFAR-10."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    HardwareBenchmark().import_from(shared_data / "nasbench201" / "hardware.parquet", lambda count: None)
    row = open_hardware().row(
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    )
    assert row["edgegpu_latency/cifar10"] == pytest.approx(5.807418537139893)
    assert row["fpga_energy/cifar10"] == pytest.approx(18.01072)
    assert "4,699 cells missing" in HardwareBenchmark().check()
