// The SQL page: runs the query, shows its rows, draws them, and offers them as files.

import { draw, erase } from "./chart.js";
import { element } from "./element.js";

const MAX_SHOWN = 500;
const MAX_DRAWN = 5000;
const find = (selector) => document.querySelector(selector);
const query = find("#query");
const said = find("#said");
let asking = null;
let answer = { rows: [], names: [] };

function post(format, signal) {
  return fetch("/api/sql", {
    method: "POST", signal, headers: { "Content-Type": "application/json" }, body: JSON.stringify({ sql: query.value, format }),
  });
}

async function reason(response) {
  try {
    const { error } = await response.json();
    return [error.message, error.hint].filter(Boolean).join("\n");
  } catch {
    return `The collector answered ${response.status}.`;
  }
}

/** Integers that a double cannot hold stay as they were written. */
function parse(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) && context ? context.source : value);
}

async function run() {
  asking?.abort();
  asking = new AbortController();
  const mine = asking;
  history.replaceState(null, "", `/sql?${new URLSearchParams({ q: query.value })}`);
  find("#stop").hidden = false;
  find("#error").hidden = true;
  said.textContent = "running…";
  const began = performance.now();
  try {
    const response = await post("json", mine.signal);
    if (!response.ok) throw new Error(await reason(response));
    const rows = parse(await response.text());
    show(rows, response.headers.get("Spanscore-Truncated"), performance.now() - began);
  } catch (error) {
    if (mine !== asking) return;
    said.textContent = error.name === "AbortError" ? "stopped" : "";
    if (error.name !== "AbortError") fail(error.message);
  }
  if (mine === asking) find("#stop").hidden = true;
}

function fail(message) {
  find("#error").textContent = message;
  find("#error").hidden = false;
}

function show(rows, truncated, took) {
  answer = { rows, names: rows.length ? Object.keys(rows[0]) : [] };
  const more = rows.length > MAX_SHOWN ? `, the first ${MAX_SHOWN} are shown` : "";
  const cut = truncated ? `, cut off by the limit on ${truncated}` : "";
  said.textContent = `${rows.length.toLocaleString("en")} row${rows.length === 1 ? "" : "s"} in ${Math.round(took)} ms${more}${cut}`;
  const place = find("#result");
  place.hidden = false;
  place.replaceChildren(rows.length ? table(rows.slice(0, MAX_SHOWN)) : element("p", { className: "empty" }, "No rows."));
  find(".downloads").hidden = !rows.length;
  find("#charting").hidden = !rows.length;
  offer();
}

function table(rows) {
  const numeric = new Set(answer.names.filter(isNumeric));
  const cell = (name, value) => element("td", { className: numeric.has(name) ? "n" : "", title: text(value) }, text(value));
  return element("table", {},
    element("thead", {}, element("tr", {}, ...answer.names.map((name) => element("th", { className: numeric.has(name) ? "n" : "", scope: "col" }, name)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...answer.names.map((name) => cell(name, row[name]))))));
}

function text(value) {
  if (value === null || value === undefined) return "–";
  const whole = typeof value === "object" ? JSON.stringify(value) : String(value);
  return whole.length > 400 ? `${whole.slice(0, 400)}…` : whole;
}

function isNumeric(name) {
  const known = answer.rows.slice(0, 200).map((row) => row[name]).filter((value) => value !== null);
  return known.length > 0 && known.every((value) => typeof value === "number");
}

function isTime(name) {
  const known = answer.rows.slice(0, 200).map((row) => row[name]).filter((value) => value !== null);
  return known.length > 0 && known.every((value) => typeof value === "string" && /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(value));
}

/** Fills the choices of the chart, keeping what still fits. */
function offer() {
  const fill = (id, names, preferred) => {
    const before = find(id).value;
    find(id).replaceChildren(...names.map((name) => element("option", { value: name }, name || "none")));
    find(id).value = names.includes(before) && before ? before : preferred ?? names[0] ?? "";
  };
  const numbers = answer.names.filter(isNumeric);
  const others = answer.names.filter((name) => !isNumeric(name));
  fill("#x", answer.names, others[0] ?? answer.names[0]);
  fill("#y", numbers, numbers.at(-1));
  fill("#colour", ["", ...others], "");
  plot();
}

function plot() {
  const place = find("#chart");
  const mark = find("#mark").value;
  const y = find("#y").value;
  place.hidden = !mark || !y;
  if (place.hidden) return erase(place);
  const x = find("#x").value;
  const colour = find("#colour").value;
  const typed = (name) => (isNumeric(name) ? "quantitative" : isTime(name) ? "temporal" : "nominal");
  // A bracket or dot in a name would be read as a path.
  const field = (name) => name.replace(/[.[\]\\'"]/g, "\\$&");
  const values = answer.rows.slice(0, MAX_DRAWN);
  draw(place, () => ({
    width: "container", height: 300, data: { values }, mark: mark === "point" ? { type: mark, filled: true } : { type: mark, point: mark === "line" },
    encoding: {
      x: { field: field(x), type: typed(x), title: x, sort: null }, y: { field: field(y), type: "quantitative", title: y },
      ...(colour ? { color: { field: field(colour), type: "nominal", title: colour } } : {}),
      tooltip: [x, y, ...(colour ? [colour] : [])].map((name) => ({ field: field(name), title: name, type: typed(name) })),
    },
  }));
}

async function download(format) {
  said.textContent = `making ${format}…`;
  try {
    const response = await post(format);
    if (!response.ok) throw new Error(await reason(response));
    const link = element("a", { href: URL.createObjectURL(await response.blob()), download: `result.${format}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    said.textContent = `result.${format} is yours`;
  } catch (error) {
    said.textContent = "";
    fail(error.message);
  }
}

find("#ask").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
query.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run();
  }
});
find("#stop").addEventListener("click", () => asking?.abort());
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-query], [data-insert], [data-format]");
  if (!button) return;
  event.preventDefault();
  if (button.dataset.format) download(button.dataset.format);
  else if (button.dataset.insert) {
    query.setRangeText(button.dataset.insert, query.selectionStart, query.selectionEnd, "end");
    query.focus();
  } else {
    query.value = button.dataset.query;
    run();
  }
});
for (const id of ["#mark", "#x", "#y", "#colour"]) find(id).addEventListener("change", plot);
if (JSON.parse(find("#asked").textContent)) run();
