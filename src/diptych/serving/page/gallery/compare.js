// One drawing by all translators of its kind of source, side by side.

import { Newest } from "../newest.js";
import { wordsOf } from "../elements.js";
import { titleAmong } from "../controls.js";
import { byServer } from "../server.js";

/** @typedef {import("../listing.js").Translator} Translator */

export class Compare {
  /** @param {HTMLButtonElement} button @param {HTMLElement} place @param {import("../app.js").App} app */
  constructor(button, place, app) {
    this.button = button;
    this.place = place;
    this.app = app;
    this.newest = new Newest(() => this.translate());
    button.addEventListener("click", () => {
      button.ariaPressed = String(button.ariaPressed !== "true");
      this.follow();
    });
  }

  /** Those that take what is drawn. @returns {Translator[]} */
  get others() {
    const { app } = this;
    const kind = (/** @type {Translator} */ { source: { colour, palette, names } }) => JSON.stringify([colour, palette, names]);
    return app.served ? app.translators.filter((one) => one !== app.translator && kind(one) === kind(app.translator)) : [];
  }

  /** The main result has come. */
  follow() {
    this.button.hidden = !this.others.length;
    this.place.hidden = this.button.hidden || this.button.ariaPressed !== "true";
    if (!this.place.hidden) this.newest.ask();
  }

  async translate() {
    const { others, app: { drawing: { raster }, drawing } } = this;
    const file = await drawing.png();
    const shown = [...this.place.children].map((figure) => /** @type {HTMLElement} */ (figure).dataset.translator);
    if (shown.join() !== others.map((one) => one.name).join()) this.place.replaceChildren(...others.map((one) => this.figure(one)));
    for (const [number, one] of others.entries()) {
      if (this.newest.changed || this.place.hidden) return;
      const figure = this.place.children[number];
      const words = /** @type {HTMLElement} */ (figure.querySelector("p"));
      try {
        const { picture } = await byServer(one, file, raster, null);
        const canvas = /** @type {HTMLCanvasElement} */ (figure.querySelector("canvas"));
        [canvas.width, canvas.height] = [picture.width, picture.height];
        canvas.getContext("2d")?.drawImage(picture, 0, 0);
        picture.close();
        words.textContent = "";
      } catch (error) {
        words.textContent = wordsOf(error);
      }
    }
  }

  /** @param {Translator} translator */
  figure(translator) {
    const figure = document.createElement("figure");
    figure.dataset.translator = translator.name;
    const canvas = document.createElement("canvas");
    const button = document.createElement("button");
    const title = titleAmong(translator, this.app.translators);
    canvas.setAttribute("role", "img");
    canvas.ariaLabel = `The result of ${title}`;
    button.textContent = title;
    button.addEventListener("click", () => this.app.choose(translator));
    figure.append(canvas, button, document.createElement("p"));
    return figure;
  }
}
