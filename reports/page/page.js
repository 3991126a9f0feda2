"use strict";

/* Sorting and filtering: list.js on every table, numbers by value, what is empty last. */
const byValue = (order) => (a, b, options) => {
  const [x, y] = [a, b].map((item) => item.values()[options.valueName] ?? "");
  if (x === "" || y === "") return (x === "") - (y === "") ? ((x === "") - (y === "")) * (order() === "desc" ? -1 : 1) : 0;
  const [u, v] = [Number(x), Number(y)];
  return Number.isNaN(u) || Number.isNaN(v) ? x.localeCompare(y, "en", { numeric: true }) : u - v;
};

for (const section of document.querySelectorAll(".sortable")) {
  const columns = section.querySelectorAll("thead .sort").length;
  const valueNames = [{ data: ["words"] }];
  for (let i = 0; i < columns; i++) valueNames.push({ name: `c${i}`, attr: "data-v" });
  let list = null;
  list = new List(section.id, {
    valueNames,
    searchColumns: ["words"],
    sortFunction: byValue(() => section.querySelector(".sort.desc") ? "desc" : "asc"),
    ...(section.classList.contains("paged") ? { page: 50, pagination: [{ innerWindow: 2, outerWindow: 1 }] } : {}),
  });
  section.list = list;
}

/* Details: what is packed is unpacked when it is looked at. */
const unpack = async (id) => {
  const text = typeof id === "string" ? document.getElementById(id).textContent : id.textContent;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
};

const element = (name, content = "", attributes = {}) => {
  const made = document.createElement(name);
  for (const part of [content].flat()) made.append(part);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};

const facts = (values) =>
  element("dl", Object.entries(values).flatMap(([key, value]) => [element("dt", key), element("dd", value)]));

const dialog = document.getElementById("detail");
const body = document.getElementById("detail-body");
const show = (...parts) => {
  body.replaceChildren(...parts);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
};
dialog.querySelector(".close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

const cells = JSON.parse(document.getElementById("cells").textContent);
const showCell = (cell) => {
  const runs = element("ul", cell.runs.map(([name, value, number]) => element("li", [
    `${value}: `, number === null ? name : element("button", name, { class: "link", "data-run": number }),
  ])));
  show(
    element("h2", cell.title),
    facts({ published: cell.published, source: `${cell.source}; ${cell.note}`, measured: cell.measured, under: cell.under, on: cell.on, verdict: cell.verdict }),
    element("h3", "Values by run"), runs,
    element("h3", "This table again"), element("pre", cell.command),
  );
};

/* Okabe and Ito's colours, and dashes for print. */
const PENS = [["#0072B2", []], ["#D55E00", [8, 4]], ["#009E73", [2, 3]]];
const chart = ({ title, epochs, series }, place) => {
  const width = Math.max(260, place.clientWidth || 300);
  const names = Object.keys(series);
  new uPlot({
    title, width, height: 220, scales: { x: { time: false } },
    axes: [{ label: "epoch", labelSize: 20, size: 40 }, { size: 52 }],
    series: [{ label: "epoch" }, ...names.map((name, i) => ({
      label: name, stroke: PENS[i][0], dash: PENS[i][1], width: 2, points: { show: epochs.length < 3 },
    }))],
  }, [epochs, ...names.map((name) => series[name])], place);
};

const showRun = async (number) => {
  const run = await unpack(`run-${number}`);
  const drawing = [...document.querySelectorAll(".drawing")].find((one) => one.dataset.notation === run.drawing);
  const charts = element("div", run.curves.map(() => element("div")), { class: "charts" });
  show(
    element("h2", run.title), facts(run.facts),
    ...(drawing ? [element("h3", "Cell"), element("img", "", { src: await unpack(drawing), alt: "the cell that was found" })] : []),
    ...(run.curves.length ? [element("h3", "Curves"), charts] : []),
    element("h3", "Commands"), ...run.commands.map((command) => element("pre", command)),
    element("h3", "Settings"),
    facts(Object.fromEntries(Object.entries(run.settings).map(([part, values]) =>
      [part, Object.entries(values).map(([name, value]) => `${name} = ${value === "" ? '""' : value}`).join(", ")]))),
  );
  run.curves.forEach((one, i) => chart(one, charts.children[i]));
};

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-cell], [data-run]");
  if (!target) return;
  if (target.dataset.cell !== undefined) showCell(cells[target.dataset.cell]);
  else showRun(Number(target.dataset.run));
});
document.body.dataset.ready = "yes";
