"""The page: what is in it, and in headless Chromium that it loads in silence, sorts, filters and opens details."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from run_folders import notation, write_lookup, write_run, write_training

from harness.cli import main
from harness.commands.run import run
from harness.core.genotype import parse
from harness.core.types import Budget
from harness.runs import protocol as protocols
from harness.runs import runner
from harness.runs.folder import spec_hash
from reports import REPORTS
from reports.commands import run_command
from reports.figures.plot import Plot
from reports.page.packing import numeric, small
from reports.parameters import parameters
from reports.records import Records, read
from spaces import SPACES
from spaces.counting import count
from spaces.published import PUBLISHED

DRAWING = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><script>alert(1)</script></svg>"
HOSTILE = "<!--</script><script>document.title=1</script>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 60 runs: three methods on S1 and SVHN, with errors by seed, and one unfinished."""
    folder = tmp_path_factory.mktemp("page")
    for number, method in enumerate(("zarts-mgs", "zarts-rs", "darts-1st")):
        for seed in range(10):
            for dataset, size in (("cifar10", "20x36"), ("svhn", "8x16")):
                run = write_run(folder / "results", method, "s1", dataset, seed, epochs=3)
                write_training(run, 2.6 + 0.1 * number + 0.01 * seed, dataset=dataset, size=size)
                (run / "cell.svg").write_text(DRAWING)
    write_training(next((folder / "results").glob("*/zarts-mgs-s1-cifar10-s0-*")), 3.0, cell=notation(2))
    write_run(folder / "results", "zarts-gld", "s1", finished=False, epochs=1)
    made = REPORTS["all"].files(read(folder / "results").select(), "html", "last")
    assert list(made) == ["index.html"]
    (folder / "index.html").write_bytes(made["index.html"])
    return folder / "index.html"


def test_a_table_without_rows_is_not_sorted(page: Path) -> None:
    """List.js raises an error there, and nothing after it on the page works."""
    (section,) = re.findall(
        r'<section[^>]*id="sheet-board-\d+">(?:(?!</section>).)*nothing finished.*?</section>', page.read_text(), re.S
    )
    assert "sortable" not in section
    assert "<table" not in section


def unpack(text: str) -> dict[str, object]:
    return json.loads(gzip.decompress(base64.b64decode(text)))


def test_the_page_has_every_table_every_figure_and_every_run(page: Path) -> None:
    text = page.read_text()
    assert len(re.findall(r'<section class="sortable" id="(?:supp_)?table', text)) == 11
    assert text.count("<figure") == 6  # two convergences, ESS, cost, ranks, profile
    runs = [unpack(found) for found in re.findall(r'id="run-\d+">([^<]+)<', text)]
    assert len(runs) == 61
    first = next(run for run in runs if str(run["title"]).startswith("zarts-mgs-s1-cifar10-s0"))
    assert [chart["title"] for chart in first["curves"]][:2] == ["Loss", "Accuracy of the supernet"]  # type: ignore[attr-defined]
    assert first["settings"] == {"rule": {"samples": 4, "sigma": 0.2, "finetune_steps": 10}}
    found, earlier = first["commands"][1:]  # type: ignore[index]
    assert found.startswith("harness evaluate ")
    assert " --at-epoch 3 --dataset cifar10" in earlier
    assert any(str(fact).startswith("the cell after epoch 3: ") for fact in first["facts"].values())  # type: ignore[attr-defined]
    assert text.count('class="drawing"') == 1  # one cell, found 60 times


def test_a_look_up_of_a_cell_on_the_way_is_shown_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Plot, "bytes", lambda plot, form: b"<svg/>")
    accuracies = {"cifar10": {"valid": 90.0, "test": 93.0}, "cifar100": {"valid": 70.0, "test": 71.0}}
    write_lookup(write_run(tmp_path), accuracies, cell=notation(0))
    text = REPORTS["all"].files(read(tmp_path).select(), "html", "last")["index.html"].decode()
    (run,) = (unpack(found) for found in re.findall(r'id="run-\d+">([^<]+)<', text))
    assert run["facts"]["evaluation-lookup.json"] == "; ".join(  # type: ignore[index]
        f"the cell after epoch 1: {name} looked up: valid {of['valid']:.2f} %, test {of['test']:.2f} %"
        for name, of in accuracies.items()
    )


def test_the_page_asks_for_nothing_from_outside(page: Path) -> None:
    text = page.read_text()
    assert "default-src 'none'" in text
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", text)


def test_what_a_record_holds_cannot_break_into_the_page(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    write_training(folder, 2.5)
    for file in folder.iterdir():
        text = file.read_text()
        for word in ("zarts-mgs", "cifar10", "sigma", "sep_conv_3x3"):
            text = text.replace(word, word + HOSTILE)
        file.write_text(text)
    made = REPORTS["all"].files(read(tmp_path).select(), "html", "last")["index.html"].decode()
    assert "<script>document.title" not in made
    assert html.escape("<script>document.title") in made


def test_a_drawing_is_made_smaller_and_stays_what_it_is() -> None:
    before = b"""<svg><!-- made by --><metadata>x</metadata><g transform="scale(0.015625)">
    <path d="M 1.23456 -0.05 L 10 .25"/></g></svg>"""
    after = b'<svg><g transform="scale(0.015625)"> <path d="M 1.2 -0.0 L 10 .2"/></g></svg>'
    assert small(before) == after


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("1,234.5", "1234.5"),
        ("-2.10 to 3", "-2.10"),
        ("2.0 min, CPU", "120"),
        ("17 ms", "0.017"),
        ("one seed", "one seed"),
    ],
)
def test_what_a_column_is_sorted_by(text: str, key: str) -> None:
    assert numeric(text) == key


def test_a_page_without_runs_shows_the_published_values() -> None:
    text = REPORTS["all"].files(Records(), "html", "last")["index.html"].decode()
    assert "No runs: published values only" in text
    assert text.count("not measured</span>") == 1
    assert 'id="run-0"' not in text
    alone = REPORTS["table2"].files(Records(), "html", "last")
    assert list(alone) == ["table2.html"]


def test_the_same_records_give_the_same_page(tmp_path: Path) -> None:
    for seed in range(3):
        write_training(write_run(tmp_path, seed=seed), 2.5 + seed)
    first, second = (REPORTS["all"].files(read(tmp_path).select(), "html", "last") for _ in range(2))
    assert first == second


PROBE = """
<script>
(async () => {
  const wait = (test) => new Promise((done) => { const look = () => test() ? done() : setTimeout(look, 20); look(); });
  const table = document.getElementById("table2-1");
  const label = (row) => row.children[0].textContent + row.children[1].textContent;
  const rows = () => [...table.querySelectorAll("tbody tr")].map(label);
  const column = () => [...table.querySelectorAll("tbody .c8 .published")].map((one) => one.textContent);
  const found = { before: rows().length };
  const sort = table.querySelector("[data-sort=c8]");
  sort.click(); found.ascending = column();
  sort.click(); found.descending = column();
  const search = table.querySelector(".search");
  search.value = "SVHN"; search.dispatchEvent(new Event("keyup")); search.dispatchEvent(new Event("input"));
  await wait(() => rows().length < 12);
  found.filtered = rows();
  const runs = document.getElementById("all-runs");
  found.page = runs.querySelectorAll("tbody tr").length;
  const button = [...document.querySelectorAll("button.measured")].find((one) => one.textContent.includes("best of 4"));
  button.click();
  found.cell = document.getElementById("detail-body").textContent;
  document.querySelector("#detail-body [data-run]").click();
  await wait(() => document.querySelectorAll("#detail-body .uplot canvas").length > 1);
  found.run = document.querySelector("#detail-body h2").textContent;
  found.charts = document.querySelectorAll("#detail-body .uplot canvas").length;
  found.drawing = document.querySelector("#detail-body img").naturalWidth;
  found.wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
  document.body.dataset.found = JSON.stringify(found);
})();
</script>
"""


@pytest.mark.parametrize("width", [1280, 500])  # Chromium's window is never narrower than 500
def test_the_page_works_in_a_browser(page: Path, tmp_path: Path, width: int) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium is installed")
    probed = tmp_path / "probed.html"
    probed.write_text(page.read_text().replace("</body>", PROBE + "</body>"))
    options = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        f"--disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=20000 --dump-dom "
        f"--user-data-dir={tmp_path / 'profile'} --window-size={width},900"
    )
    done = subprocess.run(
        [browser, *options.split(), probed.as_uri()], capture_output=True, text=True, timeout=240, check=True
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    answer = re.search(r'data-found="([^"]*)"', done.stdout)
    assert answer, done.stdout[-2000:]
    found = json.loads(html.unescape(answer[1]))
    assert found["before"] == 12
    values = [float(value) for value in found["ascending"]]
    assert values == sorted(values)
    assert [float(value) for value in found["descending"]] == sorted(values, reverse=True)
    assert sorted(found["filtered"]) == [f"SVHNS{i}" for i in (1, 2, 3, 4)]
    assert found["page"] == 50
    assert "Values by run" in found["cell"]
    assert "harness report table2" in found["cell"]
    assert found["run"].startswith("zarts-")
    assert found["charts"] >= 4
    assert found["drawing"] == 9
    assert not found["wide"]


@pytest.mark.parametrize(("method", "space"), [("zarts-mgs", "s1"), ("darts-2nd", "nasbench201"), ("zarts-gld", "s3")])
def test_the_command_of_a_run_asks_for_the_same_run(method: str, space: str) -> None:
    asked = runner.Request(
        *(method, space, "digits", protocols.load("smoke"), Budget(3, 60.0, 500)),
        seed=3,
        assignments=("lr=0.1", "nesterov=true"),
        device="cpu",
    )
    spec = runner.plan(asked).spec
    words = shlex.split(run_command(Path("results/smoke/run"), spec))
    assert words[:2] == ["harness", "run"]
    given = run.make_context("run", words[2:]).params
    again = runner.Request(
        *(given[name][0] for name in ("methods", "spaces", "datasets")),
        protocols.load(given["protocol"]),
        Budget(given["epochs"], given["seconds"], given["evaluations"]),
        seed=int(given["seeds"]),
        assignments=given["assignments"],
        device="cpu",
    )
    assert spec_hash(runner.plan(again).spec) == spec_hash(spec)


@pytest.mark.parametrize(("channels", "cells", "classes"), [(36, 20, 10), (16, 8, 100)])
@pytest.mark.parametrize("name", ["DARTS_V1", "PDARTS", "GDAS_V1"])
def test_the_formula_counts_what_the_network_has(name: str, channels: int, cells: int, classes: int) -> None:
    genotype = PUBLISHED[name].genotype
    network = SPACES["darts"].network(genotype, channels, cells, classes)
    assert parameters(str(genotype), channels, cells, classes) == count(network, 32).parameters


def test_the_formula_is_of_darts_cells_alone() -> None:
    assert (
        parameters(notation(), 36, 20, 10)
        == count(SPACES["darts"].network(parse(notation()), 36, 20, 10), 32).parameters
    )
    assert parameters("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", 36, 20, 10) is None
    assert parameters("nonsense", 36, 20, 10) is None


def test_real_smoke_runs_become_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches of the real thing: on S1, and on NAS-Bench-201's space."""
    for method, space in (("darts-1st", "s1"), ("zarts-mgs", "nasbench201")):
        options = [
            "--dataset",
            "digits",
            "--protocol",
            "smoke",
            "--device",
            "cpu",
            "--epochs",
            "1",
            "--set",
            "warmup=0",
        ]
        command = ["run", "--method", method, "--space", space, *options, "--results", str(tmp_path / "results")]
        assert CliRunner().invoke(main, command).exit_code == 0
    done = CliRunner().invoke(
        main, ["report", "all", "--results", str(tmp_path / "results"), "--out", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    written = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    names = ("convergence-s1-digits", "convergence-nasbench201-digits", "ess")
    drawn = (f"figures/{name}.{form}" for name in names for form in ("png", "pdf", "svg"))
    assert written == {"all.md", "figures/captions.md", *drawn}
    assert "search: smoke, version 1" in (tmp_path / "out" / "all.md").read_text()
    monkeypatch.setattr(Plot, "bytes", lambda plot, form: b"<svg/>")  # they have been drawn
    found = REPORTS["all"].files(read(tmp_path / "results").select(), "html", "last")["index.html"].decode()
    assert found.count('class="drawing"') == 2
