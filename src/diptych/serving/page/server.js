// Translating by the service.

import { ask } from "./listing.js";
import { numbered } from "./regions.js";

/** @typedef {{picture: ImageBitmap, milliseconds: number, by: string}} Result */

/**
 * @param {import("./listing.js").Translator} translator @param {import("./drawing.js").Drawing} drawing @param {number | null} seed
 * @returns {Promise<Result>} with the milliseconds that the network took
 */
export async function byServer(translator, drawing, seed) {
  const query = seed === null ? "" : `?seed=${seed}`;
  const png = await drawing.png();
  const both = translator.source.instances;
  const answer = await ask(`translate/${encodeURIComponent(translator.name)}${query}`, {
    method: "POST",
    headers: { Accept: "image/png", ...(both ? {} : { "Content-Type": "image/png" }) },
    body: both ? await form(png, drawing.raster) : png,
  });
  const timing = /dur=([\d.]+)/.exec(answer.headers.get("Server-Timing") ?? "");
  const picture = await createImageBitmap(await answer.blob());
  return { picture, milliseconds: timing ? Number(timing[1]) : NaN, by: `the server (${translator.engine})` };
}

/** A class map with its instances. @param {Blob} png @param {import("./raster.js").Raster} raster */
async function form(png, raster) {
  const { width, height, data } = numbered(raster);
  const canvas = new OffscreenCanvas(width, height);
  /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d")).putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  const fields = new FormData();
  fields.append("picture", png, "picture.png");
  fields.append("instances", await canvas.convertToBlob({ type: "image/png" }), "instances.png");
  return fields;
}
