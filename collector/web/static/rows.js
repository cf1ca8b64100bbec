// The rows of the waterfall: as many elements as fit into sight, moved and filled anew on scrolling.

import { element } from "./element.js";
import { IS_ERROR, IS_OPEN, IS_ORPHAN } from "./shape.js";
import { duration } from "./words.js";

const INDENT = 0.85, DEEPEST = 14, SPARE = 6;

export class Rows {
  /** `pick(row, open)` is called when a row is clicked, `fold(row)` when its triangle is. */
  constructor(body, space, { pick, fold }) {
    Object.assign(this, { body, space, pick, fold });
    this.pool = [];
    this.partOf = new WeakMap();
    this.moment = null;
    this.selected = -1;
    this.range = [0, 1];
    this.shown = new Int32Array(0);
    this.top = 0;
    this.folded = new Set();
    body.addEventListener("scroll", () => this.scrolled(), { passive: true });
    new ResizeObserver(() => this.resized()).observe(body);
    space.addEventListener("click", (event) => this.clicked(event));
  }

  /** Show other rows; what was folded stays so where the same run has only grown. */
  use(shape, texts) {
    this.shape = shape;
    this.texts = texts;
    this.layOut();
  }

  /** Which rows are shown: all but those below a folded one. */
  layOut() {
    const { shape, folded } = this;
    const shown = new Int32Array(shape.count);
    let count = 0, below = -1;
    for (let row = 0; row < shape.count; row++) {
      if (below >= 0 && shape.depth[row] > shape.depth[below] && shape.parent[row] >= below) continue;
      below = folded.has(row) ? row : -1;
      shown[count++] = row;
    }
    this.shown = shown.subarray(0, count);
    if (!this.pool.length) this.pool.push(this.make());
    this.rowHeight ||= this.pool[0].root.offsetHeight || 26;
    this.space.style.height = `${count * this.rowHeight}px`;
    this.body.style.height = `min(${count * this.rowHeight + 2}px, 34rem, 75vh)`;
    this.resized();
  }

  // Sizes and scroll are read when they change: read in a frame that has written, each costs a layout.

  resized() {
    this.height = this.body.clientHeight;
    this.barsWidth = this.pool[0]?.bars.clientWidth;
    this.schedule();
  }

  scrolled() {
    this.top = this.body.scrollTop;
    this.schedule();
  }

  schedule() {
    if (this.pending || !this.shape) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.draw();
    });
  }

  draw() {
    const { rowHeight, shown, top } = this;
    const first = Math.max(0, Math.floor(top / rowHeight) - SPARE);
    const last = Math.min(shown.length, Math.ceil((top + this.height) / rowHeight) + SPARE);
    while (this.pool.length < last - first) this.pool.push(this.make());
    const size = this.pool.length, missing = [];
    for (let index = first; index < last; index++) {
      const row = shown[index];
      if (!this.texts.of(row)) missing.push(row);
      this.fill(this.pool[index % size], row, index);
    }
    for (const part of this.pool) part.root.hidden = part.index < first || part.index >= last;
    this.texts.want(missing);
  }

  make() {
    const part = { index: -1, row: -1, state: "", waits: [] };
    part.fold = element("span", { className: "wf-fold", "aria-hidden": "true" });
    part.text = element("span", { className: "wf-text" });
    part.label = element("span", { className: "wf-label" });
    part.name = element("div", { className: "wf-name" }, part.fold, element("span", { className: "wf-swatch" }), part.text, part.label);
    part.bar = element("div", { className: "wf-bar" });
    part.took = element("span", { className: "wf-took" });
    part.bars = element("div", { className: "wf-bars" }, part.bar, part.took);
    part.root = element("div", { className: "wf-row", role: "treeitem" }, part.name, part.bars);
    this.partOf.set(part.root, part);
    this.space.append(part.root);
    return part;
  }

  fill(part, row, index) {
    const { shape } = this, text = this.texts.of(row), root = part.root;
    root.style.transform = `translateY(${index * this.rowHeight}px)`;
    const key = `${row}/${text ? 1 : 0}/${this.folded.has(row)}/${this.selected === row}/${this.range}/${this.barsWidth}/${shape.about.version}`;
    if (part.key !== key) {
      Object.assign(part, { key, row });
      const code = shape.code[row];
      part.base = `wf-row k-${shape.kind(row)}${code & IS_ERROR ? " is-error" : ""}${code & IS_OPEN ? " is-open" : ""}${code & IS_ORPHAN ? " is-orphan" : ""}${this.selected === row ? " selected" : ""}`;
      part.state = null;
      part.name.style.paddingLeft = `${0.4 + INDENT * Math.min(shape.depth[row], DEEPEST)}rem`;
      part.fold.textContent = shape.hasChildren(row) ? (this.folded.has(row) ? "▶" : "▼") : "";
      part.text.textContent = text ? text[3] : "…";
      part.label.textContent = text ? text[4] : "";
      root.id = `row-${row}`;
      root.setAttribute("aria-level", shape.depth[row] + 1);
      root.setAttribute("aria-setsize", shape.count);
      root.setAttribute("aria-posinset", row + 1);
      root.setAttribute("aria-selected", this.selected === row);
      if (shape.hasChildren(row)) root.setAttribute("aria-expanded", !this.folded.has(row));
      else root.removeAttribute("aria-expanded");
      this.placeBars(part, row);
    }
    part.index = index;
    this.atMoment(part, row);
  }

  placeBars(part, row) {
    const { shape } = this, [from, to] = this.range, span = to - from;
    const left = ((shape.start[row] - from) / span) * 100, width = (shape.duration[row] / span) * 100;
    part.width = width;
    part.bar.style.left = `${left}%`;
    part.bar.style.width = `${width}%`;
    part.took.textContent = duration(shape.duration[row]);
    const text = part.took.textContent.length * 6.5 + 14, room = (text / Math.max(this.barsWidth, 1)) * 100;
    const end = left + width, side = end < 100 - room ? "right" : left > room ? "left" : "inside";
    part.took.style.left = side === "right" ? `${Math.max(0, end)}%` : "auto";
    part.took.style.right = side === "right" ? "auto" : `${Math.max(0, 100 - (side === "left" ? left : Math.min(end, 100)))}%`;
    part.took.classList.toggle("inside", side === "inside");
    for (const wait of part.waits) wait.remove();
    part.waits = (shape.waits.get(row) ?? []).map(([start, length]) => {
      const wait = element("div", { className: "wf-wait", title: `waited ${duration(length)} to try again` });
      wait.style.left = `${((start - from) / span) * 100}%`;
      wait.style.width = `${(length / span) * 100}%`;
      part.bars.append(wait);
      return wait;
    });
  }

  /** How a row looks at the moment of the replay: not begun, under way up to the playhead, over. */
  atMoment(part, row) {
    const { shape, moment } = this;
    let state = "";
    if (moment !== null) {
      const start = shape.start[row];
      if (start > moment) state = " is-future";
      else if (start + shape.duration[row] > moment) state = " is-live";
    }
    if (part.state !== state) {
      if (part.state === " is-live") part.bar.style.width = `${part.width}%`;
      part.state = state;
      part.root.className = part.base + state;
    }
    if (state === " is-live") {
      const [from, to] = this.range;
      part.bar.style.width = `${((moment - shape.start[row]) / (to - from)) * 100}%`;
    }
  }

  setMoment(moment) {
    this.moment = moment;
    for (const part of this.pool) if (!part.root.hidden && part.row >= 0) this.atMoment(part, part.row);
  }

  setRange(from, to) {
    this.range = [from, Math.max(to, from + 1e-3)];
    this.schedule();
  }

  select(row) {
    this.selected = row;
    this.body.setAttribute("aria-activedescendant", `row-${row}`);
    this.schedule();
  }

  toggle(row, fold = !this.folded.has(row)) {
    if (row < 0 || !this.shape.hasChildren(row) || fold === this.folded.has(row)) return;
    if (fold) this.folded.add(row);
    else this.folded.delete(row);
    this.layOut();
  }

  /** Where a row is shown; of one below a folded row, where that is. */
  indexOf(row) {
    for (let above = row; above >= 0; above = this.shape.parent[above]) if (this.folded.has(above) && above !== row) row = above;
    let low = 0, high = this.shown.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.shown[middle] < row) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Scroll so that a row is in sight, in the middle if it was not. */
  reveal(row, { quietly = false } = {}) {
    const { rowHeight, height } = this, place = this.indexOf(row) * rowHeight;
    const margin = quietly ? 3 * rowHeight : rowHeight;
    if (place >= this.top + margin && place + rowHeight <= this.top + height - margin) return;
    this.body.scrollTop = place - height * (quietly ? 0.6 : 0.4);
    this.scrolled();
  }

  clicked(event) {
    const part = this.partOf.get(event.target.closest(".wf-row"));
    if (!part) return;
    if (event.target.closest(".wf-fold") && this.shape.hasChildren(part.row)) this.fold(part.row);
    else this.pick(part.row, true);
  }
}
