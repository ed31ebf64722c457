// What is drawn: a raster, its history, and the canvas that shows it.

import { decoded, drawn } from "./codec.js";
import { History } from "./history.js";
import { blank, copy, fitted, overlaid, snap } from "./raster.js";

/** @typedef {import("./raster.js").Raster} Raster */
/** @typedef {import("./raster.js").Colour} Colour */

export class Drawing {
  /**
   * @param {HTMLCanvasElement} canvas @param {() => void} changed called after every change, also within a stroke
   * @param {() => void} kept called after every complete change that a person made
   */
  constructor(canvas, changed, kept) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
    this.changed = changed;
    this.kept = kept;
    this.raster = blank(1, 1, [255, 255, 255, 255]);
    this.history = new History(this.raster);
    /** @type {import("./listing.js").Kind | null} */
    this.kind = null;
    this.side = 256;
    this.size = { width: 256, height: 256 };
    this.sheet = ""; // what is drawn on: translators of one kind of source and one size share it
    this.own = false; // a person's, not the picture to begin with
    /** @type {Map<string, {raster: Raster, history: History}>} what was drawn on others */
    this.others = new Map();
    this.changes = 0; // strokes, pictures, undos: not what happens within a stroke
    this.awaited = 0; // number of the newest picture that was asked for
  }

  /** Colours may mix, except in class maps. */
  get hard() {
    return this.kind?.colour === "labels";
  }

  /** Every pixel counts: no lossy file may hold it. */
  get exact() {
    return this.hard || this.kind?.colour === "holed";
  }

  /** @returns {Colour} what an empty drawing is filled with */
  get background() {
    const [r, g, b] = (this.kind?.colour === "labels" ? this.kind.palette[0] : this.kind?.background) ?? [255, 255, 255];
    return [r, g, b, 255];
  }

  /**
   * Take the sheet of a translator: what a person has drawn on it stays; without that it is empty.
   * @param {import("./listing.js").Translator} translator
   */
  begin(translator) {
    if (this.own) this.others.set(this.sheet, { raster: this.raster, history: this.history });
    this.kind = translator.source;
    const [height, width] = translator.size;
    const enlarged = translator.scale > 1 ? Math.max(1, 128 / Math.min(width, height)) : 1; // its crops are tiny in training
    this.size = { width: Math.round(width * enlarged), height: Math.round(height * enlarged) };
    this.side = Math.min(this.size.width, this.size.height);
    const { colour, palette, names, background } = this.kind;
    this.sheet = JSON.stringify([colour, palette, names, background, this.size.width, this.size.height]);
    this.awaited++; // what is still on its way was for another translator
    const before = this.others.get(this.sheet);
    this.own = Boolean(before);
    this.raster = before?.raster ?? blank(this.size.width, this.size.height, this.background);
    this.history = before?.history ?? new History(copy(this.raster));
    this.done(this.own);
  }

  /** @param {Raster} raster */
  replace(raster) {
    this.raster = raster;
    this.settle();
  }

  /** A picture to begin with, where nobody has begun to draw. @param {Raster} raster @param {boolean} own a person's */
  first(raster, own) {
    this.raster = raster;
    this.history = new History(copy(raster));
    this.done(own);
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

  /** A change is complete; the canvas carries its number, for whoever waits for it. @param {boolean} [own] a person's */
  done(own = true) {
    this.own = own;
    if (own) this.kept();
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

  /** Put a picture here, unless a newer one was asked for while this one came. @param {Promise<Blob> | Blob} file */
  async load(file) {
    const number = ++this.awaited;
    const raster = await this.read(await file);
    if (number === this.awaited) this.replace(raster);
  }

  /**
   * Put the first picture here. It gives way to a person who has begun to draw, and can then be had by undoing where it is their own.
   * @param {Promise<Raster>} coming @param {boolean} own
   */
  async start(coming, own) {
    const number = ++this.awaited;
    const { changes } = this;
    const raster = await coming;
    if (number !== this.awaited) return;
    if (changes === this.changes && !this.marked) this.first(raster, own);
    else if (own) this.history.past.unshift(copy(raster));
  }

  /** Whether a stroke that is not yet complete has left its mark. */
  get marked() {
    const complete = this.history.past[this.history.past.length - 1];
    return complete.data.some((value, at) => value !== this.raster.data[at]);
  }

  /** A picture in its own proportions; a larger one is remembered, for the result. @param {Blob} file @returns {Promise<Raster>} */
  async read(file) {
    const picture = await decoded(file);
    const size = fitted(picture.width, picture.height, this.side);
    const raster = this.taken(picture, size);
    const { width, height } = picture;
    if (width > size.width || height > size.height) raster.origin = { file, width, height, data: raster.data.slice() };
    return raster;
  }

  /** @param {import("./codec.js").Decoded} picture @param {{width: number, height: number}} size @returns {Raster} of this kind */
  taken(picture, size) {
    const raster = drawn(picture, size, !this.hard, this.kind?.colour === "holed" ? null : this.background);
    if (this.hard && this.kind) snap(raster, this.kind.palette);
    if (this.kind?.colour === "holed") sharpen(raster);
    return raster;
  }

  /** The drawing at the size of the picture that it was begun from. @returns {Promise<Raster>} */
  async whole() {
    const { raster } = this;
    return raster.origin ? overlaid(this.taken(await decoded(raster.origin.file), raster.origin), raster) : raster;
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
