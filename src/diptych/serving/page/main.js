// The page begins: what is offered, what the link says, and a first picture.

import { App, askToken } from "./app.js";
import { News } from "./elements.js";
import { ask, listing, Refusal } from "./listing.js";
import { linked } from "./sharing.js";

const news = new News();

async function offered() {
  for (;;) {
    try {
      return await listing();
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== 401) throw error;
      await askToken();
    }
  }
}

/** In an exported folder: the page opens again without a network, and is isolated where its host does not see to that. */
async function keep() {
  if (!("serviceWorker" in navigator) || navigator.serviceWorker.controller) return;
  const registered = await navigator.serviceWorker.register("offline.js").catch(() => null);
  if (!registered || sessionStorage.getItem("diptych-kept")) return; // private windows may refuse
  await navigator.serviceWorker.ready;
  sessionStorage.setItem("diptych-kept", "tried"); // once, whatever comes of it
  location.reload();
  await new Promise(() => {});
}

async function begin() {
  const offer = await offered();
  if (!offer.served) await keep();
  const app = new App(offer, news);
  const { translator: name, png } = linked(location.hash);
  app.choose(offer.translators.find((one) => one.name === name) ?? offer.translators[0]);
  if (png) await app.drawing.load(new Blob([png], { type: "image/png" }), true);
  else if (app.translator.examples.length) await app.drawing.load(await (await ask(app.translator.examples[0])).blob(), true);
}

begin().catch((error) => news.error(error instanceof Error ? error.message : String(error)));
