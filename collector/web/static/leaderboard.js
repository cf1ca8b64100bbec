// The leaderboard's charts: score against time or cost, and the rates of each model's agents.

import { colour, draw } from "./chart.js";

const data = document.querySelector("#board");
const board = data ? JSON.parse(data.textContent).map((row) => ({
  ...row, model: row.model ?? "unknown", short: (row.model ?? "unknown").split("/").at(-1), name: `${row.agent} · ${(row.model ?? "unknown").split("/").at(-1)}`, seconds: row.wall_p50_ms == null ? null : row.wall_p50_ms / 1000,
})) : [];

const AXES = {
  wall_p50_ms: { field: "seconds", title: "median time, s", frontier: "on_time_frontier" },
  cost_usd: { field: "cost_usd", title: "mean cost, US dollars", frontier: "on_cost_frontier" },
};

function pareto(against) {
  const axis = AXES[against];
  const known = board.filter((row) => row[axis.field] != null && row.composite != null);
  const x = { field: axis.field, type: "quantitative", title: axis.title, scale: { zero: false, nice: true } };
  const y = { field: "composite", type: "quantitative", title: "composite", scale: { domain: [0, 1] } };
  const tooltip = [{ field: "name", title: "who" }, { field: "composite", format: ".3f" }, { field: axis.field, title: axis.title, format: ",.3~f" }, { field: "valid_runs", title: "valid runs" }];
  return {
    width: "container", height: 340, autosize: { type: "fit", contains: "padding" },
    data: { values: known },
    layer: [
      { transform: [{ filter: `datum.${axis.frontier}` }], mark: { type: "line", interpolate: "step-after", strokeDash: [4, 3], color: colour("accent") }, encoding: { x, y, order: { field: axis.field } } },
      { mark: { type: "point", filled: true, size: 90, opacity: 1 }, encoding: { x, y, tooltip, color: { field: "agent", type: "nominal", title: null }, shape: { field: "short", type: "nominal", title: null, legend: { orient: "bottom", columns: 3, symbolFillColor: colour("soft"), symbolStrokeColor: colour("soft") } } } },
      { transform: [{ filter: `datum.${axis.frontier}` }], mark: { type: "point", size: 260, strokeWidth: 1.5, color: colour("accent") }, encoding: { x, y } },
    ],
  };
}

function multiples() {
  const long = board.flatMap((row) => [
    { ...row, which: "valid", rate: row.pass_rate_valid, low: row.pass_rate_valid_low, high: row.pass_rate_valid_high },
    { ...row, which: "recorded", rate: row.pass_rate, low: row.pass_rate_low, high: row.pass_rate_high },
  ]).filter((row) => row.rate != null);
  const y = { field: "agent", type: "nominal", title: null };
  const offset = { field: "which", sort: ["valid", "recorded"] };
  const color = { field: "which", type: "nominal", title: null, scale: { domain: ["valid", "recorded"], range: [colour("c-model"), colour("c-agent")] }, legend: { orient: "bottom" } };
  const x = { type: "quantitative", title: null, scale: { domain: [0, 1] }, axis: { format: "%", tickCount: 4 } };
  const wide = document.querySelector("#multiples").clientWidth;
  const columns = wide > 560 ? 2 : 1;
  return {
    data: { values: long }, columns,
    facet: { field: "model", type: "nominal", title: null },
    spec: {
      width: Math.max(120, wide / columns - 130), height: { step: 13 },
      layer: [
        { mark: { type: "rule", strokeWidth: 3, opacity: 0.45 }, encoding: { y, yOffset: offset, x: { ...x, field: "low" }, x2: { field: "high" }, color } },
        { mark: { type: "tick", thickness: 3, size: 11 }, encoding: { y, yOffset: offset, x: { ...x, field: "rate" }, color, tooltip: [{ field: "name", title: "who" }, { field: "which" }, { field: "rate", format: ".1%" }, { field: "low", format: ".1%" }, { field: "high", format: ".1%" }] } },
      ],
    },
  };
}

if (board.length) {
  const against = document.querySelector("#against");
  if (board.every((row) => row.cost_usd == null)) against.querySelector('[value="cost_usd"]').disabled = true;
  const place = document.querySelector("#pareto");
  const show = () => draw(place, () => pareto(against.value));
  against.addEventListener("change", show);
  show();
  draw(document.querySelector("#multiples"), multiples);
}
