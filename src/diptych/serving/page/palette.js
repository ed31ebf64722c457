// What one draws with: the classes of a class map by name, or colours.

/** @typedef {import("./raster.js").Colour} Colour */

const COLOURS = ["#000000", "#ffffff", "#d32f2f", "#f28c28", "#f5c518", "#2e8b57", "#2f6fd0", "#7b4fb5", "#8d5a3b", "#8a8a8a"];
const GREYS = ["#000000", "#404040", "#808080", "#c0c0c0", "#ffffff"];

/** @param {string} hex such as #1a2b3c @returns {Colour} */
export function colourOf(hex) {
  const value = parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255, 255];
}

/** @param {readonly number[]} rgb */
export function hexOf(rgb) {
  return `#${rgb.slice(0, 3).map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * Fill `place` with one choice for each class or colour.
 * @param {HTMLElement} place @param {import("./listing.js").Kind} kind
 * @param {number[][]} drawn the colours that its sources were drawn with; empty where they were many
 * @param {(colour: Colour, name: string) => void} chosen
 */
export function fill(place, kind, drawn, chosen) {
  const classes = kind.colour === "labels";
  const hexes = classes ? kind.palette.map(hexOf) : drawn.length ? drawn.map(hexOf) : kind.colour === "grey" ? GREYS : COLOURS;
  place.replaceChildren(...hexes.map((hex, number) => swatch(hex, classes ? kind.names[number] : hex, classes, number === start(kind), chosen)));
  place.classList.toggle("named", classes);
  if (!classes && !drawn.length && kind.colour !== "grey") place.append(anyColour(chosen));
  const first = start(kind);
  chosen(colourOf(hexes[first]), classes ? kind.names[first] : hexes[first]);
}

/** Black; of classes the second, since the first is what an empty map holds. @param {import("./listing.js").Kind} kind */
function start(kind) {
  return kind.colour === "labels" && kind.classes > 1 ? 1 : 0;
}

/** @param {string} hex @param {string} name @param {boolean} named @param {boolean} checked @param {(colour: Colour, name: string) => void} chosen */
function swatch(hex, name, named, checked, chosen) {
  const label = document.createElement("label");
  label.className = "swatch";
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name: "colour", value: hex, checked, ariaLabel: name });
  input.addEventListener("change", () => chosen(colourOf(hex), name));
  const patch = document.createElement("span");
  patch.className = "patch";
  patch.style.backgroundColor = hex;
  label.append(input, patch);
  if (named) label.append(name);
  label.title = name;
  return label;
}

/** @param {(colour: Colour, name: string) => void} chosen */
function anyColour(chosen) {
  const label = document.createElement("label");
  label.className = "any";
  label.title = "Any colour";
  const input = document.createElement("input");
  Object.assign(input, { type: "color", value: "#00796b", ariaLabel: "Any colour" });
  input.addEventListener("input", () => {
    for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (document.getElementsByName("colour"))) radio.checked = false;
    chosen(colourOf(input.value), input.value);
  });
  label.append(input);
  return label;
}

/** The choice of a colour that was picked from the drawing. @param {readonly number[]} colour @returns {string} its name */
export function marked(colour) {
  const hex = hexOf(colour);
  const choices = /** @type {NodeListOf<HTMLInputElement>} */ (document.getElementsByName("colour"));
  for (const radio of choices) radio.checked = radio.value === hex;
  const any = /** @type {HTMLInputElement | null} */ (document.querySelector(".any input"));
  if (any) any.value = hex;
  return [...choices].find((radio) => radio.checked)?.ariaLabel ?? hex;
}
