"use strict";

/**
 * The parameters of a query string: `a=1&b=two+words` gives { a: "1", b: "two words" }.
 *
 * A leading `?` is left out. Names and values are percent-decoded and `+` is a space. A name that
 * occurs more than once has an array of its values in their order; a name without `=` has "". Empty
 * parts (`a=1&&b=2`) are left out. The result has no prototype.
 */
function parseQuery(text) {
  throw new Error("not written yet");
}

module.exports = { parseQuery };
