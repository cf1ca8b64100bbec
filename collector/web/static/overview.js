// The whole run as a strip behind the scrubber: how much of each kind was under way when.

import { IS_ERROR } from "./shape.js";

const LANES = [["model"], ["tool"], ["other", "agent"], ["run", "setup", "verify"]];
const COLOURS = ["--c-model", "--c-tool", "--c-other", "--c-verify"];

export function drawOverview(canvas, shape) {
  const ratio = devicePixelRatio || 1;
  const width = (canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio)));
  const height = (canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio)));
  const context = canvas.getContext("2d");
  const style = getComputedStyle(canvas), colour = (name) => style.getPropertyValue(name).trim();
  const lanes = LANES.map(() => new Int32Array(width + 1));
  const laneOf = shape.about.kinds.map((kind) => LANES.findIndex((lane) => lane.includes(kind)));
  const errors = new Uint8Array(width + 1), scale = (width - 1) / shape.total;
  for (let row = 0; row < shape.count; row++) {
    const code = shape.code[row], kind = code & 15;
    if (shape.about.kinds[kind] === "run" || shape.about.kinds[kind] === "agent") continue;
    const lane = lanes[laneOf[kind]];
    const from = Math.max(0, Math.floor(shape.start[row] * scale));
    const to = Math.min(width - 1, Math.floor((shape.start[row] + shape.duration[row]) * scale));
    lane[from]++;
    lane[Math.max(from, to) + 1]--;
    if (code & IS_ERROR) errors[from] = 1;
  }
  const tall = height / LANES.length;
  context.clearRect(0, 0, width, height);
  lanes.forEach((lane, place) => {
    context.fillStyle = resolve(canvas, colour(COLOURS[place]));
    let under = 0;
    for (let x = 0; x < width; x++) {
      under += lane[x];
      if (!under) continue;
      context.globalAlpha = Math.min(1, 0.5 + 0.15 * Math.log2(1 + under));
      context.fillRect(x, place * tall + tall * 0.18, 1, tall * 0.64);
    }
  });
  context.globalAlpha = 1;
  context.fillStyle = resolve(canvas, colour("--c-retry"));
  for (let x = 0; x < width; x++) if (errors[x]) context.fillRect(x, height - 3 * ratio, Math.max(1, ratio), 3 * ratio);
  for (const [, start, length] of shape.about.waits) context.fillRect(start * scale, tall * 0.42, Math.max(1, length * scale), Math.max(1, tall * 0.16));
}

/** A canvas does not know light-dark(): let an element say what the colour is. */
function resolve(canvas, value) {
  canvas.style.color = value;
  return getComputedStyle(canvas).color;
}
