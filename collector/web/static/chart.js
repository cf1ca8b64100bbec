// Charts: a Vega-Lite specification drawn as SVG, in the page's own colours, without eval.

let loading;

function library() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "/vega.js";
    script.onload = () => resolve(window.vegaEmbed);
    script.onerror = () => reject(new Error("The charts' library did not come; reload the page."));
    document.head.append(script);
  });
  return loading;
}

/** A colour of base.css as it is now, light or dark: Vega knows no custom properties. */
export function colour(name) {
  const probe = document.createElement("span");
  probe.hidden = true;
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function config() {
  const text = { labelColor: colour("soft"), titleColor: colour("soft"), labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500 };
  const font = getComputedStyle(document.body).fontFamily;
  return {
    background: "transparent",
    font,
    axis: { ...text, gridColor: colour("line"), domainColor: colour("line-strong"), tickColor: colour("line-strong"), labelLimit: 160 },
    legend: text,
    header: { ...text, titleColor: colour("ink"), labelColor: colour("ink"), labelFontWeight: 560, labelFontSize: 13 },
    view: { stroke: colour("line") },
    mark: { color: colour("c-model") },
    range: { category: ["c-model", "c-tool", "c-retry", "c-verify", "c-unknown", "c-agent", "c-other"].map(colour) },
  };
}

const drawn = new Map();

/** Draws what `specification()` gives into `place`, and again when light and dark change. */
export async function draw(place, specification) {
  drawn.set(place, specification);
  place.setAttribute("aria-busy", "true");
  try {
    const embed = await library();
    if (drawn.get(place) !== specification) return;
    await embed(place, { $schema: "https://vega.github.io/schema/vega-lite/v6.json", ...specification() }, {
      ast: true, renderer: "svg", actions: false, defaultStyle: false, tooltip: tooltip, config: config(), mode: "vega-lite",
    });
  } catch (error) {
    place.textContent = error.message;
  }
  place.removeAttribute("aria-busy");
}

export function erase(place) {
  drawn.delete(place);
  place.replaceChildren();
}

/** Text only: what is shown comes from spans. */
let tip;
function tooltip(_, event, __, value) {
  tip ??= document.body.appendChild(Object.assign(document.createElement("div"), { className: "tip", hidden: true }));
  if (value == null || value === "") {
    tip.hidden = true;
    return;
  }
  const lines = typeof value === "object" ? Object.entries(value).map(([name, of]) => `${name}: ${of}`) : [String(value)];
  tip.textContent = lines.join("\n");
  tip.hidden = false;
  tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8)}px`;
}

function redraw() {
  for (const [place, specification] of drawn) draw(place, specification);
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
