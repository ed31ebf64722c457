// A drawing in a link: its marks, or the bytes of its PNG, behind the #, which never reach a server.

/** @param {Uint8Array} bytes @returns {string} base64 of RFC 4648, section 5 */
export function toText(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** @param {string} text @returns {Uint8Array<ArrayBuffer>} */
export function toBytes(text) {
  const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
}

export const LONGEST = 60_000; // letters of a link that mail and chat still carry

/**
 * The shorter of two links: with the marks, where nothing but marks was drawn, or with the picture.
 * @param {string} address of the page @param {string} translator @param {Uint8Array | null} marks @param {Uint8Array} png
 * @returns {string | null} null when it is too long
 */
export function linkOf(address, translator, marks, png) {
  const key = marks && marks.length < png.length ? "m" : "d";
  const link = `${address.split("#")[0]}#t=${encodeURIComponent(translator)}&${key}=${toText(key === "m" && marks ? marks : png)}`;
  return link.length <= LONGEST ? link : null;
}

/** @param {string} hash @returns {{translator: string, marks: Uint8Array<ArrayBuffer> | null, png: Uint8Array<ArrayBuffer> | null}} */
export function linked(hash) {
  const found = new URLSearchParams(hash.replace(/^#/, ""));
  const translator = found.get("t") ?? "";
  const [marks, png] = ["m", "d"].map((key) => bytesOf(found.get(key)));
  return { translator, marks, png };
}

/** @param {string | null} text */
function bytesOf(text) {
  try {
    return text === null ? null : toBytes(text);
  } catch {
    return new Uint8Array(); // a link that was cut off
  }
}
