// Within another page: no heading, no footer; the page around is told of each result and may ask for the pictures.

/** @param {import("../app.js").App} app */
export function embedded(app) {
  if (!new URLSearchParams(location.search).has("embed")) return;
  document.documentElement.classList.add("embed");
  const result = /** @type {HTMLCanvasElement} */ (document.getElementById("result"));
  const tell = (/** @type {object} */ message) => parent.postMessage({ diptych: true, ...message }, "*");
  new ResizeObserver(() => tell({ height: document.body.scrollHeight })).observe(document.body);
  new MutationObserver(() => {
    if (!result.classList.contains("stale")) tell({ result: { width: result.width, height: result.height } });
  }).observe(result, { attributeFilter: ["class"] });
  addEventListener("message", async ({ source, data }) => {
    if (source !== parent || !["drawing", "result"].includes(data?.wanted)) return;
    const blob = data.wanted === "drawing" ? await app.drawing.png() : await new Promise((resolve) => result.toBlob(resolve));
    tell({ number: data.number, blob });
  });
}
