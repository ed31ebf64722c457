// What is drawn: a raster, its history, and the canvas that shows it.

import { decoded, drawn, drawnData } from "./codec.js";
import { History } from "./history.js";
import { blank, copy, fitted, sharpen, snap } from "./raster.js";
import { unpacked } from "./strokes/compact.js";
import { play, scaled } from "./strokes/marks.js";
import { paint } from "./strokes/vector.js";

/** @typedef {import("./raster.js").Raster} Raster */
/** @typedef {import("./raster.js").Colour} Colour */
/** @typedef {import("./strokes/marks.js").Mark} Mark */

/** @typedef {Blob | Uint8Array<ArrayBuffer>} Content a picture, or the marks that a link holds */

const CRISP = 1024; // shorter side of a saved drawing that no picture gives a size

export class Drawing {
  /**
   * @param {HTMLCanvasElement} canvas holds what is translated @param {import("./strokes/overlay.js").Overlay} overlay shows it
   * @param {() => void} changed called after every change, also within a stroke
   * @param {() => void} kept called after every complete change that a person made
   */
  constructor(canvas, overlay, changed, kept) {
    this.canvas = canvas;
    this.overlay = overlay;
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
    /** @type {Map<string, {sheet: string, raster: Raster}>} the newest drawing of each kind, on whichever sheet */
    this.newest = new Map();
    this.family = ""; // the kind of what is drawn
    /** @type {Mark | null} the mark that is being made */
    this.live = null;
    /** @type {Raster | null} the example that the mark being made has taken away */
    this.veiled = null;
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
    this.family = JSON.stringify([colour, palette, names, background]);
    this.sheet = JSON.stringify([colour, palette, names, background, this.size.width, this.size.height]);
    this.live = this.veiled = null;
    this.awaited++; // what is still on its way was for another translator
    const before = this.others.get(this.sheet);
    this.own = Boolean(before);
    this.raster = before?.raster ?? blank(this.size.width, this.size.height, this.background);
    this.history = before?.history ?? new History(copy(this.raster));
    this.done(this.own);
  }

  /**
   * Bring along what was drawn last on a sheet of the same kind and another size.
   * @returns {Promise<boolean>} whether there is something
   */
  async carry() {
    const newest = this.newest.get(this.family);
    if (!newest || newest.sheet === this.sheet) return false;
    const number = ++this.awaited;
    const raster = await this.onThisSheet(newest.raster);
    if (number !== this.awaited) return true;
    if (this.own) this.replace(raster);
    else this.first(raster, true);
    this.newest.set(this.family, newest); // the way back is exact while nothing is drawn here
    return true;
  }

  /** @param {Raster} other @returns {Promise<Raster>} */
  async onThisSheet({ width, height, marks, under, origin }) {
    const size = under ? fitted(width, height, this.side) : this.size;
    /** @type {Raster} */
    let raster = blank(size.width, size.height, this.background);
    if (origin) raster = await this.read(origin.file);
    else if (under) raster = this.taken(drawnData({ width, height, data: under }), size);
    for (const mark of marks) this.add(raster, scaled(mark, size.width / width, size.height / height));
    return raster;
  }

  /** @param {Raster} raster not in use yet @param {Mark} mark */
  add(raster, mark) {
    if (play(raster, mark, this.hard)) raster.marks = [...raster.marks, mark];
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

  /** The first stroke on an example takes its place, except where it makes a hole in it. */
  unveil() {
    if (this.own || this.empty || this.kind?.colour === "holed") return;
    this.veiled = this.raster;
    this.raster = blank(this.size.width, this.size.height, this.background);
  }

  /** The stroke was called off. */
  veil() {
    if (this.veiled) this.raster = this.veiled;
    this.veiled = null;
  }

  clear() {
    this.replace(blank(this.size.width, this.size.height, this.background));
  }

  /** A picture of the camera: shown and translated, and not kept. @param {Raster} raster */
  frame(raster) {
    this.raster = raster;
    this.show();
  }

  /** What was here before the camera. */
  back() {
    this.raster = copy(this.history.now);
    this.done(this.own);
  }

  /** A stroke has ended. @param {Mark} [mark] */
  settle(mark) {
    this.veiled = null;
    if (mark) this.raster = { ...this.raster, marks: [...this.raster.marks, mark] };
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
    if (own) this.newest.set(this.family, { sheet: this.sheet, raster: copy(this.raster) });
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
    this.overlay.show(this.raster, this.live, this.kind?.colour === "holed" ? [0, 0, 0, 0] : this.background, this.hard);
    this.changed();
  }

  /** Put a picture here, unless a newer one was asked for while this one came. @param {Promise<Content> | Content} file */
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
    return this.history.now.data.some((value, at) => value !== this.raster.data[at]);
  }

  /** A picture in its own proportions; a larger one is remembered, for the result. @param {Content} file @returns {Promise<Raster>} */
  async read(file) {
    if (file instanceof Uint8Array) return this.onThisSheet({ ...(await unpacked(file)), data: new Uint8ClampedArray(), under: null });
    const picture = await decoded(file);
    const size = fitted(picture.width, picture.height, this.side);
    const raster = this.taken(picture, size);
    const { width, height } = picture;
    if (width > size.width || height > size.height) raster.origin = { file, width, height };
    return raster;
  }

  /** @param {import("./codec.js").Decoded} picture @param {{width: number, height: number}} size @returns {Raster} of this kind */
  taken(picture, size) {
    const raster = drawn(picture, size, !this.hard, this.kind?.colour === "holed" ? null : this.background);
    if (this.hard && this.kind) snap(raster, this.kind.palette);
    if (this.kind?.colour === "holed") sharpen(raster);
    raster.under = raster.data.slice();
    return raster;
  }

  /** The drawing at the size of the picture that it was begun from. @returns {Promise<Raster>} */
  async whole() {
    return this.raster.origin ? this.at(this.raster.origin) : this.raster;
  }

  /** The drawing to be kept as a file: large enough to be crisp. @returns {Promise<Raster>} */
  async large() {
    const { width, height, under } = this.raster;
    const factor = under ? 1 : Math.max(1, Math.ceil(CRISP / Math.min(width, height)));
    return this.raster.origin ? this.whole() : this.at({ width: factor * width, height: factor * height });
  }

  /** The drawing in any size: its picture enlarged, its marks drawn anew. @param {{width: number, height: number}} size @returns {Promise<Raster>} */
  async at(size) {
    const { width, height, marks, under, origin } = this.raster;
    const { width: across, height: down } = size;
    let raster = blank(across, down, this.background);
    if (under) raster = this.taken(origin ? await decoded(origin.file) : drawnData({ width, height, data: under }), size);
    if (this.exact) {
      for (const mark of marks) play(raster, scaled(mark, across / width, down / height), this.hard);
      return raster;
    }
    const { source } = drawnData(raster);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (source.getContext("2d"));
    context.scale(across / width, down / height);
    paint(context, marks, false);
    return { ...raster, data: new Uint8ClampedArray(context.getImageData(0, 0, across, down).data) };
  }

  /** @returns {Promise<Blob>} PNG */
  png() {
    return new Promise((resolve, reject) => {
      this.canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The browser could not write the drawing."))), "image/png");
    });
  }
}
