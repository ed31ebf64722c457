// What a person sees of the drawing: the picture below it, and the marks as paths, crisp at any zoom.

import { decoded } from "../codec.js";
import { layered, outline } from "./vector.js";

/** @typedef {import("../raster.js").Raster} Raster */
/** @typedef {import("./marks.js").Mark} Mark */

const LONGEST = 2048; // pixels of a side of the picture below

export class Overlay {
  /** @param {SVGSVGElement} svg @param {HTMLCanvasElement} under */
  constructor(svg, under) {
    this.svg = svg;
    this.under = under;
    this.group = /** @type {SVGGElement} */ (svg.querySelector("g"));
    /** @type {Mark[]} */
    this.shown = [];
    /** @type {unknown} */
    this.below = null;
  }

  /** @param {Raster} raster @param {Mark | null} live the mark that is being made @param {readonly number[]} background @param {boolean} hard */
  show(raster, live, background, hard) {
    const { width, height, marks } = raster;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.lower(raster, background, hard);
    const wanted = [...layered(marks, hard), ...(live ? [live] : [])];
    let same = 0;
    while (same < wanted.length && wanted[same] === this.shown[same] && wanted[same] !== live) same++;
    while (this.group.childElementCount > same) this.group.lastElementChild?.remove();
    for (const mark of wanted.slice(same)) this.group.append(drawn(mark, hard, this.group));
    this.shown = [...wanted];
  }

  /** @param {Raster} raster @param {readonly number[]} background @param {boolean} hard */
  async lower(raster, background, hard) {
    const { width, height, under, origin } = raster;
    const below = origin?.file ?? under ?? `${width} ${height} ${background}`;
    if (below === this.below) return;
    this.below = below;
    const context = sized(this.under, width, height);
    if (under) context.putImageData(new ImageData(new Uint8ClampedArray(under), width, height), 0, 0);
    else filled(context, background);
    if (!origin || hard) return;
    const picture = await decoded(origin.file).catch(() => null);
    if (!picture || below !== this.below) return;
    const share = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
    const large = sized(this.under, Math.round(picture.width * share), Math.round(picture.height * share));
    if (background[3]) filled(large, background);
    large.drawImage(picture.source, 0, 0, large.canvas.width, large.canvas.height);
  }
}

/** @param {HTMLCanvasElement} canvas @param {number} width @param {number} height */
function sized(canvas, width, height) {
  [canvas.width, canvas.height] = [width, height];
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}

/** @param {CanvasRenderingContext2D} context @param {readonly number[]} colour */
function filled(context, [r, g, b]) {
  context.fillStyle = `rgb(${r} ${g} ${b})`;
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
}

/** @param {Mark} mark @param {boolean} hard @param {Element} place */
function drawn(mark, hard, place) {
  const { path, width, filled } = outline(mark, hard);
  const [r, g, b, opacity] = mark.colour;
  const paint = opacity ? `rgb(${r} ${g} ${b})` : "url(#hole)";
  const element = document.createElementNS(place.namespaceURI, "path");
  for (const [name, value] of Object.entries({
    d: path, fill: filled ? paint : "none", stroke: width ? paint : "none", "stroke-width": String(width),
    "fill-rule": mark.shape === "fill" ? "evenodd" : "nonzero",
  })) element.setAttribute(name, value);
  return element;
}
