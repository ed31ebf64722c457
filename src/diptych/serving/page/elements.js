// The page's elements by their names, and what is said to the person.

/** @param {string} id @returns {HTMLElement} */
export function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element ${id}`);
  return found;
}

/** One line of timing, one of trouble, one for screen readers, and a bar. */
export class News {
  constructor() {
    this.status = element("status");
    this.trouble = element("error");
    this.spoken = element("said");
    this.loading = element("loading");
    this.lasting = false;
    this.bar = /** @type {HTMLProgressElement} */ (element("progress"));
  }

  /** @param {string} sentence */
  timing(sentence) {
    this.status.textContent = sentence;
  }

  /** @param {string} sentence @param {boolean} [lasting] it stays until the drawing changes, whatever is translated */
  error(sentence, lasting = false) {
    this.lasting = lasting;
    this.loading.hidden = true;
    this.trouble.textContent = sentence;
    this.trouble.hidden = false;
    this.status.textContent = "";
  }

  /** A translation has come. */
  clear() {
    if (!this.lasting) this.trouble.hidden = true;
    this.loading.hidden = true;
  }

  /** The drawing has changed, so what was wrong with a picture or a link is no longer of interest. */
  forgive() {
    if (this.lasting) this.trouble.hidden = true;
  }

  /** @param {string} sentence */
  say(sentence) {
    this.spoken.textContent = sentence;
  }

  /** @param {number} done @param {number} total bytes of the network */
  progress(done, total) {
    this.loading.hidden = false;
    this.bar.value = done / total;
    const size = (total / 2 ** 20).toFixed(1);
    element("fetched").textContent = done < total ? `Fetching the network, ${(done / 2 ** 20).toFixed(1)} of ${size} MB` : "Starting the network";
  }
}

/** Offer a file to be kept. @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** @param {unknown} error */
export function wordsOf(error) {
  return error instanceof Error ? error.message : String(error);
}
