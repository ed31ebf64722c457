// What a press of the mouse, pen or finger does to the drawing.

import { colourAt, Stroke } from "./raster.js";
import { onGrid, play, simplified, trace } from "./strokes/marks.js";

/** @typedef {import("./raster.js").Point} Point */
/** @typedef {import("./raster.js").Colour} Colour */
/** @typedef {import("./strokes/marks.js").Mark} Mark */
/** @typedef {"pencil" | "eraser" | "line" | "rectangle" | "ellipse" | "fill" | "pick"} Tool */

export class Hand {
  /** @param {import("./drawing.js").Drawing} drawing @param {(colour: Colour) => void} [picked] by the eyedropper */
  constructor(drawing, picked = () => {}) {
    this.drawing = drawing;
    this.picked = picked;
    /** @type {Tool} */
    this.tool = "pencil";
    /** Diameter in pixels of the drawing. */
    this.size = 3;
    /** @type {Colour} */
    this.colour = [0, 0, 0, 255];
    /** @type {Stroke | null} */
    this.stroke = null;
    /** @type {Mark} */
    this.mark = { shape: "stroke", colour: this.colour, points: [] };
  }

  /** @returns {Colour} */
  get ink() {
    if (this.tool !== "eraser") return this.colour;
    return this.drawing.kind?.colour === "holed" ? [0, 0, 0, 0] : this.drawing.background;
  }

  /** @param {Point} at @param {number} pressure 0 to 1; 0.5 where the device knows none @param {boolean} [straight] Shift is held */
  press(at, pressure, straight = false) {
    if (this.tool === "pick") {
      const found = colourAt(this.drawing.raster, at);
      if (found) this.picked(found);
      return;
    }
    if (this.tool === "fill") {
      const mark = /** @type {Mark} */ ({ shape: "fill", colour: this.colour, points: [onGrid(at.x), onGrid(at.y), 0] });
      if (play(this.drawing.raster, mark, this.drawing.hard)) this.drawing.settle(mark);
      return;
    }
    if (this.tool !== "eraser") this.drawing.unveil();
    this.stroke = new Stroke(this.drawing.raster, this.ink, this.drawing.hard || this.ink[3] === 0);
    const shape = this.tool === "pencil" || this.tool === "eraser" ? "stroke" : this.tool;
    this.mark = { shape, colour: this.ink, points: this.point(at, shape === "stroke" ? pressure : 0.5) };
    this.move(at, pressure, straight);
  }

  /** @param {Point} at @param {number} pressure */
  point(at, pressure) {
    return [onGrid(at.x), onGrid(at.y), onGrid(this.width(pressure))];
  }

  /** Radius under a pressure: half to one and a half times as wide. @param {number} pressure */
  width(pressure) {
    return Math.max(0.5, (this.size / 2) * (0.5 + pressure));
  }

  /** @param {Point} at @param {number} pressure @param {boolean} [straight] Shift is held */
  move(at, pressure, straight = false) {
    this.check();
    if (!this.stroke) return;
    const { points, shape } = this.mark;
    if (shape === "stroke" && !straight) {
      const [next, last] = [this.point(at, pressure), points.slice(-3)];
      if (points.length > 3 && next.every((value, axis) => value === last[axis])) return;
      points.push(...next);
      this.stroke.segment({ x: last[0], y: last[1] }, { x: next[0], y: next[1] }, last[2], next[2]);
    } else {
      const end = straight ? aligned({ x: points[0], y: points[1] }, at, shape) : at;
      points.splice(3, Infinity, onGrid(end.x), onGrid(end.y), points[2]);
      this.stroke.reset();
      trace(this.stroke, this.mark, this.drawing.hard);
    }
    this.drawing.live = this.mark;
    this.drawing.show();
  }

  /** A stroke has ended where an undo or a picture took its drawing away. */
  check() {
    if (!this.stroke || this.stroke.raster === this.drawing.raster) return;
    this.stroke = this.drawing.live = null;
  }

  release() {
    this.check();
    if (!this.stroke) return;
    const { mark, stroke, drawing } = this;
    if (mark.shape === "stroke") mark.points = simplified(mark.points);
    stroke.reset();
    trace(stroke, mark, drawing.hard);
    this.stroke = drawing.live = null;
    drawing.settle({ ...mark });
  }

  /** As if the stroke had not been begun: a second finger came down to zoom. */
  cancel() {
    this.check();
    if (!this.stroke) return;
    this.stroke.reset();
    this.stroke = this.drawing.live = null;
    this.drawing.veil();
    this.drawing.show();
  }
}

/** The nearest end along a multiple of 45 degrees, or for shapes of a square. @param {Point} from @param {Point} to @param {string} shape */
function aligned(from, to, shape) {
  const [across, down] = [to.x - from.x, to.y - from.y];
  if (shape === "rectangle" || shape === "ellipse") {
    const side = Math.max(Math.abs(across), Math.abs(down));
    return { x: from.x + Math.sign(across) * side, y: from.y + Math.sign(down) * side };
  }
  const eighth = Math.PI / 4;
  const angle = eighth * Math.round(Math.atan2(down, across) / eighth);
  const length = across * Math.cos(angle) + down * Math.sin(angle);
  return { x: from.x + length * Math.cos(angle), y: from.y + length * Math.sin(angle) };
}
