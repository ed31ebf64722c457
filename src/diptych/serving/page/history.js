// Undo and redo: whole drawings, since they are small, within a bound of bytes.

/** @typedef {import("./raster.js").Raster} Raster */

export class History {
  /** @param {Raster} first @param {number} bytes kept at most */
  constructor(first, bytes = 64 * 2 ** 20) {
    this.bytes = bytes;
    this.past = [first];
    /** @type {Raster[]} */
    this.future = [];
  }

  /** As the drawing stands. */
  get now() {
    return this.past[this.past.length - 1];
  }

  get canUndo() {
    return this.past.length > 1;
  }

  get canRedo() {
    return this.future.length > 0;
  }

  /** A new state; what had been undone is gone. @param {Raster} state */
  add(state) {
    this.future = [];
    this.past.push(state);
    let held = this.past.reduce((sum, one) => sum + one.data.length, 0);
    while (held > this.bytes && this.past.length > 2) {
      held -= /** @type {Raster} */ (this.past.shift()).data.length;
    }
  }

  /** @returns {Raster | null} the state to go back to */
  undo() {
    if (!this.canUndo) return null;
    this.future.push(/** @type {Raster} */ (this.past.pop()));
    return this.past[this.past.length - 1];
  }

  /** @returns {Raster | null} */
  redo() {
    const state = this.future.pop();
    if (!state) return null;
    this.past.push(state);
    return state;
  }
}
