// Translating in this browser: a worker holds the network, so that drawing stays smooth.

import { token } from "./listing.js";

/**
 * @typedef {import("./listing.js").Translator} Translator
 * @typedef {{resolve: (value: any) => void, reject: (reason: Error) => void}} Waiting
 */

export class InBrowser {
  /** @param {(done: number, total: number) => void} progress of the network's bytes */
  constructor(progress) {
    this.progress = progress;
    /** @type {Worker | null} */
    this.worker = null;
    /** @type {Map<number, Waiting>} */
    this.waiting = new Map();
    this.count = 0;
    this.loaded = "";
    this.provider = "";
  }

  /** Fetch the network, or take it from the cache, and make it ready. @param {Translator} translator */
  async load(translator) {
    const network = translator.browser;
    if (!network) throw new Error("This translator has no network for the browser.");
    if (this.loaded === network.sha256) return;
    const told = { network, name: translator.name, source: translator.source, base: new URL(".", location.href).href, token: token.get() };
    ({ provider: this.provider } = await this.ask("load", told));
    this.loaded = network.sha256;
  }

  /**
   * @param {Translator} translator @param {import("./raster.js").Pixels} raster @param {number | null} seed
   * @returns {Promise<import("./server.js").Result>}
   */
  async translate(translator, raster, seed) {
    await this.load(translator);
    const { width, height, data } = raster;
    const { picture, milliseconds } = await this.ask("run", { raster: { width, height, data }, seed: seed ?? 0, scale: translator.scale });
    const image = new ImageData(picture.data, picture.width, picture.height);
    return { picture: await createImageBitmap(image), milliseconds, by: `this browser (${this.provider})` };
  }

  /** @param {"load" | "run"} what @param {object} content @returns {Promise<any>} */
  ask(what, content) {
    const number = ++this.count;
    return new Promise((resolve, reject) => {
      this.waiting.set(number, { resolve, reject });
      this.started().postMessage({ number, what, ...content });
    });
  }

  started() {
    if (!this.worker) {
      this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
      this.worker.onmessage = ({ data }) => this.answered(data);
      this.worker.onerror = (event) => {
        event.preventDefault();
        this.fail(new Error("The browser could not run the network; use another browser, or the server."));
      };
    }
    return this.worker;
  }

  /** @param {{number: number, done?: number, total?: number, result?: unknown, error?: string}} message */
  answered({ number, done, total, result, error }) {
    if (done !== undefined && total !== undefined) {
      this.progress(done, total);
      return;
    }
    const waiting = this.waiting.get(number);
    this.waiting.delete(number);
    if (error !== undefined) waiting?.reject(new Error(error));
    else waiting?.resolve(result);
  }

  /** The worker has died: a new one is started when it is next needed. @param {Error} error */
  fail(error) {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
    this.worker?.terminate();
    this.worker = null;
    this.loaded = "";
  }
}
