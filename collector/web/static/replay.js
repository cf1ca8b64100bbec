// The clock of a replay: a moment of the run that goes on at a speed, and steps.

const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600];
const LENGTH_S = 20;

export class Replay {
  /** `changed(moment, isPlaying)` is called at every change; the moment is null outside a replay. */
  constructor(changed) {
    this.changed = changed;
    this.moment = null;
    this.playing = false;
    this.speed = 1;
  }

  /** For a run that is so long; the speed is one at which it takes some LENGTH_S seconds. */
  use(total, isNew) {
    this.total = total;
    if (isNew) this.speed = SPEEDS.find((speed) => total / 1000 / speed <= LENGTH_S) ?? SPEEDS.at(-1);
    if (this.moment !== null) this.set(Math.min(this.moment, total));
  }

  get speeds() {
    return SPEEDS;
  }

  setSpeed(speed) {
    this.speed = speed;
    this.changed(this.moment, this.playing);
  }

  faster(by) {
    this.setSpeed(SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, SPEEDS.indexOf(this.speed) + by))]);
  }

  set(moment) {
    this.moment = moment === null ? null : Math.max(0, Math.min(this.total, moment));
    this.changed(this.moment, this.playing);
  }

  toggle() {
    if (this.playing) return this.pause();
    if (this.moment === null || this.moment >= this.total) this.moment = 0;
    this.playing = true;
    this.last = performance.now();
    requestAnimationFrame((now) => this.tick(now));
    this.changed(this.moment, true);
  }

  pause() {
    this.playing = false;
    this.changed(this.moment, false);
  }

  end() {
    this.playing = false;
    this.set(null);
  }

  tick(now) {
    if (!this.playing) return;
    // A page that was out of sight goes on where it was, not where it would be.
    const passed = Math.min(Math.max(0, now - this.last), 100);
    this.last = now;
    const moment = this.moment + passed * this.speed;
    if (moment >= this.total) this.playing = false;
    this.set(moment);
    if (this.playing) requestAnimationFrame((next) => this.tick(next));
  }
}
