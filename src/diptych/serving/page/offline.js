// A service worker for the exported folder: the page opens again without a network, and is isolated, so that WASM has threads.

const CACHE = "diptych-page";

self.addEventListener("install", () => /** @type {any} */ (self).skipWaiting());
self.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(/** @type {any} */ (self).clients.claim()));

self.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  const own = request.url.startsWith(/** @type {any} */ (self).registration.scope);
  if (request.method === "GET" && own && !request.url.includes("/models/")) event.respondWith(newest(request));
});

/** From the network where there is one, else as it was last seen. @param {Request} request */
async function newest(request) {
  const cache = await caches.open(CACHE);
  try {
    const fresh = await fetch(request);
    if (fresh.ok) await cache.put(request, fresh.clone()).catch(() => {});
    return isolated(fresh);
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (!kept) throw error;
    return isolated(kept);
  }
}

/** Many hosts cannot be told to send these headers. @param {Response} response */
function isolated(response) {
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "cross-origin");
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
