// A mark as a path, which a screen of any density and a picture of any size draw crisply.

import { ALIKE } from "./marks.js";

/** @typedef {import("./marks.js").Mark} Mark */
/** @typedef {{path: string, width: number, filled: boolean}} Outline `width` of the pen along the path; 0 = none */

/** @param {Mark} mark @param {boolean} hard shapes are filled @returns {Outline} */
export function outline({ shape, points, path }, hard) {
  const [x, y, radius] = points;
  const [toX, toY] = points.slice(-3);
  const width = 2 * radius;
  if (shape === "fill") return { path: path ?? "", width: hard ? 0 : 2, filled: true }; // a pixel under the lines, whose edges are soft in the raster
  if (shape === "rectangle") {
    return { path: `M${x} ${y}H${toX}V${toY}H${x}Z`, width: hard ? 0 : width, filled: hard };
  }
  if (shape === "ellipse") {
    const [across, down] = [Math.abs(toX - x) / 2, Math.abs(toY - y) / 2];
    return { path: round((x + toX) / 2, (y + toY) / 2, across, down), width: hard ? 0 : width, filled: hard };
  }
  if (points.every((value, at) => value === points[at % 3])) return { path: round(x, y, radius, radius), width: 0, filled: true };
  if (points.every((value, at) => at % 3 !== 2 || value === radius)) {
    let line = `M${x} ${y}`;
    for (let at = 3; at < points.length; at += 3) line += `L${points[at]} ${points[at + 1]}`;
    return { path: line, width, filled: false };
  }
  return { path: swelling(points), width: 0, filled: true };
}

/**
 * As they are laid over each other: a fill lies under the lines that bound it, so that their edges stay theirs, and above what it replaced.
 * @param {readonly Mark[]} marks @param {boolean} hard @returns {Mark[]}
 */
export function layered(marks, hard) {
  /** @type {Mark[]} */
  const layers = [];
  for (const mark of marks) {
    let place = layers.length;
    const covers = (/** @type {Mark} */ other) => mark.over?.every((value, channel) => Math.abs(value - other.colour[channel]) <= ALIKE);
    if (mark.shape === "fill" && !hard) while (place && !covers(layers[place - 1])) place--;
    layers.splice(place, 0, mark);
  }
  return layers;
}

/** @param {number} x @param {number} y @param {number} across @param {number} down */
function round(x, y, across, down) {
  return `M${x - across} ${y}a${across} ${down} 0 1 1 ${2 * across} 0a${across} ${down} 0 1 1 ${-2 * across} 0Z`;
}

/** A disc at each point, and between two their common tangents' quadrilateral; all turn the same way. @param {number[]} points */
function swelling(points) {
  let path = "";
  for (let at = 0; at < points.length; at += 3) {
    const [x, y, radius] = points.slice(at, at + 3);
    path += round(x, y, radius, radius);
    if (!at) continue;
    const [fromX, fromY, first] = points.slice(at - 3, at);
    const length = Math.hypot(x - fromX, y - fromY);
    if (length <= Math.abs(radius - first)) continue;
    const [cos, sin] = [(x - fromX) / length, (y - fromY) / length];
    const lean = (first - radius) / length;
    const upright = Math.sqrt(1 - lean * lean);
    const [leftX, leftY] = [cos * lean + sin * upright, sin * lean - cos * upright];
    const [rightX, rightY] = [cos * lean - sin * upright, sin * lean + cos * upright];
    const corners = [
      [fromX + first * leftX, fromY + first * leftY], [x + radius * leftX, y + radius * leftY],
      [x + radius * rightX, y + radius * rightY], [fromX + first * rightX, fromY + first * rightY],
    ];
    path += `M${corners.map((corner) => corner.map((value) => value.toFixed(2)).join(" ")).join("L")}Z`;
  }
  return path;
}

/**
 * Draw marks on a canvas whose units are the drawing's pixels.
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context @param {readonly Mark[]} marks @param {boolean} hard
 */
export function paint(context, marks, hard) {
  context.lineCap = context.lineJoin = "round";
  for (const mark of layered(marks, hard)) {
    const { path, width, filled } = outline(mark, hard);
    const [r, g, b, opacity] = mark.colour;
    context.globalCompositeOperation = opacity ? "source-over" : "destination-out";
    context.fillStyle = context.strokeStyle = `rgb(${r} ${g} ${b})`;
    context.lineWidth = width;
    const shape = new Path2D(path);
    if (filled) context.fill(shape, mark.shape === "fill" ? "evenodd" : "nonzero");
    if (width) context.stroke(shape);
  }
  context.globalCompositeOperation = "source-over";
}
