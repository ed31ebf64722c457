// Instances of a drawn class map: what hangs together in one colour is one thing.

/** @typedef {import("./raster.js").Pixels} Pixels */

/**
 * The number of the region in which each pixel lies, from 0, row by row; pixels hang together by their sides.
 * @param {Pixels} raster @returns {Int32Array}
 */
export function regions({ width, height, data }) {
  const colours = new Int32Array(width * height);
  for (let at = 0; at < colours.length; at++) colours[at] = (data[4 * at] << 16) | (data[4 * at + 1] << 8) | data[4 * at + 2];
  const parents = Int32Array.from(colours, (_, at) => at);
  /** @param {number} at */
  const root = (at) => {
    while (parents[at] !== at) at = parents[at] = parents[parents[at]];
    return at;
  };
  for (let at = 0; at < colours.length; at++) {
    for (const before of [at % width ? at - 1 : -1, at - width]) {
      if (before < 0 || colours[before] !== colours[at]) continue;
      const [one, other] = [root(before), root(at)];
      parents[Math.max(one, other)] = Math.min(one, other);
    }
  }
  let count = 0;
  const numbers = new Int32Array(colours.length);
  for (let at = 0; at < numbers.length; at++) numbers[at] = root(at) === at ? count++ : numbers[root(at)];
  return numbers;
}

/** The numbers as an opaque picture, for a PNG: 24 bits in red, green and blue. @param {Pixels} raster @returns {Pixels} */
export function numbered(raster) {
  const data = new Uint8ClampedArray(raster.data.length);
  regions(raster).forEach((number, at) => data.set([number >> 16, (number >> 8) & 255, number & 255, 255], 4 * at));
  return { ...raster, data };
}
