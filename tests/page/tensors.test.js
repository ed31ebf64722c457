import assert from "node:assert/strict";
import { test } from "node:test";
import { blank } from "../../src/diptych/serving/page/raster.js";
import { numbered, regions } from "../../src/diptych/serving/page/regions.js";
import { luma, reflected, toInput, toRaster } from "../../src/diptych/serving/page/tensors.js";

const RGB = { colour: "rgb", palette: [], instances: false };

/** Two columns, two rows: black, white / red, half transparent grey. */
const raster = { width: 2, height: 2, data: Uint8ClampedArray.of(0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 255, 128, 128, 128, 0) };

test("RGB becomes three planes from -1 to 1", () => {
  const { data, dims, type } = toInput(raster, RGB, 1);
  assert.deepEqual([dims, type], [[1, 3, 2, 2], "float32"]);
  assert.deepEqual([...data.slice(0, 3)], [-1, 1, 1]);
  assert.deepEqual([...data.slice(4, 7)], [-1, 1, -1]);
});

test("a picture grows by reflection to the network's multiple", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5].map((place) => reflected(place, 3)), [0, 1, 2, 1, 0, 0]);
  const { data, dims } = toInput(raster, RGB, 4);
  assert.deepEqual(dims, [1, 3, 4, 4]);
  assert.deepEqual([...data.slice(0, 4)], [-1, 1, -1, -1]);
});

test("grey is luma as Pillow rounds it", () => {
  assert.deepEqual([luma([255, 0, 0], 0), luma([0, 255, 0], 0), luma([0, 0, 255], 0), luma([10, 20, 30], 0)], [76, 150, 29, 18]);
  assert.deepEqual(toInput(raster, { ...RGB, colour: "grey" }, 1).dims, [1, 1, 2, 2]);
});

test("class maps become numbers, with their regions where instances are asked for", () => {
  const palette = [[0, 0, 0], [255, 255, 255], [255, 0, 0]];
  const { data, type, dims } = toInput(raster, { colour: "labels", palette, instances: true }, 1);
  assert.deepEqual([type, dims], ["int32", [1, 2, 2, 2]]);
  assert.deepEqual([...data], [0, 1, 2, 1, 0, 1, 2, 3]);
});

test("a hole is where nothing is", () => {
  const { data } = toInput(raster, { ...RGB, colour: "holed" }, 1);
  assert.deepEqual([...data.slice(12)], [-1, -1, -1, 1]);
});

test("what comes back is cut to the drawing and rounded to the nearest", () => {
  const values = Float32Array.from({ length: 16 }, (_, at) => at / 8 - 1);
  const picture = toRaster(values, [1, 1, 4, 4], 3, 2);
  assert.deepEqual([picture.width, picture.height], [3, 2]);
  assert.deepEqual([...picture.data.slice(0, 8)], [0, 0, 0, 255, 16, 16, 16, 255]);
  assert.equal(picture.data[12], 64); // the fifth value, 63.75
  const wild = toRaster(Float32Array.of(-3, 3), [1, 1, 1, 2], 2, 1);
  assert.deepEqual([wild.data[0], wild.data[4]], [0, 255]);
  assert.throws(() => toRaster(Float32Array.of(NaN), [1, 1, 1, 1], 1, 1), /not finite/);
});

test("regions are what hangs together by the sides", () => {
  const shape = blank(5, 4, [0, 0, 0, 255]);
  // a U of another colour: its arms meet only below
  for (const [x, y] of [[1, 0], [1, 1], [1, 2], [2, 2], [3, 2], [3, 1], [3, 0]]) shape.data[4 * (5 * y + x)] = 9;
  assert.deepEqual([...regions(shape)], [0, 1, 2, 1, 0, 0, 1, 2, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
  const seen = numbered(shape);
  assert.deepEqual([...seen.data.slice(8, 12)], [0, 0, 2, 255]);
});
