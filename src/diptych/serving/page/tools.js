// What a press of the mouse, pen or finger does to the drawing.

import { flood, Stroke } from "./raster.js";

/** @typedef {import("./raster.js").Point} Point */
/** @typedef {import("./raster.js").Colour} Colour */
/** @typedef {"pencil" | "eraser" | "line" | "rectangle" | "fill"} Tool */

const ALIKE = 48; // a flood crosses differences up to this, so that it reaches into soft edges

export class Hand {
  /** @param {import("./drawing.js").Drawing} drawing */
  constructor(drawing) {
    this.drawing = drawing;
    /** @type {Tool} */
    this.tool = "pencil";
    /** Diameter in pixels of the drawing. */
    this.size = 3;
    /** @type {Colour} */
    this.colour = [0, 0, 0, 255];
    /** @type {Stroke | null} */
    this.stroke = null;
    /** @type {Point} */
    this.from = { x: 0, y: 0 };
    this.radius = 1;
  }

  /** @returns {Colour} */
  get ink() {
    if (this.tool !== "eraser") return this.colour;
    return this.drawing.kind?.colour === "holed" ? [0, 0, 0, 0] : this.drawing.background;
  }

  /** @param {Point} at @param {number} pressure 0 to 1; 0.5 where the device knows none */
  press(at, pressure) {
    if (this.tool === "fill") {
      const { width, height } = this.drawing.raster;
      const [x, y] = [Math.floor(at.x), Math.floor(at.y)];
      const inside = x >= 0 && y >= 0 && x < width && y < height;
      if (inside && flood(this.drawing.raster, x, y, this.colour, this.drawing.hard ? 0 : ALIKE)) this.drawing.settle();
      return;
    }
    this.stroke = new Stroke(this.drawing.raster, this.ink, this.drawing.hard || this.ink[3] === 0);
    this.from = at;
    this.radius = this.width(pressure);
    this.move(at, pressure);
  }

  /** Radius under a pressure: half to one and a half times as wide. @param {number} pressure */
  width(pressure) {
    return Math.max(0.5, (this.size / 2) * (0.5 + pressure));
  }

  /** @param {Point} at @param {number} pressure */
  move(at, pressure) {
    this.check();
    if (!this.stroke) return;
    if (this.tool === "line" || this.tool === "rectangle") {
      this.stroke.reset();
      if (this.tool === "line") this.stroke.segment(this.from, at, this.size / 2);
      else this.stroke.rectangle(this.from, at, this.drawing.hard ? 0 : this.size / 2);
    } else {
      const radius = this.width(pressure);
      this.stroke.segment(this.from, at, this.radius, radius);
      [this.from, this.radius] = [at, radius];
    }
    this.drawing.show();
  }

  /** A stroke has ended where an undo or a picture took its drawing away. */
  check() {
    if (this.stroke?.raster !== this.drawing.raster) this.stroke = null;
  }

  release() {
    this.check();
    if (!this.stroke) return;
    this.stroke = null;
    this.drawing.settle();
  }

  /** As if the stroke had not been begun: a second finger came down to zoom. */
  cancel() {
    this.check();
    if (!this.stroke) return;
    this.stroke.reset();
    this.stroke = null;
    this.drawing.show();
  }
}
