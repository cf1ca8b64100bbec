"use strict";

/**
 * The parameters of a query string: `a=1&b=two+words` gives { a: "1", b: "two words" }.
 *
 * A leading `?` is left out. Names and values are percent-decoded and `+` is a space. A name that
 * occurs more than once has an array of its values in their order; a name without `=` has "". Empty
 * parts (`a=1&&b=2`) are left out. The result has no prototype.
 */
function parseQuery(text) {
  const found = Object.create(null);
  for (const part of text.replace(/^\?/, "").split("&").filter(Boolean)) {
    const at = part.indexOf("=");
    const [name, value] = at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
    const key = decode(name);
    found[key] = key in found ? [].concat(found[key], decode(value)) : decode(value);
  }
  return found;
}

function decode(text) {
  return decodeURIComponent(text.replaceAll("+", " "));
}

module.exports = { parseQuery };
