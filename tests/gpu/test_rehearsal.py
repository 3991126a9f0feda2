"""What the checks on a GPU are made of, without one: failures kept apart, limits of time, tables, what is taken along.

HARNESS_GPU_REHEARSAL=1 tests/gpu/run.sh OUT runs all of them on a CPU, in minutes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import warnings
from pathlib import Path

import pytest
import torch
from gpu import correctness, kills, parity, prepare, run, search, speed
from gpu.checks import FAILED, LEFT_OUT, OK, Check, Found, Told, Unmet, carried_out, table
from gpu.scale import ON_CPU, ON_GPU

from harness import data
from harness.data import Images
from harness.testing.states import equal
from methods.training import graphs


def fine() -> Told:
    warnings.warn("this is slow", stacklevel=1)
    return Told("7 of 7", {"sevens": [7]})


def broken() -> Told:
    raise ValueError("a shape is wrong")


def unmet() -> Told:
    raise Unmet(Told("2.0 apart", {"apart": 2.0}))


def crashed() -> Told:
    os.kill(os.getpid(), signal.SIGKILL)
    return Told("", None)


def hanging() -> Told:
    time.sleep(60)
    return Told("", None)


def test_what_fails_crashes_or_hangs_takes_nothing_with_it() -> None:
    calls = [("broken", broken), ("unmet", unmet), ("crashed", crashed), ("hanging", hanging), ("fine", fine)]
    began = time.monotonic()
    found = {one.name: one for one in carried_out([Check(name, call, 1.0) for name, call in calls], 30.0)}
    assert time.monotonic() - began < 20
    assert [found[name].state for name, _ in calls] == [FAILED, FAILED, FAILED, FAILED, OK]
    assert found["broken"].words == "ValueError: a shape is wrong"
    assert found["broken"].traceback.splitlines()[-1] == found["broken"].words
    assert "in broken" in found["broken"].traceback
    assert (found["unmet"].words, found["unmet"].facts) == ("2.0 apart", {"apart": 2.0})
    assert found["crashed"].words == "its process ended with -9 and told nothing"
    assert found["hanging"].words == "killed after 1 s, the time that it has"
    assert found["fine"].words == "7 of 7\nwarned: this is slow"
    assert found["fine"].facts == {"sevens": [7]}


def test_what_there_is_no_time_for_is_left_out_and_what_runs_is_stopped() -> None:
    checks = [Check("hanging", hanging, 60.0), Check("fine", fine, 60.0)]
    hung, left = carried_out(checks, 1.5)
    assert (hung.state, left.state) == (FAILED, LEFT_OUT)
    assert hung.seconds < 5


def test_several_are_at_work_at_once() -> None:
    def waiting() -> Told:
        time.sleep(1.0)
        return Told("", None)

    began = time.monotonic()
    assert [one.state for one in carried_out([Check(str(n), waiting, 30.0) for n in range(4)], 60.0, 4)] == [OK] * 4
    assert time.monotonic() - began < 4


def test_what_a_check_has_started_ends_with_it(tmp_path: Path) -> None:
    def starting() -> Told:
        process = subprocess.Popen(["sleep", "60"])
        (tmp_path / "number").write_text(str(process.pid))
        return Told("", None)

    (found,) = carried_out([Check("starting", starting, 30.0)], 60.0)
    assert found.state == OK
    number, deadline = int((tmp_path / "number").read_text()), time.monotonic() + 10
    while _runs(number) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _runs(number)


def _runs(number: int) -> bool:
    """A process that nobody waits for stays as a zombie."""
    try:
        return ") Z " not in Path(f"/proc/{number}/stat").read_text()
    except FileNotFoundError:
        return False


def test_the_table_has_a_line_for_each_and_more_under_it() -> None:
    assert table([Found("short", OK, 1.25, "a\nb"), Found("longer one", FAILED, 100.0, "c")]).splitlines() == [
        "short       ok           1.2 s  a",
        "                                b",
        "longer one  FAILED     100.0 s  c",
    ]


def test_a_run_writes_all_it_knows_and_tells_its_table_last(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_GPU_REHEARSAL", "1")
    monkeypatch.setattr(run, "rehearse", lambda: None)

    def checks(stage: str, *more: object) -> list[Check]:
        return [Check("broken", broken, 10.0)] if stage == "speed" else [Check("fine", fine, 10.0)]

    assert run.main(tmp_path, tmp_path, ["correctness", "speed"], checks) == 1
    said = capsys.readouterr().out
    tables = (tmp_path / "table.txt").read_text()
    assert said.strip().endswith(tables.strip())
    first_words = [line.split()[0] for line in tables.splitlines() if line]
    assert first_words == ["correctness,", "machine", "fine", "warned:", "speed,", "machine", "broken"]
    (machine, failed) = json.loads((tmp_path / "speed.json").read_text())["checks"]
    assert machine["facts"]["device"] == "cpu"
    assert "ValueError: a shape is wrong" in failed["traceback"]
    assert run.main(tmp_path, tmp_path, ["correctness"], checks) == 0
    assert run.main(tmp_path, tmp_path, ["fast"], checks) == 2
    assert "there is no stage fast; there are correctness, speed, search." in capsys.readouterr().err


@pytest.mark.parametrize("scale", [ON_CPU, ON_GPU], ids=["cpu", "gpu"])
def test_every_stage_has_checks_of_different_names_and_its_time(scale, tmp_path: Path) -> None:
    assert [*scale.seconds] == [*run.STAGES]
    for stage in run.STAGES:
        names = [check.name for check in run.checks_of(stage, scale, tmp_path, tmp_path)]
        assert names
        assert len({*names}) == len(names)
    (kept,) = search.checks(scale, tmp_path, tmp_path)
    assert kept.run.args[-1] < kept.seconds  # so that it can save and pack


def test_what_pytest_is_asked_for_on_a_gpu_is_there() -> None:
    *files, _, wanted = ON_GPU.tests
    for file in files:
        assert f"{wanted}_" in (correctness.ROOT / file).read_text()


def test_parity_tells_what_is_apart() -> None:
    exact = {"loss": torch.tensor(1.0), "gradient": torch.tensor([3.0, 4.0])}
    assert parity.apart(exact, exact) == 0
    assert parity.apart(exact | {"gradient": torch.tensor([3.0, 4.5])}, exact) == pytest.approx(0.1)
    assert parity.apart(exact | {"loss": torch.tensor(float("nan"))}, exact) == float("inf")
    before = torch.get_default_dtype()
    try:
        cases = [("a step", lambda device: {"x": torch.ones(2) + (1e-6 if device == "meta" else 0)})]
        assert parity.compared(cases, 1e-9, "cpu", torch.float64).facts == {"a step": 0.0}
        with pytest.raises(Unmet, match=r"1 compared, 1\.0e-06 apart at most(?s:.*)beyond: a step 1\.0e-06") as told:
            parity.compared(cases, 1e-9, "meta", torch.float64)
        assert told.value.told.facts["a step"] == pytest.approx(1e-6)
    finally:
        torch.set_default_dtype(before)


def test_methods_that_fail_or_differ_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, seeds = correctness.short_search, iter(range(9))

    def searched(method, space, device):
        if method.name == "gdas":
            raise RuntimeError("tensors on two devices")
        return whole(method, space, next(seeds) if method.name == "rea" else 0, device=device)

    monkeypatch.setattr(correctness, "short_search", searched)
    with pytest.raises(Unmet) as told:
        correctness.twice(["darts-1st", "gdas", "rea"], "cpu")
    words, facts = told.value.told
    assert words.splitlines() == [
        "1 of 3 methods have the same bits twice",
        "gdas: RuntimeError: tensors on two devices",
        "rea: other bits the second time",
    ]
    assert "in searched" in facts["gdas"]


def test_ends_differ_by_what_decides_and_not_by_times_and_commits(tmp_path: Path) -> None:
    ends = []
    for number, (alpha, seconds) in enumerate([(0.0, 1.0), (0.0, 2.0), (0.5, 1.0)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "spec.json").write_text(json.dumps({"spec": {"seed": 0}, "commit": str(number)}))
        (folder / "records.jsonl").write_text(json.dumps({"epoch": 0, "cost": {"seconds": seconds}}) + "\n")
        torch.save({"state": {"alpha": torch.tensor([alpha])}}, folder / "checkpoint.pt")
        ends.append(kills.end(folder))
    assert equal(ends[0], ends[1])
    assert not equal(ends[0], ends[2])
    assert [*ends[0]] == ["checkpoint.pt", "records.jsonl", "spec.json"]


def test_one_way_is_recorded_and_the_other_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CUDA_GRAPHS", "1")
    with speed.recorded("graphs"):
        assert graphs.wanted("cuda")
    with speed.recorded("no graphs"):
        assert not graphs.wanted("cuda")
    assert graphs.wanted("cuda")


def test_searches_are_taken_along_in_parts_and_go_on_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "PART", 8000)
    results, out, elsewhere = (tmp_path / name for name in ("results", "out", "elsewhere"))
    run_folder = results / "paper" / "darts-1st-s0"
    run_folder.mkdir(parents=True)
    out.mkdir()
    elsewhere.mkdir()
    (out / "searches.tar.9").write_bytes(b"of an earlier time")
    content = os.urandom(20_000)
    (run_folder / "checkpoint.pt").write_bytes(content)
    (run_folder / "checkpoint.previous.pt").write_bytes(content)
    sizes = search.pack(results, out)
    assert (
        {path.name for path in out.iterdir()} == {*sizes} == {f"searches.tar.{number}" for number in range(len(sizes))}
    )
    assert max(sizes.values()) == 8000
    assert 20_000 < sum(sizes.values()) < 40_000
    search.unpack(out, elsewhere)
    assert (elsewhere / "paper" / "darts-1st-s0" / "checkpoint.pt").read_bytes() == content
    assert not list(elsewhere.rglob("*previous*"))
    with pytest.raises(Unmet, match=r"holds no searches\.tar\.0"):
        search.unpack(elsewhere, elsewhere)


def test_prepared_images_are_read_to_the_bit(tmp_path: Path) -> None:
    draw = torch.Generator().manual_seed(0)
    train, test = (
        Images(torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8, generator=draw), torch.arange(count) % 3)
        for count in (12, 5)
    )
    prepare.write(tmp_path / "cifar10", train, test, ("cat", "dog", "frog"))
    read = data.load(str(tmp_path / "cifar10"))
    assert read.class_names == ("cat", "dog", "frog")
    for ours, theirs in ((read.train, train), (read.test, test)):
        assert torch.equal(ours.pixels, theirs.pixels)
        assert torch.equal(ours.labels, theirs.labels)


def test_the_script_says_how_it_is_called() -> None:
    done = subprocess.run([str(correctness.ROOT / "tests" / "gpu" / "run.sh")], capture_output=True, text=True)
    assert done.returncode == 2
    assert "tests/gpu/run.sh OUT [correctness] [speed] [search]" in done.stderr
