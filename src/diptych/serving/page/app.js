// A drawing, a translator, and where it runs.

import { InBrowser } from "./browser.js";
import { Controls } from "./controls.js";
import { Drawing } from "./drawing.js";
import { element, wordsOf } from "./elements.js";
import { ask, Refusal, token } from "./listing.js";
import { Newest } from "./newest.js";
import { byServer } from "./server.js";

/** @typedef {import("./listing.js").Translator} Translator */

const canvas = /** @type {HTMLCanvasElement} */ (element("canvas"));
const result = /** @type {HTMLCanvasElement} */ (element("result"));

export class App {
  /** @param {import("./listing.js").Listing} listing @param {import("./elements.js").News} news */
  constructor({ translators, served }, news) {
    this.news = news;
    this.translators = translators;
    this.served = served;
    this.translator = translators[0];
    this.where = served ? "server" : "browser";
    /** @type {number | null} */
    this.seed = null;
    this.changedAt = 0;
    this.shown = 0; // number of the example
    this.version = 0; // of the drawing: an answer to an older one may be shown, but is not the last
    this.starting = false; // the first picture is on its way, and nothing is translated before it
    this.inBrowser = new InBrowser((done, total) => news.progress(done, total));
    this.newest = new Newest(() => this.translate());
    this.drawing = new Drawing(canvas, () => this.changed());
    this.controls = new Controls(this, news);
  }

  /** The drawing is another. */
  changed() {
    this.version++;
    if (!this.changedAt) this.changedAt = performance.now();
    result.classList.add("stale");
    result.ariaBusy = "true";
    this.news.forgive();
    this.controls?.refresh();
    if (!this.starting) this.newest.ask();
  }

  /**
   * Another translator, with a picture to begin with: the one that is given, or the first of its own examples.
   * The canvas carries the translator's name once it is there.
   * @param {Translator} translator @param {Blob} [picture]
   */
  async choose(translator, picture) {
    delete canvas.dataset.translator;
    this.translator = translator;
    if (!this.served || (this.where === "browser" && !translator.browser)) this.where = this.served ? "server" : "browser";
    this.seed = null;
    this.shown = 0;
    this.starting = true;
    result.width = result.width; // empties it
    this.controls.chosen(translator);
    this.drawing.begin(translator);
    try {
      const first = picture ?? (translator.examples.length ? fetched(translator.examples[0]) : null);
      if (first) await this.drawing.load(first, true);
    } catch (error) {
      if (translator === this.translator) this.news.error(wordsOf(error), true);
    }
    if (translator !== this.translator) return; // another was chosen meanwhile
    this.starting = false;
    this.newest.ask();
    canvas.dataset.translator = translator.name;
  }

  /** The newest drawing becomes a picture. */
  async translate() {
    const { version, changedAt, translator, seed } = this;
    this.changedAt = 0;
    try {
      const found = this.where === "server"
        ? await byServer(translator, this.drawing, seed)
        : await this.inBrowser.translate(translator, this.drawing.raster, seed);
      if (translator !== this.translator) return;
      this.show(found.picture);
      this.news.clear();
      const took = Number.isFinite(found.milliseconds) ? ` in ${found.milliseconds.toFixed(0)} ms` : "";
      const all = performance.now() - changedAt;
      this.news.timing(`Translated${took} by ${found.by}; ${all.toFixed(0)} ms from stroke to picture.`);
      if (version !== this.version) return;
      result.classList.remove("stale");
      result.ariaBusy = "false";
    } catch (error) {
      if (translator === this.translator) await this.failed(error);
    }
  }

  /** @param {ImageBitmap} picture */
  show(picture) {
    [result.width, result.height] = [picture.width, picture.height];
    /** @type {CanvasRenderingContext2D} */ (result.getContext("2d")).drawImage(picture, 0, 0);
    picture.close();
    this.controls.resulted();
  }

  /** @param {unknown} error */
  async failed(error) {
    this.news.error(wordsOf(error));
    if (!(error instanceof Refusal)) return;
    if (error.status === 401) await askToken();
    if (error.status === 401 || error.wait) {
      await new Promise((resolve) => setTimeout(resolve, 1000 * error.wait));
      this.newest.changed = true;
    }
  }

  /** Put one of the translator's own examples here; another than the last. */
  async example() {
    const { examples } = this.translator;
    if (!examples.length) return;
    this.shown = (this.shown + 1 + Math.floor(Math.random() * Math.max(1, examples.length - 1))) % examples.length;
    await this.drawing.load(fetched(examples[this.shown]));
  }
}

/** @param {string} address of a picture beside the page */
async function fetched(address) {
  return (await ask(address)).blob();
}

/** Until a token is given. */
export async function askToken() {
  const dialog = /** @type {HTMLDialogElement} */ (element("asking"));
  const input = /** @type {HTMLInputElement} */ (element("token"));
  input.value = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  token.set(input.value);
}
