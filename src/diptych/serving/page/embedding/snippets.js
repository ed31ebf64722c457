// How others use this translator: requests to a service, and an exported page on a page of theirs.

/**
 * Requests that run as they are printed, in a folder that holds drawing.png.
 * @param {string} address of /translate/NAME @param {boolean} secret the service asks for a token
 * @returns {Record<string, string>} by what runs them
 */
export function requests(address, secret) {
  return {
    curl: `curl --fail --data-binary @drawing.png -H 'Content-Type: image/png'${secret ? ' -H "Authorization: Bearer $DIPTYCH_TOKEN"' : ""} '${address}' -o result.png`,
    Python: `${secret ? "import os\n" : ""}from pathlib import Path
from urllib.request import Request, urlopen

headers = {"Content-Type": "image/png"${secret ? ', "Authorization": f"Bearer {os.environ[\'DIPTYCH_TOKEN\']}"' : ""}}
request = Request("${address}", Path("drawing.png").read_bytes(), headers)
Path("result.png").write_bytes(urlopen(request).read())`,
    JavaScript: `import { readFile, writeFile } from "node:fs/promises";

const headers = { "Content-Type": "image/png"${secret ? ", Authorization: `Bearer ${process.env.DIPTYCH_TOKEN}`" : ""} };
const answer = await fetch("${address}", { method: "POST", headers, body: await readFile("drawing.png") });
if (!answer.ok) throw new Error(await answer.text());
await writeFile("result.png", new Uint8Array(await answer.arrayBuffer()));`,
  };
}

/** An exported page on another page. @param {string} folder its address, with a slash at the end @returns {Record<string, string>} */
export function embeddings(folder) {
  return {
    Element: `<script async src="${folder}embed.js"></script>
<diptych-canvas model="${folder}"></diptych-canvas>`,
    Frame: `<iframe src="${folder}?embed" title="Draw, and see the counterpart" width="100%" height="520" allow="camera; clipboard-write; fullscreen" style="border: 0"></iframe>`,
  };
}
