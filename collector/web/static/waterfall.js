// The waterfall with its replay: joins rows, clock, strip, panel and keys.

import { Panel } from "./panel.js";
import { drawOverview } from "./overview.js";
import { Replay } from "./replay.js";
import { Rows } from "./rows.js";
import { Shape } from "./shape.js";
import { Texts } from "./texts.js";
import { count, duration, moment as asMoment } from "./words.js";

const STEP_MS = 100;
const FOLLOW_MS = 100; // other rows each frame are more than anybody can read, and too much to lay out
const id = (name) => document.getElementById(name);

export class Waterfall {
  constructor(root, source) {
    Object.assign(this, { root, source });
    this.rows = new Rows(id("wf-body"), id("wf-space"), {
      pick: (row, open) => this.pick(row, { open }),
      fold: (row) => this.rows.toggle(row),
    });
    this.replay = new Replay((moment, playing) => this.showMoment(moment, playing));
    this.followed = 0;
    this.panel = new Panel(id("panel"), source, () => id("wf-body").focus({ preventScroll: true }));
    this.connect();
  }

  connect() {
    id("wf-play").addEventListener("click", () => this.replay.toggle());
    id("wf-scrub").addEventListener("input", (event) => this.replay.set((event.target.value / 1000) * this.shape.total));
    id("wf-fit").addEventListener("click", () => this.fit());
    id("wf-zoom").addEventListener("click", () => this.zoom());
    const speed = id("wf-speed");
    for (const value of this.replay.speeds) speed.append(new Option(`${value}×`, value));
    speed.addEventListener("change", () => this.replay.setSpeed(Number(speed.value)));
    document.addEventListener("keydown", (event) => this.pressed(event));
    document.addEventListener("themechange", () => this.redraw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    new ResizeObserver(() => this.redraw()).observe(id("wf-overview"));
    new ResizeObserver(() => this.drawAxis()).observe(id("wf-ticks"));
  }

  /** Get the rows as they are now; selection, zoom and scroll stay where they were. */
  async load() {
    const buffer = await this.source.waterfall();
    const isFirst = !this.shape, isWhole = isFirst || this.rows.range[1] === this.shape.total;
    const selected = isFirst || this.rows.selected < 0 ? null : this.rows.texts.of(this.rows.selected);
    this.shape = new Shape(buffer);
    const { about } = this.shape;
    const texts = new Texts(this.source, about.version, this.shape.count, () => this.rows.schedule(), () => this.load());
    if (!isFirst) this.rows.folded.clear(); // rows have other numbers now
    this.rows.use(this.shape, texts);
    if (isWhole) this.rows.setRange(0, this.shape.total);
    if (selected) this.rows.select((await this.source.row(selected[0], selected[1])) ?? -1);
    this.replay.use(this.shape.total, isFirst);
    this.tell();
    this.redraw();
    this.drawAxis();
  }

  tell() {
    const { about } = this.shape;
    id("wf-note").hidden = this.shape.count > 0;
    id("wf-note").textContent = "No span belongs to this run: what is known of it came as logs and metrics.";
    id("wf-count").textContent = `${count(about.spans)} spans, ${duration(this.shape.total)}`;
    const isCut = about.spans > this.shape.count;
    id("wf-cut").hidden = !isCut;
    if (isCut) id("wf-cut").textContent = `${count(this.shape.count)} of ${count(about.spans)} spans are shown, those that say most: the harness' own, calls, errors. The rest is in the view spans.`;
    id("wf-speed").value = this.replay.speed;
    this.showState(this.replay.moment);
  }

  redraw() {
    if (this.shape) drawOverview(id("wf-overview"), this.shape);
  }

  drawAxis() {
    if (!this.shape) return;
    const body = id("wf-body"), [from, to] = this.rows.range;
    id("wf-ticks").style.marginRight = `${body.offsetWidth - body.clientWidth}px`; // the scrollbar
    const { offsetLeft: left, clientWidth: width } = id("wf-ticks");
    this.axis = { left, width };
    const least = ((to - from) / Math.max(width, 1)) * 90;
    const power = 10 ** Math.floor(Math.log10(least));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= least);
    const ticks = [];
    for (let at = Math.ceil(from / step) * step; at < to; at += step) {
      const tick = document.createElement("span");
      if (to - at > least * 0.7) tick.textContent = at ? duration(at) : "0"; // else it has no room
      tick.style.left = `${((at - from) / (to - from)) * 100}%`;
      ticks.push(tick);
    }
    id("wf-ticks").replaceChildren(...ticks);
    this.placeHead();
  }

  setRange(from, to) {
    this.rows.setRange(from, to);
    this.drawAxis();
  }

  fit() {
    this.setRange(0, this.shape.total);
  }

  zoom() {
    const row = this.rows.selected;
    if (row < 0) return;
    const start = this.shape.start[row], length = Math.max(this.shape.duration[row], 0.01);
    this.setRange(Math.max(0, start - length * 0.1), start + length * 1.1);
  }

  showMoment(moment, playing) {
    this.follow(moment, playing); // scrolls: before anything is written that would have to be laid out for it
    this.root.classList.toggle("playing", playing);
    id("wf-play").setAttribute("aria-label", playing ? "Pause" : "Play");
    id("wf-speed").value = this.replay.speed;
    id("wf-scrub").value = moment === null ? 0 : (moment / this.shape.total) * 1000;
    id("wf-scrub").setAttribute("aria-valuetext", moment === null ? "the whole run" : asMoment(moment));
    this.rows.setMoment(moment);
    this.placeHead();
    this.showState(moment);
  }

  /** Keep what begins in sight while the replay plays, and when it stops. */
  follow(moment, playing) {
    const now = performance.now(), wasPlaying = this.root.classList.contains("playing");
    if (moment === null || (playing ? now - this.followed < FOLLOW_MS : !wasPlaying)) return;
    this.followed = now;
    const begun = this.shape.begunAt(moment);
    if (begun) this.rows.reveal(this.shape.byStart[begun - 1], { quietly: true });
  }

  placeHead() {
    const head = id("wf-head"), { moment } = this.replay, [from, to] = this.rows.range;
    head.hidden = moment === null || moment < from || moment > to;
    const { left, width } = this.axis;
    head.style.transform = `translateX(${left + ((moment - from) / (to - from)) * width}px)`;
  }

  showState(moment) {
    const at = moment ?? this.shape.total, state = this.shape.stateAt(at);
    const least = state.unknown ? "at least " : "";
    const told = {
      at: `${asMoment(at)} / ${asMoment(this.shape.total)}`,
      phase: moment === null ? "whole run" : state.phase ?? "–",
      calls: count(state.calls) + (state.failed ? ` (${count(state.failed)} failed)` : ""),
      in: least + count(state.input),
      out: least + count(state.output),
      tools: count(state.toolCalls),
      tool: state.tool ?? "–",
    };
    for (const [name, text] of Object.entries(told)) {
      const place = id(`st-${name}`);
      if (place.textContent !== text) place.textContent = text;
    }
  }

  /** Select a row; with `open` also show its span beside. */
  async pick(row, { open = false, focus = false } = {}) {
    if (row < 0 || row >= this.shape.count) return;
    this.rows.select(row);
    this.rows.reveal(row);
    if (!open && !this.panel.isOpen) return;
    const text = this.rows.texts.of(row) ?? (await this.source.texts(this.shape.about.version, row, row + 1))[0];
    await this.panel.show(text[0], text[1], text[2], { focus });
  }

  /** Show the span with this id, wherever it is. */
  async find(trace, span) {
    const row = await this.source.row(trace, span);
    if (row === null) return this.panel.show(trace, span, "");
    for (let above = this.shape.parent[row]; above >= 0; above = this.shape.parent[above]) this.rows.toggle(above, false);
    await this.pick(row, { open: true, focus: true });
    const box = this.root.getBoundingClientRect();
    if (box.top < 0 || box.top > innerHeight * 0.6) this.root.scrollIntoView({ block: "start" });
  }

  /** One span on or back in the order in which they began. */
  step(by) {
    const { byStart, start, count: total } = this.shape;
    if (!total) return;
    const selected = this.rows.selected;
    let place;
    if (selected >= 0 && this.replay.moment === start[selected]) place = byStart.indexOf(selected) + by;
    else if (this.replay.moment === null) place = by > 0 ? 0 : total - 1;
    else place = this.shape.begunAt(this.replay.moment) + (by > 0 ? 0 : -1);
    place = Math.max(0, Math.min(total - 1, place));
    this.replay.set(start[byStart[place]]);
    this.pick(byStart[place]);
  }

  move(by) {
    const { shown, selected } = this.rows;
    const index = selected < 0 ? (by > 0 ? 0 : shown.length - 1) : this.rows.indexOf(selected) + by;
    this.pick(shown[Math.max(0, Math.min(shown.length - 1, index))]);
  }

  pressed(event) {
    const target = event.target instanceof Element ? event.target : document.body;
    if (!this.shape || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (target.matches("textarea, select, [contenteditable], input:not([type=range])")) return;
    const onControl = target.matches("button, a, summary, pre");
    const inRows = target === id("wf-body") || target === document.body;
    const act = {
      " ": onControl ? null : () => this.replay.toggle(),
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      ",": () => this.replay.set((this.replay.moment ?? this.shape.total) - STEP_MS),
      ".": () => this.replay.set((this.replay.moment ?? -STEP_MS) + STEP_MS),
      "<": () => this.replay.faster(-1),
      ">": () => this.replay.faster(1),
      ArrowUp: target === id("wf-body") ? () => this.move(-1) : null,
      ArrowDown: target === id("wf-body") ? () => this.move(1) : null,
      Enter: inRows ? () => this.pick(this.rows.selected, { open: true, focus: true }) : null,
      "-": () => this.rows.toggle(this.rows.selected, true),
      "+": () => this.rows.toggle(this.rows.selected, false),
      "=": () => this.rows.toggle(this.rows.selected, false),
      z: () => this.zoom(),
      0: () => this.fit(),
      Escape: document.querySelector(":popover-open") ? null : () => (this.panel.isOpen ? this.panel.close() : this.replay.end()),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }
}
