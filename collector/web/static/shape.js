// The numbers of all rows of a waterfall, as collector/web/waterfall.py packs them.

export const IS_ERROR = 16;
export const IS_OPEN = 32;
export const IS_ORPHAN = 64;
const KIND = 15;

export class Shape {
  constructor(buffer) {
    const length = new DataView(buffer).getUint32(0, true);
    this.about = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
    const n = (this.count = this.about.rows);
    let at = 8 + length;
    const column = (Type) => {
      const found = new Type(buffer, at, n);
      at += found.byteLength;
      return found;
    };
    this.start = column(Float64Array);
    this.duration = column(Float32Array);
    this.parent = column(Int32Array);
    this.depth = column(Uint8Array);
    this.code = column(Uint8Array);
    this.waits = new Map();
    for (const [row, start, length_] of this.about.waits) {
      if (!this.waits.has(row)) this.waits.set(row, []);
      this.waits.get(row).push([start, length_]);
    }
  }

  get total() {
    return this.about.total_ms;
  }

  kind(row) {
    return this.about.kinds[this.code[row] & KIND] ?? "other";
  }

  /** Whether the next row lies below this one. */
  hasChildren(row) {
    return row + 1 < this.count && this.parent[row + 1] === row;
  }

  /** All rows by their start, made when a replay first needs it. */
  get byStart() {
    if (!this._byStart) {
      this._byStart = Uint32Array.from({ length: this.count }, (_, row) => row);
      const start = this.start;
      this._byStart.sort((a, b) => start[a] - start[b] || a - b);
    }
    return this._byStart;
  }

  /** How many rows have begun at a moment. */
  begunAt(ms) {
    return upTo(this.count, (place) => this.start[this.byStart[place]] <= ms);
  }

  /** What the run had come to at a moment: the deepest phase under way, calls, tokens, tools. */
  stateAt(ms) {
    const { track, phases } = this.about;
    const last = upTo(track.at_ms.length, (place) => track.at_ms[place] <= ms) - 1;
    const sum = (name) => (last < 0 ? 0 : track[name][last]);
    let phase = null;
    for (const [name, start, end] of phases) if (start <= ms && ms < end) phase = name;
    const tool = last < 0 ? -1 : track.tool[last];
    return {
      phase,
      calls: sum("calls"),
      failed: sum("failed"),
      input: sum("input_tokens"),
      output: sum("output_tokens"),
      unknown: sum("calls_without_tokens"),
      toolCalls: sum("tool_calls"),
      tool: tool < 0 ? null : track.tools[tool],
    };
  }
}

/** How many of `count` things in order are `true`: those come first. */
function upTo(count, isTrue) {
  let low = 0, high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isTrue(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
