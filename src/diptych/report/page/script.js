"use strict";
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const grids = read("grid-data");
const slider = document.getElementById("step");
const picture = document.getElementById("grid");
const at = document.getElementById("at");

function show(index) {
  slider.value = index;
  picture.src = grids[index].src;
  at.textContent = "step " + grids[index].step.toLocaleString("en");
}

if (grids.length) {
  slider.max = grids.length - 1;
  const wanted = Number(new URLSearchParams(location.hash.slice(1)).get("step"));
  const found = grids.findIndex((grid) => grid.step === wanted);
  show(found < 0 ? grids.length - 1 : found);
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

const dark = matchMedia("(prefers-color-scheme: dark)");
function look() {
  const style = getComputedStyle(document.body);
  const line = style.getPropertyValue("--line");
  return { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: style.color, size: 12 }, grid: line };
}

function draw() {
  const home = document.getElementById("plots");
  home.replaceChildren();
  const { grid, ...colours } = look();
  for (const plot of read("plot-data")) {
    const element = document.createElement("div");
    element.className = "plot";
    home.append(element);
    const names = Object.keys(plot.curves);
    const traces = names.map((name) => {
      const { x, y, stretch } = plot.curves[name];
      const means = stretch > 1 ? " (means of " + stretch + " log lines)" : "";
      return { x, y, name: name + means, mode: plot.marks ? "lines+markers" : "lines", line: { width: 1.6 }, hovertemplate: "step %{x}: %{y:.5g}" };
    });
    const axis = { gridcolor: grid, zerolinecolor: grid, automargin: true };
    Plotly.newPlot(element, traces, {
      ...colours,
      title: { text: plot.title, font: { size: 14 } },
      margin: { t: 36, r: 10, b: 36, l: 50 },
      hovermode: "x unified",
      showlegend: names.length > 1,
      legend: { orientation: "h", y: -0.15 },
      xaxis: { ...axis },
      yaxis: { ...axis, type: plot.log ? "log" : "linear" },
    }, { displaylogo: false, responsive: true });
  }
}
draw();
dark.addEventListener("change", draw);

const refresh = Number(document.body.dataset.refresh);
if (refresh) {
  try { scrollTo(0, Number(sessionStorage.getItem("scroll"))); } catch { /* a page from disk may have no storage */ }
  setTimeout(() => {
    try { sessionStorage.setItem("scroll", String(scrollY)); } catch { /* as above */ }
    location.reload();
  }, refresh * 1000);
}
