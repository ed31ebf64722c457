// Both panels are seen at one magnification and at one place.

const MOST = 16;

/** @typedef {{clientX: number, clientY: number}} Touch */

export class Zoom {
  /** @param {HTMLElement[]} panels that scroll @param {(factor: number) => void} told */
  constructor(panels, told) {
    this.panels = panels;
    this.told = told;
    this.factor = 1;
    for (const panel of panels) {
      panel.addEventListener("scroll", () => this.follow(panel));
      panel.addEventListener("wheel", (event) => {
        if (!event.ctrlKey) return;
        event.preventDefault();
        this.set(this.factor * Math.exp(-event.deltaY / 200), event);
      }, { passive: false });
    }
  }

  /** @param {HTMLElement} panel */
  follow(panel) {
    for (const other of this.panels) {
      if (other === panel) continue;
      other.scrollLeft = panel.scrollLeft;
      other.scrollTop = panel.scrollTop;
    }
  }

  /** @param {number} factor @param {Touch} [about] what stays where it is; the middle by default */
  set(factor, about) {
    const [panel] = this.panels;
    const box = panel.getBoundingClientRect();
    const x = about ? about.clientX - box.left : box.width / 2;
    const y = about ? about.clientY - box.top : box.height / 2;
    const next = Math.min(MOST, Math.max(1, factor));
    const ratio = next / this.factor;
    this.factor = next;
    for (const each of this.panels) each.style.setProperty("--zoom", String(next));
    panel.scrollLeft = (panel.scrollLeft + x) * ratio - x;
    panel.scrollTop = (panel.scrollTop + y) * ratio - y;
    this.told(next);
  }

  /** One of two fingers has moved. @param {Touch} before @param {Touch} now @param {Touch} other */
  pinch(before, now, other) {
    const old = Math.hypot(before.clientX - other.clientX, before.clientY - other.clientY);
    const distance = Math.hypot(now.clientX - other.clientX, now.clientY - other.clientY);
    const middle = { clientX: (now.clientX + other.clientX) / 2, clientY: (now.clientY + other.clientY) / 2 };
    if (old > 10) this.set((this.factor * distance) / old, middle);
    this.panels[0].scrollLeft -= (now.clientX - before.clientX) / 2;
    this.panels[0].scrollTop -= (now.clientY - before.clientY) / 2;
  }
}
