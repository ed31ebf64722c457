// A drawing and its result growing together, as frames: where each mark stands at each step, and a recording of a canvas.

/** @typedef {import("../strokes/marks.js").Mark} Mark */

const TYPES = ["video/webm;codecs=vp9", "video/webm", "video/mp4"]; // what browsers write; the last is Safari's

/**
 * What is drawn at each of `count` steps: strokes grow point by point, all else comes at once.
 * @param {readonly Mark[]} marks @param {number} count @returns {Mark[][]} the last are all marks
 */
export function growing(marks, count) {
  const weights = marks.map(({ shape, points }) => (shape === "stroke" ? points.length / 3 : 8));
  const total = weights.reduce((sum, one) => sum + one, 0);
  return Array.from({ length: Math.min(count, Math.ceil(total)) }, (_, step, all = Math.min(count, Math.ceil(total))) => {
    let left = Math.round((total * (step + 1)) / all);
    const shown = [];
    for (const [number, mark] of marks.entries()) {
      if (left >= weights[number]) shown.push(mark);
      else if (mark.shape === "stroke" && left > 0) shown.push({ ...mark, points: mark.points.slice(0, 3 * left) });
      left -= weights[number];
      if (left <= 0) break;
    }
    return shown;
  });
}

/**
 * @param {HTMLCanvasElement} canvas @param {number} frames @param {(number: number) => void} draw one frame
 * @param {number} milliseconds for each frame; the last stays longer
 * @returns {Promise<Blob>}
 */
export async function recorded(canvas, frames, draw, milliseconds) {
  const type = "MediaRecorder" in self ? TYPES.find((one) => MediaRecorder.isTypeSupported(one)) : undefined;
  if (!type) throw new Error("This browser cannot record a film; take the picture instead.");
  draw(0);
  const recorder = new MediaRecorder(canvas.captureStream(30), { mimeType: type, videoBitsPerSecond: 4_000_000 });
  /** @type {Blob[]} */
  const parts = [];
  recorder.ondataavailable = ({ data }) => void parts.push(data);
  const ended = new Promise((resolve) => (recorder.onstop = resolve));
  recorder.start();
  for (let number = 0; number < frames; number++) {
    draw(number);
    await pause(milliseconds);
  }
  await pause(1200);
  draw(frames - 1); // or a canvas that stays the same ends the film early
  await pause(100);
  recorder.stop();
  await ended;
  return new Blob(parts, { type: type.split(";")[0] });
}

/** @param {number} milliseconds */
function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
