import assert from "node:assert/strict";
import { test } from "node:test";
import { blank } from "../../src/diptych/serving/page/raster.js";
import { Hand } from "../../src/diptych/serving/page/tools.js";

const WHITE = /** @type {const} */ ([255, 255, 255, 255]);

/** As much of a Drawing as a hand touches. */
const drawing = () => ({ raster: blank(20, 20, WHITE), kind: null, hard: false, background: WHITE, settled: 0, live: null, show() {}, unveil() {}, veil() {}, settle() { this.settled++; } });

const dark = ({ data }) => data.filter((value, at) => at % 4 === 0 && value < 128).length;

test("a stroke is one change; half the pressure is the size that was set", () => {
  const page = drawing();
  const hand = new Hand(page);
  hand.size = 4;
  hand.press({ x: 2, y: 10 }, 0.5);
  hand.move({ x: 18, y: 10 }, 0.5);
  assert.equal(page.settled, 0);
  hand.release();
  hand.release();
  assert.equal(page.settled, 1);
  assert.equal(hand.width(0.5), 2);
  assert.ok(hand.width(0) < hand.width(1));
  assert.ok(dark(page.raster) > 40);
});

test("a stroke whose drawing was taken away, as by an undo, ends and marks nothing", () => {
  const page = drawing();
  const hand = new Hand(page);
  hand.press({ x: 2, y: 2 }, 0.5);
  page.raster = blank(20, 20, WHITE);
  hand.move({ x: 18, y: 18 }, 0.5);
  hand.release();
  assert.deepEqual([dark(page.raster), page.settled], [0, 0]);
});

test("a stroke that is called off leaves nothing", () => {
  const page = drawing();
  const hand = new Hand(page);
  hand.press({ x: 2, y: 2 }, 0.5);
  hand.move({ x: 18, y: 18 }, 0.5);
  hand.cancel();
  hand.release();
  assert.deepEqual([dark(page.raster), page.settled], [0, 0]);
});

test("the eraser gives back what was there at first, or makes a hole", () => {
  const page = drawing();
  const hand = new Hand(page);
  hand.tool = "eraser";
  assert.deepEqual(hand.ink, WHITE);
  page.kind = { colour: "holed" };
  assert.deepEqual(hand.ink, [0, 0, 0, 0]);
});

test("a fill outside the drawing, or of its own colour, is no change", () => {
  const page = drawing();
  const hand = new Hand(page);
  hand.tool = "fill";
  hand.press({ x: -1, y: 4 }, 0.5);
  hand.colour = WHITE;
  hand.press({ x: 4, y: 4 }, 0.5);
  assert.equal(page.settled, 0);
  hand.colour = [200, 0, 0, 255];
  hand.press({ x: 4, y: 4 }, 0.5);
  assert.equal(page.settled, 1);
});
