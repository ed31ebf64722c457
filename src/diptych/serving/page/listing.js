// What the service, or the folder beside this page, offers; and the token that a service may ask for.

import { session } from "./session.js";

/**
 * @typedef {{url: string, bytes: number}} Part
 * @typedef {{parts: Part[], bytes: number, sha256: string, precision: string, input: string, output: string,
 *   seed: string | null, multiple: number}} Network
 * @typedef {{colour: string, depth: string, channels: number, classes: number, names: string[], palette: number[][],
 *   background: number[], instances: boolean}} Kind
 * @typedef {{name: string, title: string, source: Kind, target: Kind, size: [number, number], multiple: number, scale: number,
 *   noise: boolean, licence: string, attribution: string, data: string, engine: string, precision: string,
 *   examples: string[], results: string[], about: string, colours: number[][], browser: Network | null}} Translator
 * @typedef {{translators: Translator[], served: boolean}} Listing
 */

/** An answer other than the one that was hoped for, in a sentence. */
export class Refusal extends Error {
  /** @param {number} status @param {string} sentence @param {number} wait seconds after which to try again; 0 = do not */
  constructor(status, sentence, wait = 0) {
    super(sentence);
    this.status = status;
    this.lost = [0, 502, 504].includes(status); // no service of ours has answered
    this.wait = this.lost ? 3 : wait;
  }
}

const KEY = "diptych-token";

export const token = {
  get: () => session.get(KEY) ?? "",
  /** @param {string} value */
  set: (value) => session.set(KEY, value),
};

/**
 * Fetch from beside the page, with the token where there is one.
 * @param {string} address @param {RequestInit} [options] @returns {Promise<Response>}
 */
export async function ask(address, options = {}) {
  const headers = new Headers(options.headers);
  if (token.get()) headers.set("Authorization", `Bearer ${token.get()}`);
  let answer;
  try {
    answer = await fetch(address, { ...options, headers });
  } catch {
    throw new Refusal(0, navigator.onLine ? "The server does not answer; is it still running?" : "You are offline, and this needs the network.");
  }
  if (answer.ok) return answer;
  throw new Refusal(answer.status, await sentenceOf(answer), answer.status === 503 ? Number(answer.headers.get("Retry-After")) || 1 : 0);
}

/** @param {Response} answer */
async function sentenceOf(answer) {
  try {
    const { detail } = await answer.json();
    if (typeof detail === "string") return `${detail[0].toUpperCase()}${detail.slice(1)}`;
  } catch {
    // not of ours: a proxy's page, say
  }
  return `The server answered with ${answer.status} ${answer.statusText}`.trim() + ".";
}

/** @returns {Promise<Listing>} */
export async function listing() {
  return (await ask("translators.json")).json();
}
