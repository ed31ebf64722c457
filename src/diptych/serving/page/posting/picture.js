// Both panels as one picture, with the translator's name and the page's address below.

import { paint } from "../strokes/vector.js";

/** @typedef {import("../raster.js").Raster} Raster */
/** @typedef {{title: string, address: string, hard: boolean, result: CanvasImageSource | null, under: CanvasImageSource}} Shown */

const [SIDE, EDGE, FOOT] = [720, 28, 64]; // pixels: height of a panel at most, of the margins and of the line below

/**
 * Sizes of the picture for a drawing. Even numbers, since films are made of them.
 * @param {{width: number, height: number}} drawing
 */
export function sizes({ width, height }) {
  const factor = SIDE / Math.max(width, height);
  const [across, down] = [width, height].map((side) => 2 * Math.round((side * factor) / 2));
  return { across, down, width: 2 * across + 3 * EDGE, height: down + EDGE + FOOT };
}

/** @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context as large as `sizes` says @param {Raster} raster @param {Shown} shown */
export function compose(context, raster, { title, address, hard, result, under }) {
  const { across, down, width, height } = sizes(raster);
  context.fillStyle = "#f6f3ec";
  context.fillRect(0, 0, width, height);
  const right = across + 2 * EDGE;
  context.fillStyle = "#fff";
  for (const x of [EDGE, right]) context.fillRect(x, EDGE, across, down);
  context.imageSmoothingQuality = "high";
  context.save();
  context.beginPath();
  context.rect(EDGE, EDGE, across, down);
  context.clip();
  context.drawImage(under, EDGE, EDGE, across, down);
  context.translate(EDGE, EDGE);
  context.scale(across / raster.width, down / raster.height);
  paint(context, raster.marks, hard);
  context.restore();
  if (result) context.drawImage(result, right, EDGE, across, down);
  context.fillStyle = "#b58a3a"; // the hinge
  context.fillRect(across + 1.5 * EDGE - 1.5, EDGE, 3, down);
  words(context, title, address, width, height);
}

/** @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context @param {string} title @param {string} address @param {number} width @param {number} height */
function words(context, title, address, width, height) {
  const line = height - FOOT / 2;
  const most = (width - 3 * EDGE) / 2; // of each, so that they do not meet on a narrow picture
  context.textBaseline = "middle";
  context.fillStyle = "#1f2a30";
  context.font = "600 24px Georgia, serif";
  context.textAlign = "left";
  context.fillText(title, EDGE, line, most);
  context.fillStyle = "#55626a";
  context.font = "20px system-ui, sans-serif";
  context.textAlign = "right";
  context.fillText(address, width - EDGE, line, most);
}

/** Where the page can be found by others: none where it runs on this machine alone. @param {{protocol: string, host: string, hostname: string, pathname: string}} place */
export function addressOf({ protocol, host, hostname, pathname }) {
  if (protocol === "file:" || ["localhost", "127.0.0.1", "[::1]"].includes(hostname)) return "made with diptych";
  return `${host}${pathname.replace(/(index\.html)?$/, "").replace(/\/$/, "")}`;
}
