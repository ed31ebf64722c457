// Buttons, sliders, shortcuts, drops and pastes.

import { encoded } from "./codec.js";
import { fillPanel } from "./embedding/panel.js";
import { Compare } from "./gallery/compare.js";
import { Gallery } from "./gallery/gallery.js";
import { Camera } from "./camera/camera.js";
import { download, element, wordsOf } from "./elements.js";
import { Keys, shortcuts } from "./keyboard.js";
import { fill, marked } from "./palette.js";
import { listen } from "./pointer.js";
import { Posting } from "./posting/posting.js";
import { linkOf } from "./sharing.js";
import { packed } from "./strokes/compact.js";
import { Hand } from "./tools.js";
import { Zoom } from "./zoom.js";

/** @typedef {import("./listing.js").Translator} Translator */
/** @typedef {import("./tools.js").Tool} Tool */

const canvas = /** @type {HTMLCanvasElement} */ (element("canvas"));
const result = /** @type {HTMLCanvasElement} */ (element("result"));

/** @param {string} id */
const input = (id) => /** @type {HTMLInputElement} */ (element(id));
/** @param {string} id */
const button = (id) => /** @type {HTMLButtonElement} */ (element(id));
/** @param {string} name @param {string} value */
const radio = (name, value) => /** @type {HTMLInputElement} */ (document.querySelector(`input[name=${name}][value=${value}]`));

export class Controls {
  /** @param {import("./app.js").App} app @param {import("./elements.js").News} news */
  constructor(app, news) {
    this.app = app;
    this.news = news;
    this.hand = new Hand(app.drawing, (colour) => this.picked(colour));
    this.zoom = new Zoom([element("left"), element("right")], (factor) => this.zoomed(factor));
    listen(canvas, this.hand, this.zoom);
    new Keys(canvas, element("cursor"), this.hand, (sentence) => news.say(sentence));
    this.tools();
    this.buttons();
    this.files();
    this.choices();
    this.gallery = new Gallery(element("gallery"), (number) => this.guarded(() => app.example(number)));
    this.camera = new Camera(app, (action) => this.guarded(action));
    new Posting(app, (action) => this.guarded(action));
    this.compare = new Compare(button("compare"), element("others"), app);
    new ResizeObserver(() => this.fitBoth()).observe(element("left"));
    new ResizeObserver(() => this.placed()).observe(element("colours"));
  }

  tools() {
    for (const tool of /** @type {Tool[]} */ (["pencil", "eraser", "line", "rectangle", "ellipse", "fill", "pick"])) {
      radio("tool", tool).addEventListener("change", () => (this.hand.tool = tool));
    }
    input("size").addEventListener("input", () => this.sized(Number(input("size").value)));
    const take = (/** @type {Tool} */ tool) => () => {
      radio("tool", tool).checked = true;
      this.hand.tool = tool;
    };
    shortcuts({
      b: take("pencil"), e: take("eraser"), l: take("line"), r: take("rectangle"), o: take("ellipse"), f: take("fill"), i: take("pick"),
      "[": () => this.sized(this.hand.size - 1), "]": () => this.sized(this.hand.size + 1),
      "+": () => this.zoom.set(this.zoom.factor * 1.5), "=": () => this.zoom.set(this.zoom.factor * 1.5),
      "-": () => this.zoom.set(this.zoom.factor / 1.5), 0: () => this.zoom.set(1),
      "ctrl+z": () => this.app.drawing.undo(), "ctrl+shift+z": () => this.app.drawing.redo(), "ctrl+y": () => this.app.drawing.redo(),
    });
  }

  buttons() {
    const { app } = this;
    /** @type {Record<string, () => unknown>} */
    const actions = {
      undo: () => app.drawing.undo(), redo: () => app.drawing.redo(), clear: () => app.drawing.clear(),
      smaller: () => this.zoom.set(this.zoom.factor / 1.5), larger: () => this.zoom.set(this.zoom.factor * 1.5),
      open: () => input("file").click(), share: () => this.share(),
      save: async () => download(await encoded(await app.drawing.large()), `${app.translator.name}-drawing.png`),
      keep: async () => download(await app.saved(), `${app.translator.name}-result.png`),
      again: () => this.reseed(),
    };
    for (const [id, action] of Object.entries(actions)) button(id).addEventListener("click", () => this.guarded(action));
  }

  files() {
    input("file").addEventListener("change", () => {
      this.open(input("file").files?.[0]);
      input("file").value = "";
    });
    addEventListener("paste", (event) => {
      const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
      if (file) this.open(file);
    });
    for (const kind of ["dragenter", "dragover"]) {
      addEventListener(kind, (event) => {
        event.preventDefault();
        document.body.classList.add("dropping");
      });
    }
    addEventListener("dragleave", () => document.body.classList.remove("dropping"));
    addEventListener("drop", (event) => {
      event.preventDefault();
      document.body.classList.remove("dropping");
      this.open(event.dataTransfer?.files[0]);
    });
  }

  choices() {
    const { app } = this;
    const select = /** @type {HTMLSelectElement} */ (element("translator"));
    select.replaceChildren(...app.translators.map((one) => new Option(titleAmong(one, app.translators), one.name)));
    select.addEventListener("change", () => {
      app.choose(app.translators[select.selectedIndex]);
      history.replaceState(null, "", `#t=${encodeURIComponent(select.value)}`); // for whoever comes back or loads the page again
    });
    element("pick").hidden = app.translators.length < 2;
    for (const where of ["server", "browser"]) {
      radio("where", where).addEventListener("change", () => {
        app.where = where;
        app.changed();
      });
    }
  }

  /** @param {File | undefined} file */
  open(file) {
    if (file) this.guarded(() => this.app.drawing.load(file));
  }

  /** Whatever goes wrong is said. @param {() => unknown} action */
  async guarded(action) {
    try {
      await action();
    } catch (error) {
      this.news.error(wordsOf(error), true);
    }
  }

  /** @param {number} size */
  sized(size) {
    this.hand.size = Math.min(60, Math.max(1, size));
    input("size").value = String(this.hand.size);
    element("pixels").textContent = String(this.hand.size);
  }

  reseed() {
    this.app.seed = Math.floor(Math.random() * 2 ** 30);
    this.app.changed();
  }

  async share() {
    const { drawing } = this.app;
    const { raster } = drawing;
    const marks = raster.under ? null : await packed(raster);
    const link = linkOf(location.href, this.app.translator.name, marks, new Uint8Array(await (await drawing.png()).arrayBuffer()));
    if (!link) throw new Error("This drawing is too rich for a link; save it and send the file.");
    input("link").value = link;
    const copied = await navigator.clipboard?.writeText(link).then(() => true, () => false); // none where the page is not secure
    element("copied").hidden = !copied;
    /** @type {HTMLDialogElement} */ (element("linking")).showModal();
    input("link").select();
  }

  /** Another translator: its palette, its terms, and what it can do. @param {Translator} translator */
  chosen(translator) {
    /** @type {HTMLSelectElement} */ (element("translator")).value = translator.name;
    fill(element("palette"), translator.source, translator.colours, (colour, name) => {
      this.hand.colour = colour;
      this.news.say(name);
      if (this.hand.tool === "eraser" && translator.source.colour !== "holed") this.take("pencil");
    });
    this.take(translator.source.colour === "holed" ? "eraser" : translator.source.colour === "labels" ? "rectangle" : "pencil");
    this.sized(Math.max(2, Math.round(Math.min(...translator.size) / (translator.source.colour === "rgb" ? 36 : 12))));
    const eraser = translator.source.colour === "holed" ? "Hole" : "Eraser";
    radio("tool", "eraser").ariaLabel = eraser;
    /** @type {HTMLElement} */ (radio("tool", "eraser").parentElement).title = `${eraser} (E)`;
    element("about").textContent = translator.about;
    this.gallery.fill(translator);
    fillPanel(translator, this.app.served);
    element("again").hidden = !translator.noise;
    element("where").hidden = !(this.app.served && translator.browser);
    radio("where", this.app.where).checked = true;
    element("terms").textContent = termsOf(translator);
    canvas.setAttribute("aria-label", `Drawing for ${translator.title}`);
    this.zoom.set(1);
  }

  /** The eyedropper has found a colour. @param {import("./raster.js").Colour} colour */
  picked(colour) {
    this.hand.colour = colour;
    this.news.say(marked(colour));
    this.take("pencil");
  }

  /** @param {Tool} tool */
  take(tool) {
    radio("tool", tool).checked = true;
    this.hand.tool = tool;
  }

  /** After each change of the drawing. */
  refresh() {
    const { history, raster } = this.app.drawing;
    button("undo").disabled = !history.canUndo;
    button("redo").disabled = !history.canRedo;
    element("hint").hidden = !this.app.drawing.empty;
    this.fit(element("left"), raster);
    this.crisp();
  }

  resulted() {
    button("keep").disabled = false;
    this.fit(element("right"), result);
    this.crisp();
  }

  /** How far down the panels begin, which the palette and the header decide: what is below them is to stay in sight. */
  placed() {
    const above = element("panels").getBoundingClientRect().top + scrollY;
    document.documentElement.style.setProperty("--above", `${above}px`);
  }

  fitBoth() {
    this.fit(element("left"), canvas);
    this.fit(element("right"), result);
  }

  /** A picture that is taller than wide must not be higher than its panel. @param {HTMLElement} panel @param {{width: number, height: number}} size */
  fit(panel, { width, height }) {
    const padding = 2 * parseFloat(getComputedStyle(panel).paddingTop);
    const [across, down] = [panel.offsetWidth - padding, panel.offsetHeight - padding - 1];
    const share = Math.min(1, (width / height) * (down / Math.max(1, across)));
    panel.style.setProperty("--fit", `${100 * share}%`);
  }

  /** @param {number} factor */
  zoomed(factor) {
    element("zoom").textContent = `${Math.round(100 * factor)}%`;
    this.crisp();
  }

  /** Pixels are shown as such where they are classes, or large. */
  crisp() {
    canvas.classList.toggle("crisp", this.app.drawing.hard || this.zoom.factor > 2);
    result.classList.toggle("crisp", this.zoom.factor > 2);
  }
}

/** Its title, with its name where others have the same. @param {Translator} one @param {Translator[]} all */
export function titleAmong({ title, name }, all) {
  return all.filter((other) => other.title === title).length > 1 ? `${title} (${name})` : title;
}

/** @param {Translator} translator */
function termsOf({ data, licence, attribution }) {
  const parts = [data && `Trained on ${data}.`, attribution && `${attribution}.`, licence && `Licence of the training data: ${licence}.`];
  return parts.filter(Boolean).join(" ").replaceAll("..", ".") || "Nothing is stated about the training data.";
}
