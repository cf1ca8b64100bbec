// The panel of one span: what it says, its attributes, events, links, and the same as JSON.

import { copyButton } from "./copy.js";
import { element } from "./element.js";
import { duration } from "./words.js";

const PIECE = /[^]{1,4000}/gu;

export class Panel {
  constructor(root, source, closed) {
    Object.assign(this, { root, source, closed });
    this.asked = 0;
  }

  get isOpen() {
    return !this.root.hidden;
  }

  close() {
    if (!this.isOpen) return;
    this.asked++;
    this.root.hidden = true;
    document.documentElement.classList.remove("with-panel");
    this.closed();
  }

  async show(trace, span, origin, { focus = true } = {}) {
    const asked = ++this.asked;
    let parts;
    try {
      const found = await this.source.span(trace, span, origin, false);
      parts = this.parts(found);
    } catch (error) {
      parts = [this.header("Span"), element("p", {}, error.message)];
    }
    if (asked !== this.asked) return;
    this.root.replaceChildren(...parts);
    this.root.hidden = false;
    document.documentElement.classList.add("with-panel");
    this.root.scrollTop = 0;
    if (focus) this.root.querySelector("button")?.focus({ preventScroll: true });
  }

  header(name) {
    const close = element("button", { type: "button", className: "quiet", onclick: () => this.close(), "aria-label": "Close the span" }, "✕");
    return element("header", {}, element("h2", {}, name), close);
  }

  parts(span) {
    const start = BigInt(span.start_ns);
    const facts = [
      ["role", span.role], ["told by", span.origin], ["kind", span.kind],
      ["status", [span.status_code, span.status_message].filter(Boolean).join(": ")],
      ["started", span.start_time && `${span.start_time} UTC`],
      ["took", span.duration_ns === undefined ? "not ended" : duration(Number(span.duration_ns) / 1e6)],
      ["service", span.service_name], ["scope", [span.scope_name, span.scope_version].filter(Boolean).join(" ")],
      ["span", span.span_id], ["parent", span.parent_span_id], ["trace", span.trace_id], ["trace state", span.trace_state],
      ["dropped", dropped(span)], ["received", span.received_time && `${span.received_time} UTC`],
    ].filter(([, value]) => value);
    return [
      this.header(span.name),
      element("div", { className: "actions" }, copyButton("copy span id", span.span_id), copyButton("copy trace id", span.trace_id), copyButton("copy as SQL", sql(span))),
      table(facts.map(([name, value]) => [name, value])),
      ...section("Attributes", span.attributes.length && table(span.attributes)),
      ...section("Events", span.events.map((event) => eventPart(event, start))),
      ...section("Links", span.links.map((link) => element("div", { className: "event" }, table([["trace", link.trace_id], ["span", link.span_id], ...link.attributes])))),
      ...section("Resource", span.resource.length && table(span.resource)),
      ...this.raw(span),
    ];
  }

  raw(span) {
    const text = element("pre", { tabIndex: 0 });
    const details = element("details", {}, element("summary", {}, "Raw JSON"), text);
    details.addEventListener("toggle", async () => {
      if (!details.open || text.textContent) return;
      try {
        const whole = JSON.stringify(await this.source.span(span.trace_id, span.span_id, span.origin, true), null, 2);
        // Each piece is laid out by itself, and when it is seen: a line of a million characters takes minutes.
        text.replaceChildren(...whole.match(PIECE).map((piece) => element("span", {}, piece)));
        details.append(element("div", { className: "actions" }, copyButton("copy JSON", whole)));
      } catch (error) {
        text.textContent = error.message;
        details.addEventListener("toggle", () => text.replaceChildren(), { once: true });
      }
    });
    return [element("h3", {}, "Everything"), details];
  }
}

function section(title, content) {
  const parts = Array.isArray(content) ? content : content ? [content] : [];
  return parts.length ? [element("h3", {}, title), ...parts] : [];
}

function table(rows) {
  const body = element("tbody");
  for (const [name, value, type] of rows) {
    const text = value === null || value === undefined ? "–" : String(value);
    body.append(element("tr", {}, element("td", { title: type ? `${name} (${type})` : "" }, String(name)), element("td", {}, text)));
  }
  return element("table", {}, body);
}

function eventPart(event, start) {
  const after = duration(Number(BigInt(event.time_ns) - start) / 1e6);
  return element("div", { className: "event" }, element("b", {}, event.name), ` after ${after}`, event.attributes.length ? table(event.attributes) : null);
}

function dropped(span) {
  const counts = [["attributes", span.dropped_attributes_count], ["events", span.dropped_events_count], ["links", span.dropped_links_count]];
  return counts.filter(([, count]) => count).map(([name, count]) => `${count} ${name}`).join(", ");
}

function sql(span) {
  return `SELECT * FROM spans WHERE trace_id = '${span.trace_id}' AND span_id = '${span.span_id}'`;
}
