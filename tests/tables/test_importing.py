"""Importing NAS-Bench-201: every official form, parity with the packages, and files that are wrong or hostile."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pytest
import torch
from official_nasbench201 import CSV_MEANS, SPLITS, content, csv, info
from toy_table import toy_table

from harness.core.errors import HarnessError
from harness.core.unpickling import unpickle
from harness.tables import importing as importer
from harness.tables.importing import import_table, size, summary
from harness.tables.nasbench201 import CELLS, MEAN, Table, all_cells, open_table

SEEDS = (777, 999)
"""Of the official files here: half of the cells lack the second."""
FEW = 40
LEAN = {"less": ["cifar10-valid"], "full": ["cifar10-valid", "cifar100"]}


@pytest.fixture(scope="module")
def toy() -> Table:
    return toy_table()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "table.parquet"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """A benchmark of the toy table's first cells alone, where a test need not write 15,625 files."""
    known = list(toy_table().cells[:FEW])
    monkeypatch.setattr(importer, "CELLS", FEW)
    monkeypatch.setattr(importer, "all_cells", lambda: known)
    return FEW


def cut(toy: Table) -> Table:
    return Table(toy.cells[:FEW], {name: values[:FEW] for name, values in toy.columns.items()}, {})


def refused(source: Path, target: Path, *fragments: str) -> None:
    with pytest.raises(HarnessError) as error:
        import_table(source, target)
    message = str(error.value)
    assert message.startswith(str(source))
    assert message.endswith(" Nothing was written.")
    assert len(message) < 500
    for fragment in fragments:
        assert fragment in message
    assert not target.parent.exists()


def same_where_held(found: Table, toy: Table, rows: int = CELLS) -> None:
    """Single trainings and costs are the toy's to the rounding; a mean is over the seeds that the file has."""
    for name, values in found.columns.items():
        if name.endswith(f"/{MEAN}"):
            trials = [toy.columns[f"{name.removesuffix(MEAN)}{seed}"][:rows] for seed in SEEDS]
            np.testing.assert_allclose(values, np.nanmean(trials, axis=0), atol=1e-6)
        else:
            np.testing.assert_allclose(values, toy.columns[name][:rows], atol=1e-6)


# The official files


def test_a_whole_official_file_comes_out_as_it_went_in(toy: Table, tmp_path: Path, target: Path) -> None:
    """All cells, written by the package's own classes."""
    api = pytest.importorskip("nas_201_api.api_utils", reason="the package nas-bench-201 is not installed")
    torch.save(content(toy, {"less": ["cifar10-valid"]}, (777,), api), tmp_path / "NAS-Bench-201-toy.pth")
    table = open_table(import_table(tmp_path / "NAS-Bench-201-toy.pth", target))
    assert table.cells == toy.cells
    assert len(table.columns) == 2 * 2 + 1 + 2 + 2
    for name, values in table.columns.items():
        np.testing.assert_allclose(values, toy.columns[name.replace(MEAN, "777")], atol=1e-6)
    assert table.provenance["source"] == "NAS-Bench-201-toy.pth"
    with pytest.raises(HarnessError, match="no accuracy/cifar10-valid/valid/200/mean"):
        table.column("cifar10-valid", "valid", 200, "mean")


def test_the_table_answers_as_the_official_package(toy: Table, few: int, tmp_path: Path, target: Path) -> None:
    package = pytest.importorskip("nas_201_api", reason="the package nas-bench-201 is not installed")
    plan = {"less": ["cifar10-valid"], "full": list(SPLITS)}
    torch.save(content(cut(toy), plan, SEEDS, package.api_utils), tmp_path / "a.pth")
    table = open_table(import_table(tmp_path / "a.pth", target))
    assert table.provenance["form"] == "NAS-Bench-201's file"
    same_where_held(table, toy, few)
    api = package.NASBench201API(torch.load(tmp_path / "a.pth", weights_only=False), verbose=False)
    queries = [("cifar10-valid", 12), *((dataset, 200) for dataset in SPLITS)]
    for index, (dataset, epochs) in product(range(few), queries):
        cell, name = table.cells[index], dataset.lower()
        assert api.query_index_by_arch(cell) == table.index(cell) == index
        for seed in (*api.arch2infos_dict[index][str(epochs)].get_dataset_seeds(dataset), MEAN):
            answer = api.get_more_info(index, dataset, hp=str(epochs), is_random=seed if seed != MEAN else False)
            for split in ("valid", "test"):
                if f"{split}-accuracy" in answer:
                    ours = table.accuracy(cell, name, split, epochs, seed)
                    assert ours == pytest.approx(answer[f"{split}-accuracy"], abs=1e-6)
        split = "valid" if "valid-per-time" in answer else "test"
        spent = table.train_seconds(name, epochs) + table.eval_seconds(name, split, epochs)
        assert spent[index] == pytest.approx(answer["train-all-time"] + answer[f"{split}-per-time"], abs=2e-6)
        costs = api.get_cost_info(index, dataset, hp=str(epochs))
        assert table.mparams(name)[index] == pytest.approx(costs["params"], abs=1e-6)
        assert table.mflops(name)[index] == pytest.approx(costs["flops"], abs=1e-6)


def test_nats_bench_s_files_of_all_data_sets(toy: Table, few: int, tmp_path: Path, target: Path) -> None:
    """One file, its folder with a file for each cell, and its package's answers."""
    nats = pytest.importorskip("nats_bench", reason="the package nats-bench is not installed")
    whole = content(cut(toy), {"12": list(SPLITS), "200": list(SPLITS)}, SEEDS, nats.api_utils)
    nats.pickle_save(whole, str(tmp_path / "NATS-tss-toy.pickle"))
    (tmp_path / "simple").mkdir()
    nats.pickle_save(whole | {"arch2infos": None}, str(tmp_path / "simple" / "meta.pickle"))
    for index, states in whole["arch2infos"].items():
        nats.pickle_save(states, str(tmp_path / "simple" / f"{index:06d}.pickle"))
    api = nats.create(whole, "tss", fast_mode=False, verbose=False)
    for source, form in (("NATS-tss-toy.pickle.pbz2", "NATS-Bench's file"), ("simple", "NATS-Bench's folder")):
        table = open_table(import_table(tmp_path / source, target))
        assert table.provenance["form"] == form
        assert {name.split("/")[1] for name in table.columns} == {name.lower() for name in SPLITS}
        same_where_held(table, toy, few)
        for index in range(few):
            for dataset, split in (("cifar10", "test"), ("ImageNet16-120", "valid"), ("ImageNet16-120", "valtest")):
                answer = api.get_more_info(index, dataset, hp="200", is_random=False)[f"{split}-accuracy"]
                ours = table.accuracy(index, dataset.lower(), split.replace("valtest", "valid+test"), 200, MEAN)
                assert ours == pytest.approx(answer, abs=1e-6)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_both_forms_of_torch_files_without_the_package(
    legacy: bool, toy: Table, few: int, tmp_path: Path, target: Path
) -> None:
    whole = content(cut(toy), {"less": ["cifar10-valid"], "full": list(SPLITS)}, SEEDS)
    torch.save(whole, tmp_path / "a.pth", _use_new_zipfile_serialization=not legacy)
    same_where_held(open_table(import_table(tmp_path / "a.pth", target)), toy, few)


@pytest.mark.parametrize(
    "forget",
    [
        lambda trial: trial.update(train_times=None, eval_times={}),
        lambda trial: (trial.pop("train_times"), trial.pop("eval_times")),
        lambda trial: trial.update(train_times={199: 3.0}, eval_times={"x-valid": 1.0}),
    ],
    ids=["empty", "absent", "partial"],
)
def test_costs_that_were_not_recorded_for_all_cells_are_left_out(
    forget: Callable[[dict[str, Any]], object], toy: Table, few: int, tmp_path: Path, target: Path
) -> None:
    """Older trainings were not timed."""
    whole = content(cut(toy), LEAN, SEEDS)
    for trial in whole["arch2infos"][3]["full"]["all_results"].values():
        forget(trial)
    torch.save(whole, tmp_path / "a.pth")
    table = open_table(import_table(tmp_path / "a.pth", target))
    assert {name for name in table.columns if "seconds" in name} == {
        "train_seconds/cifar10-valid/12",
        "eval_seconds/cifar10-valid/valid/12",
        "eval_seconds/cifar10-valid/test/12",
    }
    same_where_held(table, toy, few)


def test_where_trainings_disagree_on_a_size_one_seed_counts(toy: Table, few: int, tmp_path: Path, target: Path) -> None:
    nats = pytest.importorskip("nats_bench", reason="the package nats-bench is not installed")
    whole = content(cut(toy), {"200": ["cifar10"], "12": ["cifar10"]}, (777, 888, 999), nats.api_utils)
    for states in whole["arch2infos"].values():
        states["200"]["all_results"]["cifar10", 777].update(params=9.0, flop=99.0)
        for trial in states["12"]["all_results"].values():
            trial.update(params=5.0, flop=55.0)
    table = open_table(import_table(write_nats(whole, tmp_path / "a.pickle.pbz2"), target))
    np.testing.assert_allclose(table.mparams("cifar10"), toy.mparams("cifar10")[:few], atol=1e-6)
    np.testing.assert_allclose(table.mflops("cifar10"), toy.mflops("cifar10")[:few], atol=1e-6)
    api = nats.create(whole, "tss", fast_mode=False, verbose=False)
    assert table.mparams("cifar10")[3] == pytest.approx(api.get_cost_info(3, "cifar10", hp="200")["params"])


def damage(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda whole: (change(whole), whole)[1]


def trials(whole: dict[str, Any]) -> dict[tuple[str, int], dict[str, Any]]:
    return whole["arch2infos"][7]["full"]["all_results"]


def set_accuracy(value: object) -> Callable[[dict[str, Any]], object]:
    return damage(lambda whole: trials(whole)["cifar100", 777]["eval_acc1es"].update({"x-valid@199": value}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda whole: [1, 2], "list indices must be integers"),
        (lambda whole: {"state_dict": {}}, "it lacks 'meta_archs'"),
        (damage(lambda whole: whole.pop("arch2infos")), "it lacks 'arch2infos'"),
        (damage(lambda whole: whole["arch2infos"].pop(5)), "it has no results for 1 cells, 5 among them"),
        (damage(lambda whole: whole["meta_archs"].pop()), "its 39 cells are not the benchmark's 40: |"),
        (damage(lambda whole: whole["meta_archs"].__setitem__(3, whole["meta_archs"][4])), "| is there twice"),
        (damage(lambda whole: whole["meta_archs"].reverse()), "the results of cell 0, |"),
        (damage(lambda whole: whole["arch2infos"][7].update({"90": {}})), "it lacks '90'"),
        (damage(lambda whole: trials(whole)["cifar100", 777].update(epochs=90)), "a training of 200 epochs has 90"),
        (damage(lambda whole: trials(whole)["cifar100", 777].pop("eval_acc1es")), "it lacks 'eval_acc1es'"),
        (damage(lambda whole: trials(whole).pop(("cifar100", 777))), "accuracy/cifar100/test/200/mean is missing"),
        (set_accuracy(100.1), "accuracy/cifar100/valid/200/777 is 100.1 for cell 7, |"),
        (set_accuracy(-1), "accuracy/cifar100/valid/200/777 is -1.0 for cell 7, |"),
        (set_accuracy(float("inf")), "accuracy/cifar100/valid/200/777 is inf for cell 7, |"),
        (set_accuracy("high"), "could not convert string to float"),
    ],
)
def test_an_official_file_that_is_no_whole_table(
    change: Callable[[Any], Any], message: str, toy: Table, few: int, tmp_path: Path, target: Path
) -> None:
    torch.save(change(content(cut(toy), LEAN, (777,))), tmp_path / "a.pth")
    refused(tmp_path / "a.pth", target, message)


# The CSV file


@pytest.fixture(scope="module")
def lines(toy: Table) -> list[str]:
    return csv(toy).decode().splitlines(keepends=True)


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_the_csv_comes_out_as_it_went_in(
    zipped: bool, lines: list[str], toy: Table, tmp_path: Path, target: Path
) -> None:
    text = "".join(lines).encode()
    (tmp_path / "table").write_bytes(gzip.compress(text, 1) if zipped else text)
    table = open_table(import_table(tmp_path / "table", target))
    assert table.provenance["form"] == "CSV"
    assert len(table.columns) == 12 + 9 + 2 + 6 + 6
    for name, values in table.columns.items():
        np.testing.assert_allclose(values, toy.columns[name], atol=1e-6, err_msg=name)


def without(column: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: [lines[0].replace(column, f"{column}_old"), *lines[1:]]


def with_value(row: int, column: str, value: str) -> Callable[[list[str]], list[str]]:
    def change(lines: list[str]) -> list[str]:
        place = [name.strip('"') for name in lines[0].strip().split(",")].index(column)
        fields = lines[row + 1].strip().split(",")
        fields[place] = value
        return [*lines[: row + 1], ",".join(fields) + "\n", *lines[row + 2 :]]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:1], "its 0 cells are not the benchmark's 15,625"),
        (lambda lines: lines[:-1], "its 15,624 cells are not the benchmark's 15,625: |"),
        (lambda lines: [*lines[:5000], lines[5000][:40]], "CSV parse error"),
        (lambda lines: lines[:100] + lines[101:], "its rows are not numbered 0, 1, 2 and so on"),
        (lambda lines: [*lines[:100], lines[100], *lines[100:]], "its rows are not numbered"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "its rows are not numbered"),
        (without("arch_str"), "it has no column arch_str"),
        (without("c100_test_acc_12"), "it has no column c100_test_acc_12"),
        (with_value(9, "arch_str", "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"), "is there twice"),
        (with_value(9, "c10_test_acc_200", ""), "accuracy/cifar10/test/200/mean is missing for cell 9, |"),
        (with_value(9, "c10_test_acc_200", "nan"), "accuracy/cifar10/test/200/mean is missing for cell 9, |"),
        (with_value(9, "c10_test_acc_200", "943.7"), "accuracy/cifar10/test/200/mean is 943.7 for cell 9, |"),
        (with_value(9, "c10_test_acc_200", "good"), "c10_test_acc_200, or one that is not all numbers"),
        (with_value(9, "mflops_c10", "-3"), "mflops/cifar10 is -3.0 for cell 9, |"),
    ],
)
def test_a_csv_that_is_no_whole_table(
    change: Callable[[list[str]], list[str]], message: str, lines: list[str], tmp_path: Path, target: Path
) -> None:
    (tmp_path / "table.csv").write_text("".join(change(lines)))
    refused(tmp_path / "table.csv", target, message)


# Files that are damaged, something else, or hostile


class Evil:
    """Runs a command where a pickle is trusted."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


def write_torch(value: Any, path: Path) -> Path:
    torch.save(value, path)
    return path


def write_legacy(value: Any, path: Path) -> Path:
    torch.save(value, path, _use_new_zipfile_serialization=False)
    return path


def write_nats(value: Any, path: Path) -> Path:
    path.write_bytes(bz2.compress(pickle.dumps(value, protocol=4)))
    return path


def write_folder(value: Any, path: Path) -> Path:
    path.mkdir()
    write_nats(value, path / "meta.pickle.pbz2")
    return path


def write_folder_of_good_cells(value: Any, path: Path) -> Path:
    path.mkdir()
    write_nats({"meta_archs": all_cells()}, path / "meta.pickle.pbz2")
    write_nats(value, path / "000000.pickle.pbz2")
    return path


@pytest.mark.parametrize(
    "write", [write_torch, write_legacy, write_nats, write_folder, write_folder_of_good_cells], ids=lambda f: f.__name__
)
def test_a_file_that_would_run_code_runs_none(
    write: Callable[[Any, Path], Path], toy: Table, tmp_path: Path, target: Path
) -> None:
    flag = tmp_path / "flag"
    evil = Evil(f"touch {flag}")
    pickle.loads(pickle.dumps(evil))
    assert flag.exists(), "the attack itself must work"
    flag.unlink()
    source = write({"meta_archs": list(toy.cells), "arch2infos": {0: evil}}, tmp_path / "source")
    refused(source, target, f"it names {os.system.__module__}.system, which is neither data nor was it run")
    assert not flag.exists()


@pytest.mark.parametrize("proto", range(6))
@pytest.mark.parametrize(
    "name",
    ["builtins eval", "builtins getattr", "os system", "numpy load", "collections OrderedDict.fromkeys.__call__"],
)
def test_a_pickle_names_nothing_but_the_stand_ins(name: str, proto: int) -> None:
    module, attribute = name.split()
    stacked = pickle.SHORT_BINUNICODE + bytes([len(module)]) + module.encode()
    stacked += pickle.SHORT_BINUNICODE + bytes([len(attribute)]) + attribute.encode() + pickle.STACK_GLOBAL
    named = stacked if proto >= 4 else pickle.GLOBAL + f"{module}\n{attribute}\n".encode()
    with pytest.raises(pickle.UnpicklingError, match=f"it names {module}.{attribute}"):
        unpickle(io.BytesIO(pickle.PROTO + bytes([proto]) + named + b")R."))


@pytest.mark.parametrize("proto", range(6))
def test_numbers_and_containers_come_out(proto: int) -> None:
    value = {
        ("cifar10-valid", 777): [np.float64(1.5), np.float32(0.25), np.int64(-3), np.bool_(True), None],
        "set": {1, 2},
        "bytes": b"\x00\xff",
        "text": "ü",
    }
    assert unpickle(io.BytesIO(pickle.dumps(value, protocol=proto))) == value
    big_endian = pickle.dumps(np.frombuffer(b"\x00\x01", ">i2")[0], protocol=proto)
    assert unpickle(io.BytesIO(big_endian)) == 1
    if proto < 4:  # numpy 1, which the official files were written with, had another name for this
        old = pickle.dumps(np.float64(1.5), protocol=proto).replace(b"numpy._core.", b"numpy.core.")
        assert unpickle(io.BytesIO(old)) == 1.5


def test_a_number_cannot_smuggle_an_object() -> None:
    stream = pickle.dumps(np.float64(1.0), protocol=2).replace(b"f8", b"O8")
    with pytest.raises(ValueError, match="OBJECT"):
        unpickle(io.BytesIO(stream))


WRONG = {
    "nothing": b"",
    "html": b"<!DOCTYPE html><html><body>Quota exceeded</body></html>",
    "text": b"hello",
    "pickle": pickle.dumps({"meta_archs": []}),
    "bzip2 of text": bz2.compress(b"hello"),
    "gzip of text": gzip.compress(b"hello"),
    "half a gzip": gzip.compress(os.urandom(5000))[:2500],
    "a zip's first bytes": b"PK\x03\x04",
    "header alone": b"index,arch_str\n",
    "parquet": b"PAR1",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_something_else(name: str, tmp_path: Path, target: Path) -> None:
    (tmp_path / "source").write_bytes(WRONG[name])
    refused(tmp_path / "source", target)


def test_archives_of_other_things(tmp_path: Path, target: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("a.txt", "hello")
    refused(tmp_path / "photos.zip", target, "it is a zip archive without the one data.pkl")
    refused(write_torch({"weight": torch.ones(3)}, tmp_path / "model.pth"), target, "it names torch._utils._rebuild")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", target, "No such file or directory", "meta.pickle.pbz2")
    for absent in (tmp_path / "absent", tmp_path / "model.pth" / "x"):
        with pytest.raises(HarnessError, match=r"does not exist; give NAS-Bench-201's .pth"):
            size(absent)


def test_truncated_and_flipped_official_files(toy: Table, few: int, tmp_path: Path, target: Path) -> None:
    whole = content(cut(toy), LEAN, (777,))
    for write in (write_torch, write_legacy, write_nats):
        source = write(whole, tmp_path / f"{write.__name__}.file")
        data = source.read_bytes()
        for length in (1, 20, 200, len(data) // 2, len(data) - 1):
            source.write_bytes(data[:length])
            refused(source, target)
        middle = len(data) // 2
        source.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
        if write is not write_legacy:  # the others have a checksum
            refused(source, target)


def test_a_full_disk_leaves_the_table_that_was_there(
    lines: list[str], tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "table.csv").write_text("".join(lines))
    import_table(tmp_path / "table.csv", target)
    before = target.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HarnessError, match="No space left on device"):
        import_table(tmp_path / "table.csv", target)
    assert target.read_bytes() == before
    assert list(target.parent.iterdir()) == [target]


def test_progress_counts_the_bytes_twice(toy: Table, few: int, tmp_path: Path, target: Path) -> None:
    source = tmp_path / "simple"
    source.mkdir()
    write_nats({"meta_archs": list(toy.cells[:few])}, source / "meta.pickle.pbz2")
    for index in range(few):
        write_nats(info(cut(toy), index, {"12": ["cifar10-valid"]}, (777,)), source / f"{index:06d}.pickle.pbz2")
    seen: list[int] = []
    import_table(source, target, seen.append)
    assert sum(seen) == 2 * size(source)


# The real table


def test_the_check_figures_of_the_benchmark(shared_data: Path, target: Path) -> None:
    source = shared_data / "nasbench201" / "nasbench201.csv.gz"
    table = open_table(import_table(source, target))
    best = {
        ("cifar10-valid", "valid"): (6111, 91.607, 39.769),
        ("cifar10", "test"): (6111, 94.373, 54.297),
        ("cifar100", "valid"): (9930, 73.493, 15.033),
        ("cifar100", "test"): (9930, 73.513, 15.607),
        ("imagenet16-120", "valid"): (10676, 46.733, 16.433),
        ("imagenet16-120", "test"): (857, 47.311, 16.322),
    }
    skips = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|"
    assert table.index(skips) == 1835
    for query, (index, accuracy, of_skips) in best.items():
        column = table.column(*query, 200, MEAN)
        assert (column.argmax(), round(column.max(), 3)) == (index, accuracy)
        assert round(table.accuracy(skips, *query, 200, MEAN), 3) == of_skips
    raw = pyarrow.csv.read_csv(source)
    np.testing.assert_array_equal(table.isomorphs, raw["isomorph_of_index_6466"].to_numpy())
    seeds = np.isfinite(table.trials("cifar10-valid", "valid", 200)).sum(axis=0)
    np.testing.assert_array_equal(seeds, raw["n_seeds_200"].to_numpy())
    for theirs, ours in CSV_MEANS.items():
        for epochs in (12, 200):
            np.testing.assert_array_equal(table.column(*ours.split("/"), epochs, MEAN), raw[f"{theirs}_acc_{epochs}"])
    # Only the means are given for CIFAR-10; of what is given twice, the mean is that of the trainings.
    trials = table.trials("cifar10-valid", "valid", 200)
    np.testing.assert_allclose(np.nanmean(trials, axis=0), table.column("cifar10-valid", "valid", 200, MEAN), atol=1e-6)
    # Every epoch of a cell was assigned one time, in proportion to the images, so that 12 epochs follow from 200.
    seconds = table.train_seconds("cifar10-valid", 200)
    np.testing.assert_allclose(table.train_seconds("cifar100", 200), 2 * seconds, rtol=1e-8)
    np.testing.assert_allclose(table.train_seconds("imagenet16-120", 200), 151_700 / 25_000 * seconds, rtol=1e-8)
    np.testing.assert_allclose(table.train_seconds("cifar10-valid", 12), 0.06 * seconds, atol=1e-6)
    assert "15,625 with seed 777, 15,625 with seed 888, 8,169 with seed 999" in summary(table, target)
