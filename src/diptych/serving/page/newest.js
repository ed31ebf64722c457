// Work that follows a drawing: never more than one piece in flight, and the newest drawing wins.

export class Newest {
  /**
   * @param {() => Promise<unknown>} work on the newest state, which it takes itself; it handles its own errors
   * @param {number} wait milliseconds for more changes to come
   */
  constructor(work, wait = 15) {
    this.work = work;
    this.wait = wait;
    this.running = false;
    this.changed = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** Something has changed. @param {number} [wait] */
  ask(wait = this.wait) {
    this.changed = true;
    if (!this.running && this.timer === undefined) this.timer = setTimeout(() => this.run(), wait);
  }

  async run() {
    this.timer = undefined;
    this.running = true;
    while (this.changed) {
      this.changed = false;
      await this.work();
    }
    this.running = false;
  }
}
