// The drawings of this browser, kept in its IndexedDB: they outlive a reload, a closed tab and a service that was started again.

import { session } from "./session.js";

/** @typedef {import("./raster.js").Raster} Raster */
/** @typedef {{raster: Raster, sheet: string, time: number}} Entry */

const STORE = "drawings";
const TAB = "diptych-tab";
const MOST = 24; // drawings kept, over all tabs and sheets

export class Keeper {
  constructor() {
    this.tab = claimed();
    this.opened = open().catch(() => null); // private windows may refuse: nothing is kept then
  }

  /** @param {string} sheet what is drawn on @param {Raster} raster */
  async put(sheet, raster) {
    const entry = { raster, sheet: location.pathname + sheet, time: Date.now() };
    const database = await this.opened;
    try {
      const transaction = database?.transaction(STORE, "readwrite");
      if (!transaction) return;
      transaction.onerror = (event) => event.preventDefault(); // a full disk refuses later: nothing is kept then either
      transaction.objectStore(STORE).put(entry, [this.tab, entry.sheet]);
      transaction.commit(); // at once: the page may be about to go
    } catch {
      // the browser has closed its database
    }
  }

  /**
   * What was drawn in this tab, else the newest of other tabs.
   * @param {string} sheet @param {boolean} others whether those count
   * @returns {Promise<Raster | null>}
   */
  async find(sheet, others) {
    const raster = await this.newest(sheet, others);
    return raster && !raster.marks ? { ...raster, marks: [], under: raster.data.slice() } : raster; // kept before there were marks
  }

  /** @param {string} sheet @param {boolean} others @returns {Promise<Raster | null>} */
  async newest(sheet, others) {
    const key = location.pathname + sheet;
    try {
      const store = (await this.opened)?.transaction(STORE).objectStore(STORE);
      if (!store) return null;
      /** @type {Entry | undefined} */
      const own = await answer(store.get([this.tab, key]));
      if (own || !others) return own?.raster ?? null;
      const newest = await answer(store.index("newest").openCursor(IDBKeyRange.bound([key, 0], [key, Infinity]), "prev"));
      return newest?.value.raster ?? null;
    } catch {
      return null;
    }
  }
}

/**
 * The name of this tab, which it takes along when it is loaded again. While the page is there sessionStorage does not hold it,
 * since a tab that is duplicated copies that and would write over this one's drawing.
 */
function claimed() {
  const tab = session.get(TAB) ?? `${Date.now()}-${Math.random()}`;
  session.remove(TAB);
  addEventListener("pagehide", () => session.set(TAB, tab));
  addEventListener("pageshow", () => session.remove(TAB));
  return tab;
}

/** @returns {Promise<IDBDatabase>} */
async function open() {
  const asked = indexedDB.open("diptych-drawings", 1);
  asked.onupgradeneeded = () => {
    const store = asked.result.createObjectStore(STORE);
    store.createIndex("newest", ["sheet", "time"]);
    store.createIndex("time", "time");
  };
  const database = await answer(asked);
  const store = database.transaction(STORE, "readwrite").objectStore(STORE);
  const keys = await answer(store.index("time").getAllKeys());
  for (const key of keys.slice(0, Math.max(0, keys.length - MOST))) store.delete(key);
  return database;
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
