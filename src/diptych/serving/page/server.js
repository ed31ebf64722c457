// Translating by the service.

import { encoded } from "./codec.js";
import { ask } from "./listing.js";
import { numbered } from "./regions.js";

/** @typedef {{picture: ImageBitmap, milliseconds: number, by: string}} Result */

/**
 * @param {import("./listing.js").Translator} translator @param {Blob} file the picture, encoded
 * @param {import("./raster.js").Pixels} raster the same @param {number | null} seed
 * @returns {Promise<Result>} with the milliseconds that the network took
 */
export async function byServer(translator, file, raster, seed) {
  const query = seed === null ? "" : `?seed=${seed}`;
  const both = translator.source.instances;
  const answer = await ask(`translate/${encodeURIComponent(translator.name)}${query}`, {
    method: "POST",
    headers: { Accept: "image/png", ...(both ? {} : { "Content-Type": file.type }) },
    body: both ? await form(file, raster) : file,
  });
  const timing = /dur=([\d.]+)/.exec(answer.headers.get("Server-Timing") ?? "");
  const picture = await createImageBitmap(await answer.blob());
  return { picture, milliseconds: timing ? Number(timing[1]) : NaN, by: `the server (${translator.engine})` };
}

/** A class map with its instances. @param {Blob} file @param {import("./raster.js").Pixels} raster */
async function form(file, raster) {
  const fields = new FormData();
  fields.append("picture", file, "picture.png");
  fields.append("instances", await encoded(numbered(raster)), "instances.png");
  return fields;
}
