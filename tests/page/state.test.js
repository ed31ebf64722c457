import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { History } from "../../src/diptych/serving/page/history.js";
import { Newest } from "../../src/diptych/serving/page/newest.js";
import { blank } from "../../src/diptych/serving/page/raster.js";
import { linked, linkOf, toBytes, toText } from "../../src/diptych/serving/page/sharing.js";

const state = (shade) => blank(4, 4, [shade, shade, shade, 255]);
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

test("undo and redo walk through the states; a new one ends what was undone", () => {
  const history = new History(state(0));
  assert.equal(history.undo(), null);
  history.add(state(1));
  history.add(state(2));
  assert.equal(history.undo()?.data[0], 1);
  assert.equal(history.undo()?.data[0], 0);
  assert.equal(history.undo(), null);
  assert.equal(history.redo()?.data[0], 1);
  history.add(state(3));
  assert.equal(history.redo(), null);
  assert.equal(history.undo()?.data[0], 1);
});

test("the history stays within its bytes", () => {
  const history = new History(state(0), 64 * 5);
  for (let shade = 1; shade < 50; shade++) history.add(state(shade));
  assert.equal(history.past.length, 5);
  assert.equal(history.undo()?.data[0], 48);
});

test("never more than one piece of work is in flight, and the newest state wins", async () => {
  let [now, flying, most] = [0, 0, 0];
  const seen = [];
  const newest = new Newest(async () => {
    most = Math.max(most, ++flying);
    seen.push(now);
    await pause(20);
    flying--;
  }, 1);
  for (now = 1; now <= 30; now++) {
    newest.ask();
    await pause(2);
  }
  now = 30;
  newest.ask();
  await pause(80);
  assert.equal(most, 1);
  assert.equal(seen.at(-1), 30);
  assert.ok(seen.length < 15, `${seen.length} pieces`);
});

test("after a pause it works again", async () => {
  let count = 0;
  const newest = new Newest(async () => void count++, 1);
  newest.ask();
  await pause(20);
  newest.ask();
  await pause(20);
  assert.equal(count, 2);
});

test("a drawing goes through a link unharmed", () => {
  const bytes = Uint8Array.from({ length: 40_000 }, (_, at) => (at * 7919) % 256);
  assert.deepEqual(toBytes(toText(bytes)), bytes);
  const link = linkOf("http://localhost:8000/#t=old", "cats & dogs", null, bytes.subarray(0, 999));
  assert.ok(link?.startsWith("http://localhost:8000/#t=cats%20%26%20dogs&d="));
  const found = linked(new URL(/** @type {string} */ (link)).hash);
  assert.equal(found.translator, "cats & dogs");
  assert.deepEqual(found.png, bytes.subarray(0, 999));
  const short = linkOf("http://localhost:8000/", "cats", bytes.subarray(0, 99), bytes.subarray(0, 999));
  assert.deepEqual(linked(new URL(/** @type {string} */ (short)).hash), { translator: "cats", marks: bytes.subarray(0, 99), png: null });
  assert.equal(linkOf("http://localhost/", "a", null, new Uint8Array(90_000)), null);
});

test("a broken link is no drawing", () => {
  assert.deepEqual(linked("#t=a&d=%%%"), { translator: "a", marks: null, png: new Uint8Array() });
  assert.deepEqual(linked(""), { translator: "", marks: null, png: null });
});

test("the page sends for nothing from elsewhere", () => {
  const folder = new URL("../../src/diptych/serving/page/", import.meta.url);
  for (const name of readdirSync(folder).filter((one) => /\.(js|html|css)$/.test(one))) {
    assert.doesNotMatch(readFileSync(new URL(name, folder), "utf8"), /https?:\/\/|\/\/cdn/, name);
  }
});
