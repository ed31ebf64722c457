// Marks as few bytes: differences between points on their grid, as numbers of one byte where they are small, deflated (RFC 1951).

import { GRID, SHAPES } from "./marks.js";

/** @typedef {import("./marks.js").Mark} Mark */
/** @typedef {{width: number, height: number, marks: readonly Mark[]}} Drawn */

const FORM = 1; // of these bytes; a page that does not know a form says so

/** @param {Drawn} drawing @returns {Promise<Uint8Array<ArrayBuffer>>} */
export async function packed({ width, height, marks }) {
  const colours = [...new Set(marks.map((mark) => mark.colour.join()))];
  const numbers = [FORM, width, height, colours.length, ...colours.flatMap((colour) => colour.split(",").map(Number))];
  for (const { shape, colour, points } of marks) {
    numbers.push(SHAPES.indexOf(shape) + SHAPES.length * colours.indexOf(colour.join()), points.length / 3);
    let [x, y, radius] = [0, 0, 0];
    for (let at = 0; at < points.length; at += 3) {
      const now = points.slice(at, at + 3).map((value) => Math.round(value * GRID));
      numbers.push(...[now[0] - x, now[1] - y, now[2] - radius].map((value) => (value < 0 ? -2 * value - 1 : 2 * value)));
      [x, y, radius] = now;
    }
  }
  return through(new CompressionStream("deflate-raw"), Uint8Array.from(numbers.flatMap(bytesOf)));
}

/** @param {Uint8Array<ArrayBuffer>} bytes @returns {Promise<Drawn>} */
export async function unpacked(bytes) {
  const broken = () => new Error("The drawing in this link is incomplete; copy the whole link.");
  const numbers = numbersOf(await through(new DecompressionStream("deflate-raw"), bytes).catch(() => Promise.reject(broken())));
  let at = 0;
  const next = () => (at < numbers.length ? numbers[at++] : fail(broken()));
  if (next() !== FORM) throw new Error("This link was made by a newer page; open it where it was made.");
  const [width, height] = [next(), next()];
  if (!(width > 0 && height > 0 && width <= 4096 && height <= 4096)) throw broken();
  const colours = Array.from({ length: Math.min(next(), numbers.length) }, () => /** @type {const} */ ([next(), next(), next(), next()]));
  const marks = [];
  while (at < numbers.length) {
    const kind = next();
    const [shape, colour] = [SHAPES[kind % SHAPES.length], colours[Math.floor(kind / SHAPES.length)] ?? fail(broken())];
    const here = [0, 0, 0];
    const points = /** @type {number[]} */ ([]);
    for (let left = 3 * Math.min(next(), numbers.length); left > 0; left--) {
      const axis = points.length % 3;
      const value = next();
      here[axis] += value % 2 ? -(value + 1) / 2 : value / 2;
      points.push(here[axis] / GRID);
    }
    if (!points.length) throw broken();
    marks.push({ shape, colour, points });
  }
  return { width, height, marks };
}

/** @param {Error} error @returns {never} */
function fail(error) {
  throw error;
}

/** Seven bits a byte, the lowest first; the eighth says that more follow. @param {number} value */
function bytesOf(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}

/** @param {Uint8Array} bytes */
function numbersOf(bytes) {
  const numbers = [];
  let [value, place] = [0, 1];
  for (const byte of bytes) {
    value += (byte % 128) * place;
    place *= 128;
    if (byte > 127) continue;
    numbers.push(value);
    [value, place] = [0, 1];
  }
  return numbers;
}

/** @param {CompressionStream | DecompressionStream} stream @param {Uint8Array<ArrayBuffer>} bytes */
async function through(stream, bytes) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}
