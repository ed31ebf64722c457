import assert from "node:assert/strict";
import { test } from "node:test";
import { blank, fitted, flood, nearest, snap, Stroke } from "../../src/diptych/serving/page/raster.js";

const WHITE = /** @type {const} */ ([255, 255, 255, 255]);
const BLACK = /** @type {const} */ ([0, 0, 0, 255]);

const red = (raster, x, y) => raster.data[4 * (y * raster.width + x)];

test("a line covers what lies within its radius, and softly what lies at its edge", () => {
  const raster = blank(20, 10, WHITE);
  new Stroke(raster, BLACK, false).segment({ x: 4, y: 5 }, { x: 15, y: 5 }, 2);
  assert.equal(red(raster, 10, 4), 0);
  assert.equal(red(raster, 10, 6), 0);
  assert.equal(red(raster, 10, 8), 255);
  assert.equal(red(raster, 0, 5), 255);
  const slanted = blank(20, 20, WHITE);
  new Stroke(slanted, BLACK, false).segment({ x: 2, y: 3 }, { x: 17, y: 12 }, 2);
  assert.ok(new Set(slanted.data).size > 4, "a slanted line has soft edges");
});

test("a mark that crosses itself grows no darker at its soft edges", () => {
  const [once, twice] = [blank(20, 20, WHITE), blank(20, 20, WHITE)];
  new Stroke(once, BLACK, false).segment({ x: 2, y: 3 }, { x: 17, y: 12 }, 2);
  const stroke = new Stroke(twice, BLACK, false);
  stroke.segment({ x: 2, y: 3 }, { x: 17, y: 12 }, 2);
  stroke.segment({ x: 17, y: 12 }, { x: 2, y: 3 }, 2);
  assert.ok(once.data.every((value, at) => Math.abs(value - twice.data[at]) <= 1));
});

test("class maps get no colours but the palette's", () => {
  for (const radius of [0.5, 1, 3.3]) {
    const raster = blank(30, 30, WHITE);
    const stroke = new Stroke(raster, [10, 20, 30, 255], true);
    stroke.segment({ x: 3.2, y: 4.1 }, { x: 25.7, y: 19.3 }, radius);
    const colours = new Set();
    for (let at = 0; at < raster.data.length; at += 4) colours.add(raster.data.slice(at, at + 4).join());
    assert.deepEqual([...colours].sort(), ["10,20,30,255", "255,255,255,255"]);
  }
});

test("the thinnest hard line has no gap", () => {
  const raster = blank(40, 40, WHITE);
  new Stroke(raster, BLACK, true).segment({ x: 2.5, y: 3.5 }, { x: 37.5, y: 21.5 }, 0.5);
  for (let x = 3; x < 37; x++) {
    assert.ok([...Array(40).keys()].some((y) => red(raster, x, y) === 0), `column ${x}`);
  }
});

test("a rectangle is a border, or filled", () => {
  const [border, filled] = [blank(20, 20, WHITE), blank(20, 20, WHITE)];
  new Stroke(border, BLACK, false).rectangle({ x: 16, y: 16 }, { x: 4, y: 4 }, 1);
  assert.deepEqual([red(border, 4, 10), red(border, 10, 10), red(border, 1, 10)], [0, 255, 255]);
  new Stroke(filled, BLACK, true).rectangle({ x: 16, y: 16 }, { x: 4, y: 4 }, 0);
  assert.deepEqual([red(filled, 4, 4), red(filled, 10, 10), red(filled, 16, 10)], [0, 0, 255]);
});

test("a stroke can be taken back, and one outside the drawing changes nothing", () => {
  const raster = blank(8, 8, WHITE);
  const stroke = new Stroke(raster, BLACK, false);
  stroke.segment({ x: -50, y: -50 }, { x: -20, y: 90 }, 5);
  assert.ok(raster.data.every((value) => value === 255));
  stroke.segment({ x: 1, y: 1 }, { x: 6, y: 6 }, 2);
  assert.ok(raster.data.includes(0));
  stroke.reset();
  assert.ok(raster.data.every((value) => value === 255));
});

test("a fill stays within its outline", () => {
  const raster = blank(20, 20, WHITE);
  new Stroke(raster, BLACK, false).rectangle({ x: 5, y: 5 }, { x: 15, y: 15 }, 1);
  assert.equal(flood(raster, 10, 10, [200, 0, 0, 255], 48)?.reduce((sum, one) => sum + one), 64);
  assert.deepEqual([red(raster, 10, 10), red(raster, 1, 1), red(raster, 5, 10)], [200, 255, 0]);
  assert.equal(flood(raster, 10, 10, [200, 0, 0, 255], 48), null);
});

test("a fill of a large drawing ends", () => {
  const raster = blank(1024, 1024, WHITE);
  flood(raster, 0, 0, BLACK, 0);
  assert.equal(red(raster, 1023, 1023), 0);
});

test("pixels come to the nearest colour of a palette", () => {
  const palette = [[0, 0, 0], [255, 0, 0], [0, 0, 255]];
  assert.equal(nearest([250, 10, 10, 255], 0, palette), 1);
  const raster = blank(2, 1, [20, 30, 200, 255]);
  snap(raster, palette);
  assert.deepEqual([...raster.data], [0, 0, 255, 255, 0, 0, 255, 255]);
});

test("a picture keeps its proportions", () => {
  assert.deepEqual(fitted(4000, 2000, 256), { width: 512, height: 256 });
  assert.deepEqual(fitted(100, 10_000, 256), { width: 10, height: 1024 });
  assert.deepEqual(fitted(128, 128, 128), { width: 128, height: 128 });
  assert.deepEqual(fitted(1, 100_000, 128), { width: 1, height: 1024 });
});
