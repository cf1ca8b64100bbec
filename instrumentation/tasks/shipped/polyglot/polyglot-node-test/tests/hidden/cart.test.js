"use strict";

const assert = require("node:assert");
const test = require("node:test");

const { Cart } = require("../cart");

test("adds", () => {
  assert.strictEqual(new Cart().add("tea", 300, 2).add("cup", 500).total(), 1100);
});

test("an article is one line", () => {
  const cart = new Cart().add("tea", 300).add("tea", 250, 2);
  assert.strictEqual(cart.total(), 750);
});

test("nothing is left of a line", () => {
  const cart = new Cart().add("tea", 300, 2).remove("tea", 2);
  assert.strictEqual(cart.lines.size, 0);
});

test("never less than nothing", () => {
  assert.strictEqual(new Cart().add("tea", 300).remove("tea", 5).total(), 0);
});

test("free shipping at the limit", () => {
  const cart = new Cart().add("cup", 500, 2);
  assert.strictEqual(cart.total({ shipping: 400, freeFrom: 1000 }), 1000);
  assert.strictEqual(cart.total({ shipping: 400, freeFrom: 1001 }), 1400);
});
