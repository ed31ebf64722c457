// What this tab takes along when it is loaded again: in sessionStorage, or until then alone where a browser blocks site data.

/** @type {Map<string, string>} */
const memory = new Map();

export const session = {
  /** @param {string} key @returns {string | null} */
  get(key) {
    try {
      return sessionStorage.getItem(key);
    } catch {
      return memory.get(key) ?? null;
    }
  },
  /** @param {string} key @param {string} value @returns {boolean} whether it outlives a reload */
  set(key, value) {
    try {
      sessionStorage.setItem(key, value);
      return true;
    } catch {
      memory.set(key, value);
      return false;
    }
  },
  /** @param {string} key */
  remove(key) {
    memory.delete(key);
    try {
      sessionStorage.removeItem(key);
    } catch {
      // there is nothing
    }
  },
};
