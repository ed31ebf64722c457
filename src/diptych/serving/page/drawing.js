// What is drawn: a raster, its history, and the canvas that shows it.

import { History } from "./history.js";
import { blank, copy, fitted, snap } from "./raster.js";

/** @typedef {import("./raster.js").Raster} Raster */
/** @typedef {import("./raster.js").Colour} Colour */

export class Drawing {
  /** @param {HTMLCanvasElement} canvas @param {() => void} changed called after every change, also within a stroke */
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
    this.changed = changed;
    this.raster = blank(1, 1, [255, 255, 255, 255]);
    this.history = new History(this.raster);
    /** @type {import("./listing.js").Kind | null} */
    this.kind = null;
    this.side = 256;
    this.size = { width: 256, height: 256 };
    this.changes = 0; // strokes, pictures, undos: not what happens within a stroke
    this.awaited = 0; // number of the newest picture that was asked for
  }

  /** Colours may mix, except in class maps. */
  get hard() {
    return this.kind?.colour === "labels";
  }

  /** @returns {Colour} what an empty drawing is filled with */
  get background() {
    const [r, g, b] = (this.kind?.colour === "labels" ? this.kind.palette[0] : this.kind?.background) ?? [255, 255, 255];
    return [r, g, b, 255];
  }

  /** Begin anew for a translator. @param {import("./listing.js").Translator} translator */
  begin(translator) {
    this.kind = translator.source;
    const [height, width] = translator.size;
    const enlarged = translator.scale > 1 ? Math.max(1, 128 / Math.min(width, height)) : 1; // its crops are tiny in training
    this.size = { width: Math.round(width * enlarged), height: Math.round(height * enlarged) };
    this.side = Math.min(this.size.width, this.size.height);
    this.awaited++; // what is still on its way was for another translator
    this.replace(blank(this.size.width, this.size.height, this.background), true);
  }

  /** @param {Raster} raster @param {boolean} [fresh] with a history of its own */
  replace(raster, fresh = false) {
    this.raster = raster;
    if (fresh) this.history = new History(copy(raster));
    else this.history.add(copy(raster));
    this.done();
  }

  /** Nothing is drawn yet. */
  get empty() {
    const { data } = this.raster;
    const { background } = this;
    for (let at = 0; at < data.length; at++) if (data[at] !== background[at % 4]) return false;
    return true;
  }

  clear() {
    this.replace(blank(this.size.width, this.size.height, this.background));
  }

  /** A stroke has ended. */
  settle() {
    this.history.add(copy(this.raster));
    this.done();
  }

  /** @param {Raster | null} state */
  restore(state) {
    if (!state) return;
    this.raster = copy(state);
    this.done();
  }

  undo() {
    this.restore(this.history.undo());
  }

  redo() {
    this.restore(this.history.redo());
  }

  /** A change is complete; the canvas carries its number, for whoever waits for it. */
  done() {
    this.changes++;
    this.show();
    this.canvas.dataset.changes = String(this.changes);
  }

  show() {
    const { width, height, data } = this.raster;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.context.putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
    this.changed();
  }

  /**
   * Put a picture here, unless a newer one was asked for while this one came.
   * @param {Promise<Blob> | Blob} file
   * @param {boolean} [first] it begins the history, and gives way to a person who has begun to draw
   */
  async load(file, first = false) {
    const number = ++this.awaited;
    const { changes } = this;
    const raster = await this.read(await file);
    if (number !== this.awaited || (first && (changes !== this.changes || this.marked))) return;
    this.replace(raster, first);
  }

  /** Whether a stroke that is not yet complete has left its mark. */
  get marked() {
    const complete = this.history.past[this.history.past.length - 1];
    return complete.data.some((value, at) => value !== this.raster.data[at]);
  }

  /** A picture in its own proportions. @param {Blob} file @returns {Promise<Raster>} */
  async read(file) {
    const picture = await createImageBitmap(file, { colorSpaceConversion: "default" }).catch(() => null);
    if (!picture) throw new Error("That is no picture this browser can read; take a PNG, JPEG or WebP.");
    const size = fitted(picture.width, picture.height, this.side);
    const canvas = new OffscreenCanvas(size.width, size.height);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.imageSmoothingEnabled = !this.hard;
    context.imageSmoothingQuality = "high";
    if (this.kind?.colour !== "holed") {
      context.fillStyle = `rgb(${this.background.slice(0, 3).join(" ")})`;
      context.fillRect(0, 0, size.width, size.height);
    }
    context.drawImage(picture, 0, 0, size.width, size.height);
    const { data } = context.getImageData(0, 0, size.width, size.height);
    const raster = { ...size, data: new Uint8ClampedArray(data) };
    if (this.hard && this.kind) snap(raster, this.kind.palette);
    if (this.kind?.colour === "holed") sharpen(raster);
    return raster;
  }

  /** @returns {Promise<Blob>} PNG */
  png() {
    return new Promise((resolve, reject) => {
      this.canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The browser could not write the drawing."))), "image/png");
    });
  }
}

/** A pixel is a hole or it is not. @param {Raster} raster */
function sharpen({ data }) {
  for (let at = 3; at < data.length; at += 4) data[at] = data[at] < 128 ? 0 : 255;
}
