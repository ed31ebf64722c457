"use strict";
const read = (id) => JSON.parse(document.getElementById(id).textContent);

// What the reader has set, kept over the page's own loading anew. A page from disk may have no storage.

const name = "diptych:" + location.pathname;
let kept = { zoom: {}, hidden: {}, open: [], scroll: 0, smooth: 0 };
try { kept = { ...kept, ...JSON.parse(sessionStorage.getItem(name)) }; } catch { /* nothing was kept */ }
function keep() {
  kept.scroll = scrollY;
  kept.open = [...document.querySelectorAll("details[open]")].map((part) => part.id);
  try { sessionStorage.setItem(name, JSON.stringify(kept)); } catch { /* nothing can be kept */ }
}

// The slider through the sample grids

const grids = read("grid-data");
const slider = document.getElementById("step");
const picture = document.getElementById("grid");
const at = document.getElementById("at");

function show(index) {
  slider.value = index;
  picture.src = grids[index].src;
  picture.alt = at.textContent = "step " + grids[index].step.toLocaleString("en");
}

if (grids.length) {
  slider.max = grids.length - 1;
  slider.disabled = grids.length === 1;
  const place = new URLSearchParams(location.hash.slice(1)).get("step");
  let nearest = grids.length - 1;
  if (place !== null) { // the very grid may have given way to others
    const distance = (grid) => Math.abs(grid.step - Number(place));
    grids.forEach((grid, index) => { if (distance(grid) < distance(grids[nearest])) nearest = index; });
  }
  show(nearest);
  slider.addEventListener("input", () => {
    const index = Number(slider.value);
    show(index);
    const last = index === grids.length - 1; // then the newest is meant, also after loading anew
    history.replaceState(null, "", last ? "#" : "#step=" + grids[index].step);
  });
} else {
  document.querySelector(".slider").hidden = picture.hidden = true;
  document.querySelector("#samples .note").textContent = "None yet.";
}

// The curves

const COLOURS = ["#3b7dd8", "#e07b1f", "#2f9e6e", "#c4475b", "#8b63c9", "#7d7f86", "#b8a11c", "#1fa3b5"];
const faint = (colour) => colour + "48"; // a stretch's extremes, of which a lone one must still be seen
// plotly would offer to send a chart to its makers; this page sends nothing
const OPTIONS = { displaylogo: false, responsive: true, showSendToCloud: false, plotlyServerURL: "", showLink: false };
const home = document.getElementById("plots");
const troubles = read("trouble-data");

// An exponential mean over the points, begun without a bias: divided by the weights so far (Kingma and Ba 2015, section 3).
function smoothed(values) {
  let [mean, weight] = [0, 0];
  return values.map((value) => {
    mean = kept.smooth * mean + (1 - kept.smooth) * value;
    weight = kept.smooth * weight + 1 - kept.smooth;
    return mean / weight;
  });
}

function tracesOf(plot, title) {
  return Object.entries(plot.curves).flatMap(([curve, { x, y, low, high }], index) => {
    const colour = COLOURS[index % COLOURS.length];
    const visible = (kept.hidden[title] ?? []).includes(curve) ? "legendonly" : true;
    const whole = { x, legendgroup: curve, visible, meta: curve };
    const line = { ...whole, y: smoothed(y), name: curve, mode: plot.marks && x.length < 80 ? "lines+markers" : "lines", line: { width: 1.8, color: colour }, hovertemplate: "%{y:.5g}" };
    if (!low) return [line];
    const edge = { ...whole, mode: "lines", line: { width: 1, color: faint(colour) }, hoverinfo: "skip", showlegend: false };
    return [{ ...edge, y: low }, { ...edge, y: high, fill: "tonexty", fillcolor: faint(colour) }, line];
  });
}

function layoutOf(plot, title, curves) {
  const style = getComputedStyle(document.body);
  const grid = style.getPropertyValue("--line");
  const axis = { gridcolor: grid, zerolinecolor: grid, automargin: true };
  const stretch = Math.max(...Object.values(plot.curves).map((curve) => curve.stretch));
  const means = stretch > 1 ? " - means of " + stretch + " lines each" : "";
  const { x, y } = kept.zoom[title] ?? {};
  const marked = troubles.map(([step]) => ({
    type: "line", x0: step, x1: step, yref: "paper", y0: 0, y1: 1, line: { width: 1, dash: "dot", color: style.getPropertyValue("--mark") },
  }));
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: style.color, size: 12, family: style.fontFamily },
    hoverlabel: { bgcolor: style.getPropertyValue("--card"), bordercolor: grid, font: { color: style.color } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: style.getPropertyValue("--soft"), activecolor: style.color },
    title: { text: plot.title + means, font: { size: 14 }, x: 0.02, xanchor: "left" },
    margin: { t: 40, r: 12, b: 36, l: 48 },
    hovermode: "x unified",
    showlegend: curves > 1,
    legend: { orientation: "h", y: -0.14 },
    shapes: marked,
    xaxis: { ...axis, hoverformat: ",d", ...(x && { range: x }) },
    yaxis: { ...axis, type: plot.log ? "log" : "linear", ...(y && { range: y }) },
  };
}

function remember(element, title) {
  element.on("plotly_relayout", (change) => {
    const zoom = kept.zoom[title] ?? {};
    for (const axis of ["x", "y"]) {
      const ends = [change[axis + "axis.range[0]"], change[axis + "axis.range[1]"]];
      if (change[axis + "axis.autorange"]) delete zoom[axis];
      else if (ends[0] !== undefined) zoom[axis] = ends;
    }
    kept.zoom[title] = zoom;
    keep();
  });
  element.on("plotly_restyle", () => {
    kept.hidden[title] = element.data.filter((trace) => trace.visible === "legendonly").map((trace) => trace.meta);
    keep();
  });
}

function draw() {
  home.replaceChildren();
  for (const plot of read("plot-data")) {
    const element = document.createElement("div");
    element.className = "plot";
    home.append(element);
    const curves = Object.keys(plot.curves).length;
    Plotly.newPlot(element, tracesOf(plot, plot.title), layoutOf(plot, plot.title, curves), OPTIONS);
    remember(element, plot.title);
  }
  if (!home.childElementCount) home.textContent = "None yet.";
}
const smooth = document.getElementById("smooth");
function smoothing(value) {
  smooth.value = kept.smooth = value;
  document.getElementById("smoothness").textContent = value ? Number(value).toFixed(2) : "none";
  draw();
}
smoothing(kept.smooth);
smooth.addEventListener("change", () => {
  smoothing(Number(smooth.value));
  keep();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

// Of a live page: how old it is, and loading it anew unless the reader is in the middle of something

const refresh = Number(document.body.dataset.refresh);
const written = Number(document.body.dataset.written);
function age() {
  const minutes = Math.round((Date.now() / 1000 - written) / 60);
  const ago = minutes < 1 ? "just now" : minutes < 120 ? minutes + " min ago" : Math.round(minutes / 60) + " h ago";
  const when = new Date(written * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  document.getElementById("written").textContent = "Written " + when + (refresh ? ", " + ago + "; again at the next checkpoint." : ".");
  return minutes;
}
age();
for (const id of kept.open) document.getElementById(id)?.setAttribute("open", "");
let busy = false;
for (const kind of ["pointerdown", "pointermove", "pointerup"]) {
  addEventListener(kind, (event) => { busy = event.buttons > 0; }, true); // also where plotly keeps events to itself
}
if (refresh) {
  scrollTo(0, kept.scroll);
  setInterval(() => {
    if (age() > 24 * 60 || busy) return; // a training that was killed writes no more
    keep();
    location.reload();
  }, refresh * 1000);
}
