// A drawing, a translator, and where it runs.

import { InBrowser } from "./browser.js";
import { encoded, resized } from "./codec.js";
import { Controls } from "./controls.js";
import { Drawing } from "./drawing.js";
import { element, wordsOf } from "./elements.js";
import { Keeper } from "./keeper.js";
import { ask, Refusal, token } from "./listing.js";
import { Newest } from "./newest.js";
import { byServer } from "./server.js";
import { Overlay } from "./strokes/overlay.js";

/** @typedef {import("./listing.js").Translator} Translator */

const canvas = /** @type {HTMLCanvasElement} */ (element("canvas"));
const result = /** @type {HTMLCanvasElement} */ (element("result"));

const MOST = 2 ** 26; // pixels of a picture that is translated at its own size; a canvas of more takes too much memory
const LARGE = 16 * 2 ** 20; // bytes of a PNG beyond which photographs are sent as JPEG, since services take 20 MB

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
    this.version = 0; // of the drawing: an answer to an older one may be shown, but is not the last
    this.retry = () => {}; // ends the wait for a server that did not answer
    this.live = false; // the camera asks itself
    this.starting = false; // the first picture is on its way, and nothing is translated before it
    this.inBrowser = new InBrowser((done, total) => news.progress(done, total));
    this.newest = new Newest(() => this.translate());
    this.keeper = new Keeper();
    const overlay = new Overlay(/** @type {SVGSVGElement} */ (document.querySelector("#strokes")), /** @type {HTMLCanvasElement} */ (element("under")));
    this.drawing = new Drawing(canvas, overlay, () => this.changed(), () => this.keeper.put(this.drawing.sheet, this.drawing.raster));
    this.controls = new Controls(this, news);
  }

  /** The drawing is another. */
  changed() {
    this.version++;
    this.retry();
    if (!this.changedAt) this.changedAt = performance.now();
    result.classList.add("stale");
    result.ariaBusy = "true";
    this.news.forgive();
    this.controls?.refresh();
    if (!this.starting && !this.live) this.newest.ask();
  }

  /**
   * Another translator, with a picture to begin with: the one that a link holds, what was last drawn here, or its first example.
   * The canvas carries the translator's name once it is there.
   * @param {Translator} translator @param {import("./drawing.js").Content} [linked] @param {boolean} [again] what was drawn here goes before the link
   */
  async choose(translator, linked, again = false) {
    delete canvas.dataset.translator;
    this.controls.camera.stop();
    this.translator = translator;
    if (!this.served || (this.where === "browser" && !translator.browser)) this.where = this.served ? "server" : "browser";
    this.seed = null;
    this.starting = true;
    result.width = result.width; // empties it
    this.controls.chosen(translator);
    this.drawing.begin(translator);
    try {
      if (linked && this.drawing.own) await this.drawing.load(linked);
      else if (!(await this.drawing.carry()) && !this.drawing.own) await this.start(translator, linked, again);
    } catch (error) {
      if (translator === this.translator) this.news.error(wordsOf(error), true);
    }
    if (translator !== this.translator) return; // another was chosen meanwhile
    this.starting = false;
    this.newest.ask();
    canvas.dataset.translator = translator.name;
  }

  /**
   * The first picture on a sheet on which nothing was drawn since the page was opened.
   * @param {Translator} translator @param {import("./drawing.js").Content | undefined} linked @param {boolean} again
   */
  async start(translator, linked, again) {
    const { drawing, keeper } = this;
    const kept = linked && !again ? null : await keeper.find(drawing.sheet, !linked);
    if (translator !== this.translator) return;
    if (kept) await drawing.start(Promise.resolve(kept), true);
    else if (linked) await drawing.start(drawing.read(linked), true);
    else if (translator.examples.length) {
      await drawing.start(fetched(translator.examples[0]).then((file) => drawing.read(file)), false);
      if (translator.results.length) await this.stored(translator, translator.results[0]);
    }
  }

  /**
   * What the network answers to a drawing.
   * @param {import("./raster.js").Raster} raster @param {Blob} [file] the same, encoded
   */
  async answer(raster, file) {
    const { translator, seed } = this;
    if (this.where === "browser") return this.inBrowser.translate(translator, raster, seed);
    return byServer(translator, file ?? (await encoded(raster)), raster, seed);
  }

  /** The newest drawing becomes a picture. @returns {Promise<boolean>} whether it has */
  async translate() {
    const { version, changedAt, translator } = this;
    this.changedAt = 0;
    try {
      const file = this.where === "server" ? await this.drawing.png() : undefined;
      const found = await this.answer(this.drawing.raster, file);
      if (translator !== this.translator) return true;
      this.show(found.picture);
      this.controls.compare.follow();
      this.news.clear();
      const took = Number.isFinite(found.milliseconds) ? ` in ${found.milliseconds.toFixed(0)} ms` : "";
      const all = performance.now() - changedAt;
      if (!this.live) this.news.timing(`Translated${took} by ${found.by}; ${all.toFixed(0)} ms from stroke to picture.`);
      if (version !== this.version) return true;
      result.classList.remove("stale");
      result.ariaBusy = "false";
      return true;
    } catch (error) {
      if (translator === this.translator) await this.failed(error);
      return false;
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
    if (error.lost) this.news.error(`${wordsOf(error)} Trying again every ${error.wait} s.`);
    if (error.status === 401) await askToken();
    if (error.status === 401 || error.wait) {
      await new Promise((resolve) => {
        setTimeout(resolve, 1000 * error.wait);
        if (error.lost) this.retry = () => resolve(null);
      });
      this.newest.changed = true;
    }
  }

  /**
   * The result as a file. A picture that was made smaller to be drawn on is translated at its own size; where that
   * cannot be done the result that is seen is enlarged to it.
   * @returns {Promise<Blob>} PNG
   */
  async saved() {
    const { translator, seed, drawing: { raster: { origin } } } = this;
    if (!origin) return new Promise((resolve, reject) => result.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The browser could not write the result.")))));
    const [width, height] = [origin.width * translator.scale, origin.height * translator.scale];
    if (this.where === "server" && width * height <= MOST) {
      this.news.timing(`Translating at ${origin.width}x${origin.height}.`);
      const raster = await this.drawing.whole();
      try {
        const png = await encoded(raster);
        const file = png.size > LARGE && !this.drawing.exact ? await encoded(raster, "image/jpeg") : png;
        const { picture } = await byServer(translator, file, raster, seed);
        return await resized(picture, picture.width, picture.height);
      } catch (error) {
        if (!(error instanceof Refusal && error.status === 413)) throw error;
      }
    }
    this.news.timing(`The result was enlarged from ${result.width}x${result.height} to ${width}x${height}.`);
    return resized(result, width, height);
  }

  /** Put one of the translator's own examples here. @param {number} number */
  async example(number) {
    await this.drawing.load(fetched(this.translator.examples[number]));
  }

  /** The stored result of an example, until the network answers itself. @param {Translator} translator @param {string} address */
  async stored(translator, address) {
    const picture = await createImageBitmap(await fetched(address));
    if (translator === this.translator && !this.drawing.own) this.show(picture);
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
