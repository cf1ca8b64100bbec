"use strict";

/** A shopping cart; prices are in cents. */
class Cart {
  constructor() {
    this.lines = new Map();
  }

  /** Adds some of an article; the same article is one line, with its latest price. */
  add(article, cents, count = 1) {
    const line = this.lines.get(article) ?? { cents, count: 0 };
    this.lines.set(article, { cents, count: line.count + count });
    return this;
  }

  /** Takes some of an article out; a line of which nothing is left goes. */
  remove(article, count = 1) {
    const line = this.lines.get(article);
    if (line && line.count > count) line.count -= count;
    else this.lines.delete(article);
    return this;
  }

  /** All prices together. From `freeFrom` cents on, shipping is free. */
  total({ shipping = 0, freeFrom = Infinity } = {}) {
    let sum = 0;
    for (const { cents, count } of this.lines.values()) sum += cents * count;
    return sum >= freeFrom ? sum : sum + shipping;
  }
}

module.exports = { Cart };
