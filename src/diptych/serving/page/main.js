// The page begins: what is offered, what the link says, and a first picture.

import { App, askToken } from "./app.js";
import { News, wordsOf } from "./elements.js";
import { listing, Refusal } from "./listing.js";
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

/** What the page's address asks for. @param {import("./listing.js").Translator[]} translators */
function sought(translators) {
  const { translator: name, png } = linked(location.hash);
  return {
    translator: translators.find((one) => one.name === name),
    picture: png ? new Blob([png], { type: "image/png" }) : undefined,
  };
}

async function begin() {
  const offer = await offered();
  if (!offer.served) await keep();
  const app = new App(offer, news);
  const { translator, picture } = sought(offer.translators);
  await app.choose(translator ?? offer.translators[0], picture);
  addEventListener("hashchange", () => {
    const { translator, picture } = sought(offer.translators); // a link that is opened where the page is open already
    if (translator && translator !== app.translator) app.choose(translator, picture);
    else if (picture) app.controls.guarded(() => app.drawing.load(picture));
  });
}

begin().catch((error) => news.error(wordsOf(error)));
