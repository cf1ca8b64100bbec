// Names and labels of rows: asked for in blocks as they come into sight, the oldest let go.

const BLOCK = 200, KEPT = 60, AT_ONCE = 3;

export class Texts {
  /** `arrived` is called when further texts are there; `outdated` when the run has other rows now. */
  constructor(source, version, count, arrived, outdated) {
    Object.assign(this, { source, version, count, arrived, outdated });
    this.blocks = new Map();
    this.wanted = [];
    this.underWay = new Set();
  }

  /** The texts of a row: trace, span, origin, name, label; null when they are not there yet. */
  of(row) {
    const found = this.blocks.get(Math.floor(row / BLOCK));
    return found ? found[row % BLOCK] : null;
  }

  /** Ask for what is missing of these rows; what was wanted before and is out of sight is dropped. */
  want(rows) {
    const missing = new Set(rows.map((row) => Math.floor(row / BLOCK)));
    this.wanted = [...missing].filter((block) => !this.blocks.has(block) && !this.underWay.has(block));
    this.next();
  }

  next() {
    while (this.underWay.size < AT_ONCE && this.wanted.length) this.load(this.wanted.shift());
  }

  async load(block) {
    this.underWay.add(block);
    try {
      const first = block * BLOCK;
      const texts = await this.source.texts(this.version, first, Math.min(first + BLOCK, this.count));
      this.blocks.set(block, texts);
      if (this.blocks.size > KEPT) this.blocks.delete(this.blocks.keys().next().value);
      this.arrived();
    } catch (error) {
      if (error.status === 409) this.outdated();
    } finally {
      this.underWay.delete(block);
      this.next();
    }
  }
}
