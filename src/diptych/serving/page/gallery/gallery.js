// Examples with their results, to look at and to begin from.

import { element } from "../elements.js";
import { ask } from "../listing.js";

export class Gallery {
  /** @param {HTMLElement} place @param {(number: number) => void} chosen */
  constructor(place, chosen) {
    this.place = place;
    this.chosen = chosen;
    /** @type {string[]} addresses of pictures in memory */
    this.held = [];
  }

  /** @param {import("../listing.js").Translator} translator */
  async fill(translator) {
    for (const address of this.held.splice(0)) URL.revokeObjectURL(address);
    this.place.replaceChildren();
    const { examples, results } = translator;
    element("examples").hidden = !examples.length;
    const buttons = examples.map((_, number) => {
      const button = document.createElement("button");
      button.ariaLabel = `Example ${number + 1}`;
      button.addEventListener("click", () => this.chosen(number));
      return button;
    });
    this.place.append(...buttons);
    for (const [number, button] of buttons.entries()) {
      const pictures = [examples[number], ...(results[number] ? [results[number]] : [])];
      for (const address of pictures) await this.picture(address, button).catch(() => {}); // without its picture it still works
    }
  }

  /** Fetched as all else is, since a service may ask for its token. @param {string} address @param {HTMLButtonElement} button */
  async picture(address, button) {
    const image = new Image();
    image.alt = "";
    const blob = await (await ask(address)).blob();
    if (!button.isConnected) return; // another translator was chosen meanwhile
    image.src = URL.createObjectURL(blob);
    this.held.push(image.src);
    button.append(image);
  }
}
