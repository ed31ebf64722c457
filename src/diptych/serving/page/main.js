// The page begins: what is offered, what the link says, and a first picture.

import { App, askToken } from "./app.js";
import { News, wordsOf } from "./elements.js";
import { embedded } from "./embedding/inside.js";
import { listing, Refusal } from "./listing.js";
import { session } from "./session.js";
import { linked } from "./sharing.js";

const news = new News();

async function offered() {
  for (;;) {
    try {
      return await listing();
    } catch (error) {
      if (!(error instanceof Refusal) || !(error.status === 401 || error.wait)) throw error;
      if (error.status === 401) await askToken();
      else await waited(error);
    }
  }
}

/** @param {Refusal} error */
async function waited(error) {
  news.error(`${wordsOf(error)} Trying again every ${error.wait} s.`);
  await new Promise((resolve) => setTimeout(resolve, 1000 * error.wait));
  news.clear();
}

/** In an exported folder: the page opens again without a network, and is isolated where its host does not see to that. */
async function keep() {
  if (!("serviceWorker" in navigator) || navigator.serviceWorker.controller) return;
  const registered = await navigator.serviceWorker.register("offline.js").catch(() => null);
  if (!registered || session.get("diptych-kept")) return; // private windows may refuse
  await navigator.serviceWorker.ready;
  if (!session.set("diptych-kept", "tried")) return; // once, whatever comes of it
  location.reload();
  await new Promise(() => {});
}

/** What the page's address asks for. @param {import("./listing.js").Translator[]} translators */
function sought(translators) {
  const { translator: name, marks, png } = linked(location.hash);
  return {
    translator: translators.find((one) => one.name === name),
    picture: marks ?? (png ? new Blob([png], { type: "image/png" }) : undefined),
  };
}

async function begin() {
  const offer = await offered();
  if (!offer.served) await keep();
  const app = new App(offer, news);
  embedded(app);
  const { translator, picture } = sought(offer.translators);
  const [visit] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
  await app.choose(translator ?? offer.translators[0], picture, visit?.type !== "navigate"); // loaded again, or come back to
  addEventListener("hashchange", () => {
    const { translator, picture } = sought(offer.translators); // a link that is opened where the page is open already
    if (translator && translator !== app.translator) app.choose(translator, picture);
    else if (picture) app.controls.guarded(() => app.drawing.load(picture));
  });
}

begin().catch((error) => news.error(wordsOf(error)));
