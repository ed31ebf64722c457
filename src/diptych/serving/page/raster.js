// A drawing as bytes, and the marks that tools leave on it. It knows no canvas, so node can test all of it.

/**
 * RGBA, row by row: `marks` on the picture `under` them, or on the background where that is null. `origin` is the larger picture
 * from which `under` was made. Of a raster in use nothing but `data` changes in place.
 * @typedef {{width: number, height: number, data: Uint8ClampedArray}} Pixels
 * @typedef {Pixels & {marks: readonly Mark[], under: Uint8ClampedArray | null, origin?: Origin}} Raster
 * @typedef {{file: Blob, width: number, height: number}} Origin
 * @typedef {import("./strokes/marks.js").Mark} Mark
 */
/** @typedef {readonly [number, number, number, number]} Colour red, green, blue, opacity; 0 to 255 */
/** @typedef {{x: number, y: number}} Point in pixels; (0, 0) is the corner of the first one */

/** @param {number} width @param {number} height @param {Colour} colour @returns {Raster} */
export function blank(width, height, colour) {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let at = 0; at < data.length; at += 4) data.set(colour, at);
  return { width, height, data, marks: [], under: null };
}

/** @param {Raster} raster @returns {Raster} */
export function copy(raster) {
  return { ...raster, data: raster.data.slice() };
}

/** One mark while it is being made: it covers each pixel by a share, so that it may cross itself without growing darker. */
export class Stroke {
  /**
   * @param {Raster} raster what is drawn on
   * @param {Colour} colour
   * @param {boolean} hard no mixed colours at the edges: class maps must hold the palette's colours alone
   */
  constructor(raster, colour, hard) {
    this.raster = raster;
    this.before = raster.data.slice();
    this.cover = new Float32Array(raster.width * raster.height);
    this.colour = colour;
    this.hard = hard;
  }

  /** Take back what it has covered, as a line does that follows the pointer. */
  reset() {
    this.cover.fill(0);
    this.raster.data.set(this.before);
  }

  /**
   * A line with round ends whose radius may change along it (Euclidean distance to a segment).
   * @param {Point} from @param {Point} to @param {number} first radius there @param {number} [last]
   */
  segment(from, to, first, last = first) {
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const length = dx * dx + dy * dy;
    const reach = Math.max(first, last) + 1;
    this.each(Math.min(from.x, to.x) - reach, Math.min(from.y, to.y) - reach, Math.max(from.x, to.x) + reach,
      Math.max(from.y, to.y) + reach, (x, y) => {
        const along = length ? Math.min(1, Math.max(0, ((x - from.x) * dx + (y - from.y) * dy) / length)) : 0;
        const distance = Math.hypot(x - from.x - along * dx, y - from.y - along * dy);
        return first + along * (last - first) - distance + 0.5;
      });
  }

  /** @param {Point} one a corner @param {Point} other the opposite one @param {number} radius of its border; 0 = filled */
  rectangle(one, other, radius) {
    const [left, right] = [Math.min(one.x, other.x), Math.max(one.x, other.x)];
    const [top, bottom] = [Math.min(one.y, other.y), Math.max(one.y, other.y)];
    const reach = radius + 1;
    this.each(left - reach, top - reach, right + reach, bottom + reach, (x, y) => {
      const inside = Math.min(x - left, right - x, y - top, bottom - y);
      if (!radius) return inside + 0.5;
      const outside = Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));
      return radius - (outside || inside) + 0.5;
    });
  }

  /** In a box. @param {Point} one a corner @param {Point} other the opposite one @param {number} radius of its border; 0 = filled */
  ellipse(one, other, radius) {
    const [across, down] = [Math.abs(other.x - one.x) / 2, Math.abs(other.y - one.y) / 2];
    const [middleX, middleY] = [(one.x + other.x) / 2, (one.y + other.y) / 2];
    if (Math.min(across, down) < 0.5) {
      this.segment(one, other, Math.max(radius, 0.5));
      return;
    }
    const reach = radius + 1;
    this.each(middleX - across - reach, middleY - down - reach, middleX + across + reach, middleY + down + reach, (x, y) => {
      const [dx, dy] = [(x - middleX) / across, (y - middleY) / down];
      const share = Math.hypot(dx, dy);
      const slope = Math.hypot(dx / across, dy / down); // of `share`, times itself: distance to first order (Taubin 1994)
      const inside = share < 1e-6 ? Math.min(across, down) : ((1 - share) * share) / slope;
      return radius ? radius - Math.abs(inside) + 0.5 : inside + 0.5;
    });
  }

  /**
   * @param {number} left @param {number} top @param {number} right @param {number} bottom
   * @param {(x: number, y: number) => number} covers how much of a pixel, by its centre
   */
  each(left, top, right, bottom, covers) {
    const { width, height } = this.raster;
    const [x0, x1] = [Math.max(0, Math.floor(left)), Math.min(width, Math.ceil(right))];
    const [y0, y1] = [Math.max(0, Math.floor(top)), Math.min(height, Math.ceil(bottom))];
    for (let y = y0; y < y1; y++) {
      for (let x = x0; x < x1; x++) {
        const share = Math.min(1, covers(x + 0.5, y + 0.5));
        const at = y * width + x;
        if (share > this.cover[at]) this.paint(at, this.hard ? (share >= 0.3 ? 1 : 0) : share);
      }
    }
  }

  /** @param {number} at index of a pixel @param {number} share */
  paint(at, share) {
    this.cover[at] = share;
    for (let channel = 0; channel < 4; channel++) {
      const old = this.before[4 * at + channel];
      this.raster.data[4 * at + channel] = old + share * (this.colour[channel] - old);
    }
  }
}

/**
 * Give a colour to all pixels that hang together with the one at (x, y) and look like it; the region as ones; null when nothing changed.
 * @param {Raster} raster @param {number} x @param {number} y @param {Colour} colour
 * @param {number} tolerance the largest difference in a channel that still looks alike
 */
export function flood(raster, x, y, colour, tolerance) {
  const { width, height, data } = raster;
  const start = y * width + x;
  const seed = data.slice(4 * start, 4 * start + 4);
  if (seed.every((value, channel) => value === colour[channel])) return null;
  /** @param {number} at */
  const alike = (at) => {
    for (let channel = 0; channel < 4; channel++) {
      if (Math.abs(data[4 * at + channel] - seed[channel]) > tolerance) return false;
    }
    return true;
  };
  const seen = new Uint8Array(width * height);
  const waiting = [start];
  seen[start] = 1;
  while (waiting.length) {
    const at = /** @type {number} */ (waiting.pop());
    const column = at % width;
    for (const [next, inside] of /** @type {[number, boolean][]} */ ([
      [at - 1, column > 0], [at + 1, column < width - 1], [at - width, at >= width], [at + width, at < width * (height - 1)],
    ])) {
      if (inside && !seen[next] && alike(next)) {
        seen[next] = 1;
        waiting.push(next);
      }
    }
    data.set(colour, 4 * at);
  }
  return seen;
}

/**
 * Index of the palette's colour that is nearest to a pixel.
 * @param {ArrayLike<number>} data RGBA @param {number} at where the pixel begins
 * @param {readonly (readonly number[])[]} palette
 */
export function nearest(data, at, palette) {
  let best = 0;
  let least = Infinity;
  for (let number = 0; number < palette.length; number++) {
    const [r, g, b] = palette[number];
    const distance = (data[at] - r) ** 2 + (data[at + 1] - g) ** 2 + (data[at + 2] - b) ** 2;
    if (distance < least) [best, least] = [number, distance];
  }
  return best;
}

/** Bring every pixel to the palette. @param {Raster} raster @param {readonly (readonly number[])[]} palette */
export function snap(raster, palette) {
  for (let at = 0; at < raster.data.length; at += 4) {
    const [r, g, b] = palette[nearest(raster.data, at, palette)];
    raster.data.set([r, g, b, 255], at);
  }
}

/**
 * The size in which a picture is drawn on: its shorter side becomes `side`, and no side is longer than `longest`.
 * @param {number} width @param {number} height @param {number} side @param {number} longest
 */
export function fitted(width, height, side, longest = 1024) {
  const factor = Math.min(side / Math.min(width, height), longest / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

/** A pixel is a hole or it is not. @param {Raster} raster */
export function sharpen({ data }) {
  for (let at = 3; at < data.length; at += 4) data[at] = data[at] < 128 ? 0 : 255;
}

/** @param {Raster} raster @param {Point} at @returns {Colour | null} null outside, and in a hole */
export function colourAt({ width, height, data }, { x, y }) {
  if (x < 0 || y < 0 || x >= width || y >= height) return null;
  const [r, g, b, opacity] = data.subarray(4 * (Math.floor(y) * width + Math.floor(x)));
  return opacity ? [r, g, b, 255] : null;
}
