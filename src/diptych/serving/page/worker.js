// Holds the network. WebGPU where there is one, else WASM with SIMD, and with threads where the page is isolated.

import { fetched, runtimeOf } from "./parts.js";
import { toInput, toRaster } from "./tensors.js";

/**
 * @typedef {{number: number, what: "load", network: import("./listing.js").Network, name: string, source: import("./listing.js").Kind,
 *   base: string, token: string}} Load
 * @typedef {{number: number, what: "run", raster: import("./raster.js").Pixels, seed: number, scale: number}} Run
 */

const MODULES = { webgpu: "ort-wasm-simd-threaded.asyncify.wasm.gz", wasm: "ort-wasm-simd-threaded.wasm.gz" };
const SMALL = 4 * 2 ** 20; // bytes of a network that is quick by WebAssembly, whose runtime is half as large

/** @type {any} */
let runtime;
/** @type {any} */
let session;
/** @type {Load} */
let loaded;
/** The runtime takes one call at a time. @type {Promise<void>} */
let last = Promise.resolve();

self.onmessage = ({ data }) => {
  last = last.then(() => handle(data));
};

/** @param {Load | Run} message */
async function handle(message) {
  try {
    const result = message.what === "load" ? await load(message) : await run(message);
    postMessage({ number: message.number, result });
  } catch (error) {
    postMessage({ number: message.number, error: sentence(error) });
  }
}

/** @param {unknown} error */
function sentence(error) {
  const words = error instanceof Error ? error.message : String(error);
  if (/out of memory|Array buffer allocation|bad_alloc|RangeError/i.test(words)) {
    return "The browser has no memory left for this; make the drawing smaller, or use the server.";
  }
  return words;
}

/** @param {Load} message */
async function load(message) {
  await session?.release();
  session = undefined;
  const gpu = message.network.bytes > SMALL && (await hasGpu());
  const tell = teller(message.number, message.network.bytes);
  const [bytes, module] = await Promise.all([fetched(message, tell.network), moduleOf(gpu ? "webgpu" : "wasm", message, tell.runtime)]);
  if (gpu) {
    try {
      await begin("webgpu", message, bytes, module);
      return { provider: "WebGPU" };
    } catch {
      // some drivers promise more than they can do
    }
  }
  await begin("wasm", message, bytes, gpu ? await moduleOf("wasm", message, () => {}) : module);
  const threads = runtime.env.wasm.numThreads;
  return { provider: threads > 1 ? `WASM, ${threads} threads` : "WASM, one thread" };
}

/** One bar for all bytes, of the network and of the runtime. @param {number} number @param {number} bytes of the network */
function teller(number, bytes) {
  const [network, runtime] = [{ done: 0, total: bytes }, { done: 0, total: 0 }];
  const tell = (/** @type {typeof network} */ one, /** @type {number} */ done, /** @type {number} */ total) => {
    Object.assign(one, { done, total });
    postMessage({ number, done: network.done + runtime.done, total: network.total + runtime.total });
  };
  return { network: tell.bind(null, network), runtime: tell.bind(null, runtime) };
}

/** @param {"webgpu" | "wasm"} provider @param {Load} message @param {(done: number, total: number) => void} progress */
function moduleOf(provider, { base }, progress) {
  return runtimeOf(new URL(`vendor/${MODULES[provider]}`, base).href, progress);
}

async function hasGpu() {
  /** @type {any} */
  const { gpu } = navigator;
  return Boolean(gpu && (await gpu.requestAdapter().catch(() => null)));
}

/** Start the runtime, and try the network once: the first run is slow, and may fail. @param {"webgpu" | "wasm"} provider @param {Load} message @param {Uint8Array} bytes @param {ArrayBuffer} module */
async function begin(provider, message, bytes, module) {
  const folder = new URL("vendor/", message.base).href;
  runtime = await import(`${folder}ort.${provider}.min.mjs`);
  runtime.env.wasm.wasmPaths = folder;
  runtime.env.wasm.wasmBinary = module;
  runtime.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
  runtime.env.logLevel = "error";
  session = await runtime.InferenceSession.create(bytes, { executionProviders: [provider], graphOptimizationLevel: "all" });
  loaded = message;
  const side = message.network.multiple;
  await run({ number: 0, what: "run", raster: { width: side, height: side, data: new Uint8ClampedArray(4 * side * side) }, seed: 0, scale: 1 });
}

/** @param {Run} message */
async function run({ raster, seed, scale }) {
  const { network, source } = loaded;
  const began = performance.now();
  const input = toInput(raster, source, network.multiple);
  /** @type {Record<string, any>} */
  const feeds = { [network.input]: new runtime.Tensor(input.type, input.data, input.dims) };
  if (network.seed) feeds[network.seed] = new runtime.Tensor("int32", Int32Array.of(seed), []);
  const output = (await session.run(feeds))[network.output];
  const values = output.data instanceof Float32Array ? output.data : await output.getData();
  const picture = toRaster(values, output.dims, raster.width * scale, raster.height * scale);
  output.dispose();
  return { picture, milliseconds: performance.now() - began };
}
