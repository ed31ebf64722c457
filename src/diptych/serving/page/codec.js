// From a file to a raster and back, by the browser's own decoders.

/** @typedef {import("./raster.js").Raster} Raster */
/** @typedef {{source: CanvasImageSource, width: number, height: number}} Decoded */

/** @param {Blob} file @returns {Promise<Decoded>} in its own size */
export async function decoded(file) {
  const source = await createImageBitmap(file, { colorSpaceConversion: "default" }).catch(() => vector(file));
  if (!source) throw new Error("That is no picture this browser can read; take a PNG, JPEG, WebP or SVG.");
  return source instanceof ImageBitmap ? { source, width: source.width, height: source.height }
    : { source, width: source.naturalWidth || 512, height: source.naturalHeight || 512 }; // some state no size
}

/** An SVG as an image element, in which no script runs and from which nothing is fetched. @param {Blob} file @returns {Promise<HTMLImageElement | null>} */
async function vector(file) {
  if (!/<(\w+:)?svg[\s>]/.test(await file.slice(0, 65536).text())) return null;
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([file], { type: "image/svg+xml" }));
  try {
    await image.decode();
    return image;
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

/**
 * Draw a picture in that size.
 * @param {Decoded} picture @param {{width: number, height: number}} size @param {boolean} smooth
 * @param {readonly number[] | null} background RGB under what is transparent; null leaves it so
 * @returns {Raster}
 */
export function drawn({ source }, { width, height }, smooth, background) {
  const context = contextOf(width, height);
  context.imageSmoothingEnabled = smooth;
  context.imageSmoothingQuality = "high";
  if (background) {
    context.fillStyle = `rgb(${background.slice(0, 3).join(" ")})`;
    context.fillRect(0, 0, width, height);
  }
  context.drawImage(source, 0, 0, width, height);
  try {
    return { width, height, data: new Uint8ClampedArray(context.getImageData(0, 0, width, height).data), marks: [], under: null };
  } catch {
    throw new Error("The browser does not hand out the pixels of this SVG; save it as PNG and take that.");
  }
}

/** Pixels as a picture. @param {import("./raster.js").Pixels} raster @returns {{source: OffscreenCanvas, width: number, height: number}} */
export function drawnData({ width, height, data }) {
  const context = contextOf(width, height);
  context.putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  return { source: context.canvas, width, height };
}

/** @param {import("./raster.js").Pixels} raster @param {"image/png" | "image/jpeg"} [type] @returns {Promise<Blob>} */
export function encoded(raster, type = "image/png") {
  return drawnData(raster).source.convertToBlob({ type, quality: 0.95 });
}

/** @param {CanvasImageSource} source @param {number} width @param {number} height @returns {Promise<Blob>} PNG in that size */
export function resized(source, width, height) {
  const context = contextOf(width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, width, height);
  return context.canvas.convertToBlob({ type: "image/png" });
}

/** @param {number} width @param {number} height */
function contextOf(width, height) {
  const context = new OffscreenCanvas(width, height).getContext("2d");
  if (!context) throw new Error("The browser has no memory left for this; make the picture smaller.");
  return context;
}
