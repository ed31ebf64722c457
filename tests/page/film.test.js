import assert from "node:assert/strict";
import { test } from "node:test";
import { growing } from "../../src/diptych/serving/page/posting/film.js";
import { addressOf, sizes } from "../../src/diptych/serving/page/posting/picture.js";

const stroke = (points) => ({ shape: "stroke", colour: [0, 0, 0, 255], points: Array.from({ length: 3 * points }, (_, at) => at) });
const line = { shape: "line", colour: [0, 0, 0, 255], points: [1, 1, 1, 2, 2, 1] };

test("a film's drawing grows to all marks, each step holding the one before", () => {
  const marks = [stroke(40), line, stroke(20)];
  const states = growing(marks, 24);
  assert.equal(states.length, 24);
  assert.deepEqual(states.at(-1), marks);
  const size = (state) => state.reduce((sum, { points }) => sum + points.length, 0);
  for (const [at, state] of states.slice(1).entries()) assert.ok(size(state) >= size(states[at]), `${at}`);
  assert.ok(size(states[0]) > 0);
  assert.equal(growing([stroke(3)], 24).length, 3);
});

test("a posted picture has even sides and the address where others find the page", () => {
  assert.deepEqual(sizes({ width: 128, height: 128 }), { across: 720, down: 720, width: 1524, height: 812 });
  for (const size of [sizes({ width: 333, height: 128 }), sizes({ width: 100, height: 257 })]) assert.ok(size.width % 2 === 0 && size.height % 2 === 0);
  const place = (href) => addressOf(new URL(href));
  assert.equal(place("https://cats.example/draw/index.html#t=a"), "cats.example/draw");
  assert.equal(place("http://127.0.0.1:8000/"), "made with diptych");
  assert.equal(place("https://cats.example/"), "cats.example");
});
