// The panel for developers.

import { element } from "../elements.js";
import { token } from "../listing.js";
import { embeddings, requests } from "./snippets.js";

/** @param {import("../listing.js").Translator} translator @param {boolean} served */
export function fillPanel(translator, served) {
  const folder = new URL(".", location.href).href;
  const address = `${folder}translate/${encodeURIComponent(translator.name)}`;
  const snippets = served ? requests(address, Boolean(token.get())) : embeddings(folder);
  element("api").hidden = served && translator.source.instances; // which take two files: the service's own description says how
  element("snippets").replaceChildren(...Object.entries(snippets).flatMap(([name, text]) => snippet(name, text)));
}

/** @param {string} name @param {string} text */
function snippet(name, text) {
  const heading = document.createElement("h3");
  heading.textContent = name;
  const copy = document.createElement("button");
  copy.textContent = "Copy";
  copy.ariaLabel = `Copy ${name}`;
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    copy.textContent = await navigator.clipboard.writeText(text).then(() => "Copied", () => "Not allowed");
  });
  heading.append(copy);
  const code = document.createElement("pre");
  code.tabIndex = 0; // it may scroll
  code.textContent = text;
  return [heading, code];
}
