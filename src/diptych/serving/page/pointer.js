// Mouse, pen and touch on the canvas: one draws, two fingers move and zoom.

import { element } from "./elements.js";

/** @param {PointerEvent} event @param {HTMLCanvasElement} canvas @returns {import("./raster.js").Point} */
function place(event, canvas) {
  const box = canvas.getBoundingClientRect();
  return { x: ((event.clientX - box.left) / box.width) * canvas.width, y: ((event.clientY - box.top) / box.height) * canvas.height };
}

/** A mouse says 0.5 by itself; fingers say what they like. @param {PointerEvent} event */
function pressure(event) {
  return event.pointerType === "pen" ? event.pressure : 0.5;
}

/**
 * @param {HTMLCanvasElement} canvas @param {import("./tools.js").Hand} hand @param {import("./zoom.js").Zoom} zoom
 */
export function listen(canvas, hand, zoom) {
  ringed(canvas, hand);
  /** @type {Map<number, PointerEvent>} */
  const down = new Map();
  let drawing = -1;

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, event);
    if (down.size === 1) {
      drawing = event.pointerId;
      hand.press(place(event, canvas), pressure(event), event.shiftKey);
    } else if (drawing >= 0) {
      hand.cancel();
      drawing = -1;
    }
  });

  canvas.addEventListener("pointermove", (event) => {
    const before = down.get(event.pointerId);
    if (!before) return;
    if (event.pointerId === drawing) {
      const steps = event.getCoalescedEvents?.() ?? [];
      for (const step of steps.length ? steps : [event]) hand.move(place(step, canvas), pressure(step), event.shiftKey);
    } else if (down.size === 2) {
      const other = [...down].find(([number]) => number !== event.pointerId)?.[1];
      if (other) zoom.pinch(before, event, other);
    }
    down.set(event.pointerId, event);
  });

  const up = (/** @type {PointerEvent} */ event) => {
    down.delete(event.pointerId);
    if (event.pointerId !== drawing) return;
    drawing = -1;
    hand.release();
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
}

/** A ring as large as the brush follows a mouse or a pen. @param {HTMLCanvasElement} canvas @param {import("./tools.js").Hand} hand */
function ringed(canvas, hand) {
  const ring = element("ring");
  canvas.addEventListener("pointermove", (event) => {
    ring.hidden = event.pointerType === "touch" || hand.tool === "fill" || hand.tool === "pick";
    const { x, y } = place(event, canvas);
    ring.style.left = `${(100 * x) / canvas.width}%`;
    ring.style.top = `${(100 * y) / canvas.height}%`;
    ring.style.width = `${(100 * hand.size) / canvas.width}%`;
  });
  canvas.addEventListener("pointerleave", () => (ring.hidden = true));
}
