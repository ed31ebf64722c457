// What one posts: a picture of both panels, or a short film of them growing; seen first, then shared, copied or saved.

import { download, element } from "../elements.js";
import { blank, copy } from "../raster.js";
import { play } from "../strokes/marks.js";
import { growing, recorded } from "./film.js";
import { addressOf, compose, sizes } from "./picture.js";

/** @typedef {import("../raster.js").Raster} Raster */

const [STEPS, FRAME] = [24, 110]; // pictures of a film at most, and milliseconds of each

export class Posting {
  /** @param {import("../app.js").App} app @param {(action: () => unknown) => void} guarded */
  constructor(app, guarded) {
    this.app = app;
    /** @type {{blob: Blob, name: string} | null} */
    this.made = null;
    this.dialog = /** @type {HTMLDialogElement} */ (element("posting"));
    const actions = { picture: () => this.picture(), film: () => this.film(), "post-share": () => this.share(), "post-copy": () => this.copy() };
    for (const [id, action] of Object.entries(actions)) element(id).addEventListener("click", () => guarded(action));
    element("post-save").addEventListener("click", () => this.made && download(this.made.blob, this.made.name));
    this.dialog.addEventListener("close", () => this.show(null));
  }

  /** @param {CanvasImageSource | null} result @returns {import("./picture.js").Shown} */
  shown(result) {
    const { app } = this;
    const under = /** @type {HTMLCanvasElement} */ (element("under"));
    return { title: app.translator.title, address: addressOf(location), hard: app.drawing.hard, result, under };
  }

  /** @param {Raster} raster */
  canvas(raster) {
    const canvas = document.createElement("canvas");
    ({ width: canvas.width, height: canvas.height } = sizes(raster));
    return { canvas, context: /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")) };
  }

  async picture() {
    const { raster } = this.app.drawing;
    const { canvas, context } = this.canvas(raster);
    compose(context, raster, this.shown(/** @type {HTMLCanvasElement} */ (element("result"))));
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    if (!blob) throw new Error("The browser could not write the picture.");
    this.show({ blob, name: `${this.app.translator.name}.png` });
  }

  async film() {
    const { app, app: { drawing, news } } = this;
    const { marks } = drawing.raster;
    if (!marks.length) throw new Error("A film shows a drawing growing: draw something first.");
    const states = growing(marks, STEPS).map((some) => this.state(some));
    const results = /** @type {ImageBitmap[]} */ ([]);
    for (const [number, state] of states.entries()) {
      news.timing(`Making the film: picture ${number + 1} of ${states.length}.`);
      results.push((await app.answer(state)).picture);
    }
    const { canvas, context } = this.canvas(drawing.raster);
    news.timing("Recording the film.");
    const blob = await recorded(canvas, states.length, (number) => compose(context, states[number], this.shown(results[number])), FRAME);
    for (const result of results) result.close();
    news.timing("");
    this.show({ blob, name: `${app.translator.name}.${blob.type.split("/")[1]}` });
  }

  /** The drawing with some of its marks. @param {import("../strokes/marks.js").Mark[]} marks @returns {Raster} */
  state(marks) {
    const { drawing } = this.app;
    const { width, height, under } = drawing.raster;
    const raster = under ? copy({ ...drawing.raster, data: under }) : blank(width, height, drawing.background);
    for (const mark of marks) play(raster, mark, drawing.hard);
    return { ...raster, marks };
  }

  /** @param {{blob: Blob, name: string} | null} made */
  show(made) {
    const [image, video] = ["post-image", "post-video"].map((id) => /** @type {HTMLImageElement | HTMLVideoElement} */ (element(id)));
    for (const one of [image, video]) {
      if (one.src) URL.revokeObjectURL(one.src);
      one.removeAttribute("src");
      one.hidden = true;
    }
    this.made = made;
    if (!made) return;
    const moving = made.blob.type.startsWith("video/");
    const place = moving ? video : image;
    place.src = URL.createObjectURL(made.blob);
    place.hidden = false;
    element("post-copy").hidden = moving || !navigator.clipboard || !("ClipboardItem" in self);
    element("post-share").hidden = !navigator.canShare?.({ files: [this.file(made)] });
    element("posted").textContent = "";
    this.dialog.showModal();
  }

  /** @param {{blob: Blob, name: string}} made */
  file({ blob, name }) {
    return new File([blob], name, { type: blob.type });
  }

  async share() {
    if (!this.made) return;
    await navigator.share({ files: [this.file(this.made)], title: this.app.translator.title }).catch((error) => {
      if (error.name !== "AbortError") throw error; // whoever closes the sheet has changed their mind
    });
  }

  async copy() {
    if (!this.made) return;
    await navigator.clipboard.write([new ClipboardItem({ [this.made.blob.type]: this.made.blob })]);
    element("posted").textContent = "It is on the clipboard now.";
  }
}
