// What a hand has drawn, as points: it can be played again on a raster of any size, and fits into a link.

import { flood, Stroke } from "../raster.js";

/**
 * `points` are x, y and radius of each, one after the other, in pixels of the drawing; a fill has one, other shapes than strokes two.
 * `path` is the outline of what a fill reached, as SVG writes it, and `over` the colour that it replaced.
 * @typedef {"stroke" | "line" | "rectangle" | "ellipse" | "fill"} Shape
 * @typedef {{shape: Shape, colour: import("../raster.js").Colour, points: number[], path?: string, over?: number[]}} Mark
 */
/** @typedef {import("../raster.js").Raster} Raster */

export const SHAPES = /** @type {readonly Shape[]} */ (["stroke", "line", "rectangle", "ellipse", "fill"]);
export const GRID = 8; // points lie on eighths of a pixel, so that a link holds them exactly
export const ALIKE = 48; // a flood crosses differences up to this, so that it reaches into soft edges
const STRAY = 0.15; // pixels by which a simplified stroke may leave what was drawn

/** @param {number} value */
export function onGrid(value) {
  return Math.round(value * GRID) / GRID;
}

/** Lay a mark's shape into a stroke. @param {Stroke} stroke @param {Mark} mark @param {boolean} hard */
export function trace(stroke, { shape, points }, hard) {
  const at = (/** @type {number} */ number) => ({ x: points[3 * number], y: points[3 * number + 1] });
  const last = points.length / 3 - 1;
  if (shape === "rectangle") stroke.rectangle(at(0), at(last), hard ? 0 : points[2]);
  else if (shape === "ellipse") stroke.ellipse(at(0), at(last), hard ? 0 : points[2]);
  else for (let number = 0; number <= last; number++) stroke.segment(at(Math.max(0, number - 1)), at(number), points[3 * Math.max(0, number - 1) + 2], points[3 * number + 2]);
}

/**
 * Draw a mark; false where a fill changed nothing.
 * @param {Raster} raster @param {Mark} mark @param {boolean} hard no mixed colours at the edges
 */
export function play(raster, mark, hard) {
  if (mark.shape !== "fill") {
    trace(new Stroke(raster, mark.colour, hard || mark.colour[3] === 0), mark, hard);
    return true;
  }
  const [x, y] = mark.points.map(Math.floor);
  if (x < 0 || y < 0 || x >= raster.width || y >= raster.height) return false;
  const over = [...raster.data.subarray(4 * (y * raster.width + x), 4 * (y * raster.width + x) + 4)];
  const region = flood(raster, x, y, mark.colour, hard ? 0 : ALIKE);
  if (region) Object.assign(mark, { path: contour(region, raster.width, raster.height, !hard), over });
  return region !== null;
}

/** The same mark on a sheet that is so many times as large. @param {Mark} mark @param {number} across @param {number} down @returns {Mark} */
export function scaled({ shape, colour, points }, across, down) {
  const thick = Math.sqrt(across * down);
  return { shape, colour, points: points.map((value, at) => onGrid(value * [across, down, thick][at % 3])) };
}

/**
 * Fewer points for the same stroke (Ramer 1972, Douglas and Peucker 1973), with the radius as a third coordinate.
 * @param {number[]} points @param {number} [stray] pixels
 */
export function simplified(points, stray = STRAY) {
  const count = points.length / 3;
  const kept = new Uint8Array(count);
  kept[0] = kept[count - 1] = 1;
  const waiting = [[0, count - 1]];
  for (let span = waiting.pop(); span; span = waiting.pop()) {
    const [first, last] = span;
    let [worst, farthest] = [stray, -1];
    for (let at = first + 1; at < last; at++) {
      const distance = apart(points, at, first, last);
      if (distance > worst) [worst, farthest] = [distance, at];
    }
    if (farthest < 0) continue;
    kept[farthest] = 1;
    waiting.push([first, farthest], [farthest, last]);
  }
  return points.filter((_, at) => kept[Math.floor(at / 3)]);
}

/** Distance of a point from the segment between two others. @param {number[]} points @param {number} at @param {number} first @param {number} last */
function apart(points, at, first, last) {
  const [from, to, own] = [first, last, at].map((number) => points.slice(3 * number, 3 * number + 3));
  const along = to.map((value, axis) => value - from[axis]);
  const length = along.reduce((sum, value) => sum + value * value, 0);
  const share = length ? Math.min(1, Math.max(0, along.reduce((sum, value, axis) => sum + value * (own[axis] - from[axis]), 0) / length)) : 0;
  return Math.hypot(...own.map((value, axis) => value - from[axis] - share * along[axis]));
}

/**
 * The outline of a region, as a path of closed lines.
 * @param {Uint8Array} region 1 inside @param {number} width @param {number} height
 * @param {boolean} smooth through the middles of the pixels' sides, else along them
 */
export function contour(region, width, height, smooth) {
  const inside = (/** @type {number} */ x, /** @type {number} */ y) => x >= 0 && y >= 0 && x < width && y < height && region[y * width + x] === 1;
  /** @type {Map<number, number[]>} sides from a corner to corners, with the region to the right */
  const sides = new Map();
  const corner = (/** @type {number} */ x, /** @type {number} */ y) => y * (width + 1) + x;
  const add = (/** @type {number} */ from, /** @type {number} */ to) => void (sides.get(from)?.push(to) ?? sides.set(from, [to]));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!inside(x, y)) continue;
      if (!inside(x, y - 1)) add(corner(x, y), corner(x + 1, y));
      if (!inside(x + 1, y)) add(corner(x + 1, y), corner(x + 1, y + 1));
      if (!inside(x, y + 1)) add(corner(x + 1, y + 1), corner(x, y + 1));
      if (!inside(x - 1, y)) add(corner(x, y + 1), corner(x, y));
    }
  }
  const place = (/** @type {number} */ number) => [number % (width + 1), Math.floor(number / (width + 1))];
  let path = "";
  for (const start of sides.keys()) {
    while (sides.get(start)?.length) {
      const loop = [start];
      for (let next = sides.get(start)?.pop(); next !== undefined && next !== start; next = sides.get(next)?.pop()) loop.push(next);
      path += lines(loop.map(place), smooth);
    }
  }
  return path;
}

/** @param {number[][]} loop @param {boolean} smooth */
function lines(loop, smooth) {
  const points = smooth
    ? loop.map(([x, y], at) => [(x + loop[(at + 1) % loop.length][0]) / 2, (y + loop[(at + 1) % loop.length][1]) / 2])
    : loop.filter(([x, y], at) => {
        const [[beforeX, beforeY], [afterX, afterY]] = [loop[(at || loop.length) - 1], loop[(at + 1) % loop.length]];
        return (x - beforeX) * (afterY - y) !== (y - beforeY) * (afterX - x); // a corner
      });
  return `M${points.map((point) => point.join(" ")).join("L")}Z`;
}
