// The network's bytes: fetched in parts, with progress, checked, and kept for the next visit.

const CACHE = "diptych-networks";

/**
 * @param {import("./worker.js").Load} wanted @param {(done: number, total: number) => void} progress
 * @returns {Promise<Uint8Array>}
 */
export async function fetched({ network, base, token, name }, progress) {
  const store = await opened();
  const bytes = new Uint8Array(network.bytes);
  let at = 0;
  progress(0, network.bytes); // a slow host is waited for in sight
  for (const part of network.parts) {
    const key = `${new URL(part.url, base).href}?${network.sha256}`;
    const kept = await store?.match(key);
    const piece = kept ? new Uint8Array(await kept.arrayBuffer()) : await download(part, base, token, (got) => progress(at + got, network.bytes));
    if (at + piece.length > bytes.length) throw new Error("The network on the server has changed; reload the page.");
    bytes.set(piece, at);
    at += piece.length;
    progress(at, network.bytes);
    if (!kept) await store?.put(key, new Response(piece)).catch(() => {}); // a full disk is no reason to stop
  }
  if (at !== bytes.length || !(await intact(bytes, network.sha256))) {
    await forget(store, name, base, "");
    throw new Error("The network arrived damaged; try again.");
  }
  await forget(store, name, base, network.sha256);
  return bytes;
}

/** Only secure pages (https, or this machine) have a cache. @returns {Promise<Cache | null>} */
async function opened() {
  return "caches" in self ? caches.open(CACHE).catch(() => null) : null;
}

/**
 * @param {import("./listing.js").Part} part @param {string} base @param {string} token @param {(got: number) => void} progress
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
async function download(part, base, token, progress) {
  const answer = await fetch(new URL(part.url, base), { headers: token ? { Authorization: `Bearer ${token}` } : {} }).catch(() => null);
  if (!answer?.ok || !answer.body) {
    throw new Error(`The network could not be fetched (${answer ? answer.status : "no answer"}); check the connection and try again.`);
  }
  const bytes = new Uint8Array(part.bytes);
  const reader = answer.body.getReader();
  let got = 0;
  for (let { done, value } = await reader.read(); !done && value; { done, value } = await reader.read()) {
    if (got + value.length > bytes.length) throw new Error("The network on the server has changed; reload the page.");
    bytes.set(value, got);
    got += value.length;
    progress(got);
  }
  return bytes.subarray(0, got);
}

/**
 * The browser's runtime: a WebAssembly module, packed since many hosts send such files as they are.
 * @param {string} url @param {(done: number, total: number) => void} progress @returns {Promise<ArrayBuffer>}
 */
export async function runtimeOf(url, progress) {
  const answer = await fetch(url).catch(() => null);
  if (!answer?.ok || !answer.body) {
    throw new Error(`The browser's runtime could not be fetched (${answer ? answer.status : "no answer"}); check the connection and try again.`);
  }
  const total = Number(answer.headers.get("Content-Length")) || 0;
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const pieces = [];
  let got = 0;
  const reader = answer.body.getReader();
  for (let { done, value } = await reader.read(); !done && value; { done, value } = await reader.read()) {
    pieces.push(value);
    got += value.length;
    progress(got, Math.max(total, got));
  }
  const blob = new Blob(pieces);
  const [first, second] = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  const packed = first === 0x1f && second === 0x8b; // else the host has said so, and the browser unpacked it
  return (packed ? new Response(blob.stream().pipeThrough(new DecompressionStream("gzip"))) : new Response(blob)).arrayBuffer();
}

/** @param {Uint8Array<ArrayBuffer>} bytes @param {string} sha256 */
async function intact(bytes, sha256) {
  if (!self.crypto?.subtle) return true; // not a secure page: lengths must do
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") === sha256;
}

/** Drop what is kept of this translator other than `sha256`. @param {Cache | null} store @param {string} name @param {string} base @param {string} sha256 */
async function forget(store, name, base, sha256) {
  const own = new URL(`models/${name}/`, base).href;
  for (const request of (await store?.keys()) ?? []) {
    if (request.url.startsWith(own) && !(sha256 && request.url.endsWith(sha256))) await store?.delete(request);
  }
}
