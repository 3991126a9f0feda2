"""Run folders become frames: whatever is unfinished or damaged is named, and versions are never mixed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from run_folders import notation, write_lookup, write_run, write_selection, write_training

from harness.core.errors import HarnessError
from reports.records import Records, compute, having, read


def test_frames_are_tidy(tmp_path: Path) -> None:
    folder = write_run(tmp_path, days=0.5)
    write_training(folder, 2.5)
    found = read(tmp_path)
    run = found.runs.iloc[0]
    assert (run.method, run.space, run.seed, run.seconds, run.device) == (
        "zarts-mgs",
        "s1",
        0,
        43200,
        "NVIDIA GeForce RTX 2080 Ti",
    )
    assert run.settings == {"samples": 4, "sigma": 0.2, "finetune_steps": 10}
    assert list(found.epochs.run.unique()) == [folder.name]
    assert list(found.epochs.epoch) == [0, 1]
    assert list(found.epochs["operations.normal.skip"]) == [0, 1]
    assert list(found.epochs["cost.seconds"]) == [21600, 43200]
    evaluation = found.evaluations.iloc[0]
    assert (evaluation.test_error_last, evaluation.test_error_best, evaluation["size"]) == (2.5, 2.4, "20x36")
    assert found.notes == ()


def test_a_look_up_is_one_row_per_data_set(tmp_path: Path) -> None:
    write_lookup(
        write_run(tmp_path), {"cifar10": {"valid": 90.0, "test": 93.0}, "cifar100": {"valid": 70.0, "test": 71.0}}
    )
    found = read(tmp_path).select().evaluations
    assert dict(zip(found.dataset, found.test_accuracy, strict=True)) == {"cifar10": 93.0, "cifar100": 71.0}


def test_evaluations_of_cells_on_the_way_stand_apart(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    write_training(folder, 3.0)
    write_training(folder, 4.0, cell=notation(0))
    write_training(folder, 5.0, cell=notation(0), protocol="smoke")
    found = read(tmp_path).select("paper")
    assert list(found.evaluations.test_error_last) == [3.0]
    assert list(found.earlier.test_error_last) == [4.0]
    assert found.notes == ("1 evaluations under other protocols (smoke) left out",)
    assert found.where({"samples": "9"}).earlier.empty


def test_runs_that_differ_in_the_seed_alone_share_a_configuration(tmp_path: Path) -> None:
    write_run(tmp_path, seed=0)
    write_run(tmp_path, seed=1)
    write_run(tmp_path, seed=0, settings={"samples": 2})
    assert read(tmp_path).runs.groupby("configuration").size().tolist() == [1, 2]


def test_an_unfinished_run_is_kept_and_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path, finished=False)
    write_run(tmp_path, seed=1)
    found = read(tmp_path).select()
    assert len(found.runs) == 2
    assert len(found.finished) == 1
    assert len(found.epochs) == 4
    assert found.notes == (f"1 unfinished, left out of tables: {folder.name}",)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("spec.json", "{", "Expecting property name"),
        ("spec.json", "{}", "no 'spec'"),
        ("spec.json", "[]", "spec.json is no JSON object"),
        ("result.json", "{}", "no 'cost'"),
        ("records.jsonl", '{"epoch": 0}\n{"epo', "records.jsonl, line 2"),
        ("records.jsonl", "3\n", "records.jsonl, line 1"),
        ("records.jsonl", b"\xff\xfe", "codec"),
    ],
)
def test_a_damaged_run_is_named_warned_of_and_left_out(
    tmp_path: Path, file: str, content: str | bytes, words: str
) -> None:
    bad, good = write_run(tmp_path, seed=0), write_run(tmp_path, seed=1)
    (bad / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    warnings: list[str] = []
    found = read(tmp_path, warnings.append)
    assert list(found.runs.run) == [good.name]
    assert set(found.epochs.run) == {good.name}
    assert len(warnings) == 1
    assert str(bad) in warnings[0]
    assert words in warnings[0]
    assert len(found.select().notes) == 1


@pytest.mark.parametrize(
    "content", ["", '{"kind": "training"}', '{"kind": "other", "protocol": {"name": "a", "version": 1}}']
)
def test_a_damaged_evaluation_is_left_out_and_its_run_is_not(tmp_path: Path, content: str) -> None:
    folder = write_run(tmp_path)
    write_training(folder, 2.5)
    (folder / "evaluation-bad.json").write_text(content)
    warnings: list[str] = []
    found = read(tmp_path, warnings.append)
    assert len(found.runs) == len(found.evaluations) == 1
    assert len(warnings) == 1
    assert "evaluation-bad.json" in warnings[0]


def test_a_failed_evaluation_of_what_was_selected_is_no_selection(tmp_path: Path) -> None:
    chosen, other = write_run(tmp_path, seed=0), write_run(tmp_path, seed=1)
    selection = write_selection(chosen, other, among="seed")
    selection.with_name(f"{selection.stem}.evaluation-paper-0123abcd.failed.json").write_text('{"reason": "no memory"}')
    warnings: list[str] = []
    assert set(read(tmp_path, warnings.append).chosen) == {chosen.name}
    assert warnings == []


def test_of_two_selections_both_count_unless_one_is_among_some_of_the_others_searches(tmp_path: Path) -> None:
    runs = [write_run(tmp_path, seed=seed) for seed in range(3)]
    write_selection(runs[0], runs[1], among="seed")
    assert set(read(tmp_path).select().runs.run) == {runs[0].name, runs[2].name}
    other = write_selection(runs[1], runs[0], among="seed")
    assert set(read(tmp_path).select().runs.run) == {run.name for run in runs}
    other.unlink()
    write_selection(runs[2], *runs[:2], among="seed")
    assert set(read(tmp_path).select().runs.run) == {runs[2].name}


def test_protocols_are_never_mixed(tmp_path: Path) -> None:
    write_run(tmp_path, protocol="paper")
    write_run(tmp_path, protocol="proxy")
    with pytest.raises(HarnessError, match="2 protocols, paper, proxy"):
        read(tmp_path).select()
    assert list(read(tmp_path).select("proxy").runs.protocol) == ["proxy"]


def test_versions_of_a_protocol_are_never_mixed(tmp_path: Path) -> None:
    write_run(tmp_path, version=1)
    write_run(tmp_path, version=2)
    with pytest.raises(HarnessError, match="2 versions of protocol 'paper', 1 and 2"):
        read(tmp_path).select("paper")


def test_versions_of_an_evaluation_s_protocol_are_never_mixed(tmp_path: Path) -> None:
    write_training(write_run(tmp_path, seed=0), 2.5, version=1)
    write_training(write_run(tmp_path, seed=1), 2.5, version=2)
    with pytest.raises(HarnessError, match="the evaluations are of 2 versions"):
        read(tmp_path).select()


def test_an_evaluation_under_another_protocol_is_left_out_and_counted(tmp_path: Path) -> None:
    write_training(write_run(tmp_path), 2.5, protocol="smoke")
    found = read(tmp_path).select()
    assert found.evaluations.empty
    assert found.notes == ("1 evaluations under other protocols (smoke) left out",)


def test_the_devices_of_a_run_that_moved_are_all_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    saved = json.loads((folder / "spec.json").read_text())
    saved["environments"] += [{"device": "cpu (x86_64)"}, {"device": "cpu (x86_64)"}]
    (folder / "spec.json").write_text(json.dumps(saved))
    assert read(tmp_path).runs.device[0] == "NVIDIA GeForce RTX 2080 Ti + CPU"


@pytest.mark.parametrize(
    ("device", "name"),
    [("cpu (x86_64)", "CPU"), ("cuda:1 (NVIDIA H100 (80 GB))", "NVIDIA H100 (80 GB)"), ("cuda", "GPU")],
)
def test_a_device_by_name(device: str, name: str) -> None:
    assert compute(device) == name


def test_no_runs_are_no_error(tmp_path: Path) -> None:
    for empty in (read(tmp_path), Records()):
        assert empty.select().runs.empty
        assert empty.select("paper").protocol is None
        assert empty.where({"samples": "4"}).finished.empty
    with pytest.raises(HarnessError, match="no results folder"):
        read(tmp_path / "none")


def test_a_search_on_the_table_brings_its_own_look_up(tmp_path: Path) -> None:
    folder = write_run(tmp_path, space="nasbench201-table")
    result = json.loads((folder / "result.json").read_text())
    del result["valid_accuracy"]
    result["table"] = {"cifar10": {"valid": 90.0, "test": 93.0}}
    (folder / "result.json").write_text(json.dumps(result))
    found = read(tmp_path).select()
    assert found.notes == ()
    assert found.evaluations[["kind", "dataset", "test_accuracy"]].to_numpy().tolist() == [["lookup", "cifar10", 93.0]]


def test_runs_without_a_setting_that_is_asked_for_are_told_of(tmp_path: Path) -> None:
    write_training(write_run(tmp_path, settings={"samples": 4}), 3.0, settings={"autocast": "float32"})
    write_run(tmp_path, settings={"samples": 2, "sigma": 0.1}, protocol="proxy")
    parts = [read(tmp_path).select(name) for name in ("paper", "proxy")]
    for asked, words in (
        ({"smaples": "4"}, "unknown setting 'smaples'; did you mean 'samples'?"),
        ({"evaluation.autocats": "4"}, "unknown setting 'evaluation.autocats'; did you mean 'evaluation.autocast'?"),
        ({"samples": "3"}, "no run has samples=3; there are 2, 4."),
        ({"evaluation.autocast": "off"}, "no training has evaluation.autocast=off; there are float32."),
        ({"samples": "4", "sigma": "0.1"}, "no run has samples=4 and sigma=0.1 together; leave one of them out."),
    ):
        with pytest.raises(HarnessError) as caught:
            having(parts, asked)
        assert str(caught.value) == words
    assert [of.protocol for of in having(parts, {"samples": "2"})] == ["proxy, version 1"]
    assert len(having(parts, {"evaluation.autocast": "float32"})) == 2
    assert having([Records()], {"samples": "3"})[0].runs.empty
