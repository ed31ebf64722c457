// From a drawing to what the network takes, and back: the same arithmetic as diptych's Kind, for 8-bit pictures.

import { nearest } from "./raster.js";
import { regions } from "./regions.js";

/** @typedef {import("./raster.js").Pixels} Pixels */
/** @typedef {{colour: string, palette: number[][], instances: boolean}} Source */
/** @typedef {{data: Float32Array | Int32Array, type: "float32" | "int32", dims: number[]}} Input */

/** The row that stands at `place` of `size` rows continued by reflection. @param {number} place @param {number} size */
export function reflected(place, size) {
  return place < size ? place : Math.max(0, 2 * (size - 1) - place);
}

/** @param {number} size @param {number} multiple */
export function grown(size, multiple) {
  return Math.ceil(size / multiple) * multiple;
}

/** Luma of ITU-R BT.601 in the 16-bit integers that Pillow uses. @param {ArrayLike<number>} data @param {number} at */
export function luma(data, at) {
  return (data[at] * 19595 + data[at + 1] * 38470 + data[at + 2] * 7471 + 0x8000) >> 16;
}

/**
 * (1, channels, height, width), both sides divisible by `multiple`.
 * @param {Pixels} raster @param {Source} source @param {number} multiple @returns {Input}
 */
export function toInput(raster, source, multiple) {
  const [width, height] = [grown(raster.width, multiple), grown(raster.height, multiple)];
  const values = valuesOf(source, raster);
  const channels = values.length;
  const area = width * height;
  const labels = source.colour === "labels";
  const data = labels ? new Int32Array(channels * area) : new Float32Array(channels * area);
  for (let y = 0; y < height; y++) {
    const row = reflected(y, raster.height) * raster.width;
    for (let x = 0; x < width; x++) {
      const at = 4 * (row + reflected(x, raster.width));
      for (let channel = 0; channel < channels; channel++) {
        data[channel * area + y * width + x] = values[channel](raster.data, at);
      }
    }
  }
  return { data, type: labels ? "int32" : "float32", dims: [1, channels, height, width] };
}

/**
 * What each channel of a Kind holds for a pixel.
 * @param {Source} source @param {Pixels} raster @returns {((data: Uint8ClampedArray, at: number) => number)[]}
 */
function valuesOf({ colour, palette, instances }, raster) {
  const rgb = [0, 1, 2].map((channel) => (/** @type {Uint8ClampedArray} */ data, /** @type {number} */ at) => data[at + channel] / 127.5 - 1);
  if (colour === "labels") {
    const numbers = instances ? regions(raster) : null;
    return [(data, at) => nearest(data, at, palette), ...(numbers ? [(/** @type {unknown} */ _, /** @type {number} */ at) => numbers[at / 4]] : [])];
  }
  if (colour === "grey") return [(data, at) => luma(data, at) / 127.5 - 1];
  if (colour === "holed") return [...rgb, (data, at) => (data[at + 3] === 0 ? 1 : -1)];
  return rgb;
}

/**
 * The picture in a network's answer, cut to the drawing's size.
 * @param {Float32Array} data (1, channels, rows, columns) in [-1, 1]
 * @param {readonly number[]} dims @param {number} width @param {number} height @returns {Pixels}
 */
export function toRaster(data, dims, width, height) {
  const [, channels, rows, columns] = dims;
  const seen = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++) {
        const plane = channels >= 3 ? channel : 0;
        const value = data[(plane * rows + y) * columns + x];
        if (!Number.isFinite(value)) throw new Error("The network gave values that are not finite; take another precision.");
        seen[4 * (y * width + x) + channel] = (value + 1) * 127.5; // a clamped array rounds to the nearest even, as numpy does
      }
      seen[4 * (y * width + x) + 3] = 255;
    }
  }
  return { width, height, data: seen };
}
