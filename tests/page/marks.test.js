import assert from "node:assert/strict";
import { test } from "node:test";
import { blank, Stroke } from "../../src/diptych/serving/page/raster.js";
import { packed, unpacked } from "../../src/diptych/serving/page/strokes/compact.js";
import { contour, play, scaled, simplified } from "../../src/diptych/serving/page/strokes/marks.js";
import { layered, outline } from "../../src/diptych/serving/page/strokes/vector.js";

const WHITE = /** @type {const} */ ([255, 255, 255, 255]);
const BLACK = /** @type {const} */ ([0, 0, 0, 255]);
const mark = (shape, points, colour = BLACK) => ({ shape, colour, points });

/** A closed hand-drawn curve of so many points about a middle. */
const curve = (x, y, across, down, count, wobble = 0) =>
  Array.from({ length: count }, (_, at) => {
    const angle = (2 * Math.PI * at) / (count - 1);
    return [x + (across + wobble * Math.sin(5 * angle)) * Math.cos(angle), y + down * Math.sin(angle), 1.75];
  }).flat().map((value) => Math.round(value * 8) / 8);

/** A cat as a hand draws it with a mouse: head, ears, eyes, nose, mouth and whiskers. */
const cat = [
  mark("stroke", curve(64, 70, 36, 32, 240, 1.5)),
  ...[36, 92].map((x) => mark("stroke", Array.from({ length: 60 }, (_, at) => [x - 12 + at * 0.4, 48 - 28 * (1 - Math.abs(at - 30) / 30), 1.75]).flat().map((value) => Math.round(8 * value) / 8))),
  ...[50, 78].flatMap((x) => [mark("stroke", curve(x, 64, 6, 7, 60)), mark("stroke", curve(x, 65, 2, 3, 30)), mark("fill", [x, 65, 0])]),
  mark("stroke", curve(64, 78, 4, 3, 30)), mark("stroke", curve(58, 84, 6, 5, 40)), mark("stroke", curve(70, 84, 6, 5, 40)),
  ...[-6, 0, 6].flatMap((y) => [mark("stroke", Array.from({ length: 40 }, (_, at) => [44 - at, 80 + y + (y * at) / 40, 1.75]).flat().map((value) => Math.round(8 * value) / 8)), mark("line", [84, 80 + y, 1.75, 124, 80 + 2 * y, 1.75])]),
];

test("marks go through a link unharmed, and a cat's link is short", async () => {
  const drawn = cat.map((one) => ({ ...one, points: one.shape === "stroke" ? simplified(one.points) : one.points }));
  const bytes = await packed({ width: 128, height: 128, marks: drawn });
  assert.deepEqual(await unpacked(bytes), { width: 128, height: 128, marks: drawn });
  assert.ok((bytes.length * 4) / 3 < 1900, `${bytes.length} bytes`);
  const thick = [mark("ellipse", [-3.125, 9, 60, 127.875, 4, 60], [1, 2, 3, 0])];
  assert.deepEqual((await unpacked(await packed({ width: 9, height: 7, marks: thick }))).marks, thick);
});

test("a link that was cut off, or is none, is told and nothing else", async () => {
  const bytes = await packed({ width: 128, height: 128, marks: cat });
  for (const broken of [bytes.slice(0, bytes.length / 2), bytes.slice(9), Uint8Array.of(1, 2, 3)]) {
    await assert.rejects(unpacked(broken), /incomplete|newer/);
  }
});

test("a simplified stroke marks the same pixels, with far fewer points", () => {
  const full = curve(30, 30, 20, 14, 400, 2);
  const few = simplified(full);
  assert.ok(few.length < full.length / 4, `${few.length / 3} points`);
  const [one, other] = [blank(60, 60, WHITE), blank(60, 60, WHITE)];
  play(one, mark("stroke", full), false);
  play(other, mark("stroke", few), false);
  assert.ok(one.data.every((value, at) => Math.abs(value - other.data[at]) < 60));
  assert.deepEqual(simplified([1, 1, 2, 5, 5, 2]), [1, 1, 2, 5, 5, 2]);
  assert.equal(simplified([0, 0, 1, 5, 0, 4, 10, 0, 1]).length, 9, "where only the pressure changes");
});

test("a mark that is scaled covers as many times as much", () => {
  const covered = (raster) => raster.data.filter((value, at) => at % 4 === 0 && value < 128).length;
  const [small, large] = [blank(64, 64, WHITE), blank(256, 256, WHITE)];
  const stroke = mark("stroke", curve(32, 32, 20, 12, 60));
  play(small, stroke, false);
  play(large, scaled(stroke, 4, 4), false);
  assert.ok(Math.abs(covered(large) / covered(small) / 16 - 1) < 0.05);
});

test("an ellipse is where its equation says", () => {
  const raster = blank(40, 40, WHITE);
  play(raster, mark("ellipse", [5, 10, 1, 35, 30, 1]), false);
  for (let y = 0; y < 40; y++) {
    for (let x = 0; x < 40; x++) {
      const share = Math.hypot((x + 0.5 - 20) / 15, (y + 0.5 - 20) / 10);
      const dark = raster.data[4 * (40 * y + x)] < 128;
      if (Math.abs(share - 1) < 0.03) assert.ok(dark, `${x}, ${y}`);
      if (Math.abs(share - 1) > 0.2) assert.ok(!dark, `${x}, ${y}`);
    }
  }
  const filled = blank(40, 40, WHITE);
  new Stroke(filled, BLACK, true).ellipse({ x: 5, y: 10 }, { x: 35, y: 30 }, 0);
  const area = filled.data.filter((value, at) => at % 4 === 0 && value === 0).length;
  assert.ok(Math.abs(area / (Math.PI * 150) - 1) < 0.06, `${area}`);
});

/** Twice the area that a path of straight lines encloses. */
const area = (path) => path.split("Z").filter(Boolean).reduce((sum, loop) => {
  const points = loop.slice(1).split("L").map((point) => point.split(" ").map(Number));
  return sum + points.reduce((all, [x, y], at) => all + x * points[(at + 1) % points.length][1] - y * points[(at + 1) % points.length][0], 0);
}, 0);

test("the outline of a region encloses it, with its holes left out", () => {
  const region = Uint8Array.from([0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0]);
  assert.equal(area(contour(region, 5, 5, false)), 2 * 9);
  assert.equal(contour(Uint8Array.of(1, 1), 2, 1, false), "M0 0L2 0L2 1L0 1Z");
});

test("a fill lies under the lines that bound it and above what it replaced", () => {
  const raster = blank(20, 20, WHITE);
  const [box, fill, line, other] = [mark("rectangle", [3, 3, 1, 16, 16, 1]), mark("fill", [9, 9, 0], [200, 0, 0, 255]), mark("line", [0, 9, 2, 19, 9, 2]), mark("fill", [9, 5, 0], [0, 0, 200, 255])];
  for (const one of [box, fill, line, other]) play(raster, one, false);
  assert.deepEqual(layered([box, fill, line, other], false), [fill, other, box, line]);
  assert.deepEqual(layered([box, fill], true), [box, fill]);
});

test("a pen's stroke is discs and what lies between them, all turned one way", () => {
  const { path, filled, width } = outline(mark("stroke", [0, 0, 1, 10, 0, 3]), false);
  assert.ok(filled && width === 0);
  const between = path.slice(path.lastIndexOf("M"));
  assert.ok(area(between) > 0, "clockwise on a screen, as the discs are");
  assert.deepEqual(outline(mark("stroke", [0, 0, 2, 4, 0, 2]), false), { path: "M0 0L4 0", width: 4, filled: false });
  assert.deepEqual(outline(mark("rectangle", [1, 2, 3, 4, 5, 3]), true), { path: "M1 2H4V5H1Z", width: 0, filled: true });
});
