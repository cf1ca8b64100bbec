// Where the waterfall gets its data: from the collector, or from the page itself when it was saved.

/** Asks the collector. `waterfall` and `texts` belong together by the version. */
export class Server {
  constructor(runId) {
    this.base = `/api/runs/${encodeURIComponent(runId)}`;
  }

  async version() {
    return (await ask(`${this.base}/version`)).json();
  }

  async waterfall() {
    return (await ask(`${this.base}/waterfall`)).arrayBuffer();
  }

  async texts(version, from, to) {
    return (await ask(`${this.base}/waterfall/texts?${new URLSearchParams({ version, from, to })}`)).json();
  }

  async row(trace, span) {
    return (await (await ask(`${this.base}/waterfall/row?${new URLSearchParams({ trace, span })}`)).json()).row;
  }

  async span(trace, span, origin, whole) {
    const query = new URLSearchParams({ trace, span, origin });
    if (whole) query.set("whole", "");
    return (await ask(`${this.base}/span?${query}`)).json();
  }
}

/** Has everything already: a saved page works without a collector. */
export class Saved {
  constructor(data) {
    this.data = data;
  }

  async waterfall() {
    return Uint8Array.from(atob(this.data.waterfall), (character) => character.charCodeAt(0)).buffer;
  }

  async texts(version, from, to) {
    return this.data.texts.slice(from, to);
  }

  async row(trace, span) {
    const found = this.data.texts.findIndex((text) => text[0] === trace && text[1] === span);
    return found < 0 ? null : found;
  }

  async span(trace, span, origin) {
    const row = this.data.texts.findIndex((text) => text[0] === trace && text[1] === span && (!origin || text[2] === origin));
    const found = row < 0 ? null : this.data.spans[row];
    if (!found) throw new Error("This span is not in the saved page.");
    return found;
  }
}

/** An answer of the collector; anything but success is an Error with what it says and its status. */
async function ask(url) {
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (response.ok) return response;
  let message = `The collector answered ${response.status}.`;
  try {
    message = (await response.json()).error.message;
  } catch {
    // not an answer of the collector's own
  }
  throw Object.assign(new Error(message), { status: response.status });
}
