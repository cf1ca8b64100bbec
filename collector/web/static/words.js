// Values as people read them, like collector/web/words.py.

export function duration(ms) {
  if (ms == null) return "–";
  if (ms < 0) return `−${duration(-ms)}`;
  if (ms > 0 && ms < 0.9995) return `${significant(ms * 1000)} µs`;
  if (ms < 999.5) return `${ms < 99.5 ? significant(ms) : ms.toFixed(0)} ms`;
  const seconds = ms / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60);
  const two = (number) => String(number).padStart(2, "0");
  if (minutes < 60) return `${minutes} min ${two(whole % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/** A moment of a run: 1:02.345, always with three decimals. */
export function moment(ms) {
  const minutes = Math.floor(ms / 60000), seconds = ((ms - minutes * 60000) / 1000).toFixed(3);
  return `${minutes}:${seconds.padStart(6, "0")}`;
}

export function count(value) {
  return value.toLocaleString("en-US");
}

function significant(value) {
  return String(Number(value.toPrecision(3)));
}
