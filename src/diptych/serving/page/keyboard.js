// Drawing without a pointer: arrows move a cursor, the space bar lowers and raises the pen; and one-letter shortcuts.

const MOVES = new Map([["ArrowLeft", [-1, 0]], ["ArrowRight", [1, 0]], ["ArrowUp", [0, -1]], ["ArrowDown", [0, 1]]]);

export class Keys {
  /**
   * @param {HTMLCanvasElement} canvas @param {HTMLElement} cursor its mark over the canvas
   * @param {import("./tools.js").Hand} hand @param {(sentence: string) => void} say for screen readers
   */
  constructor(canvas, cursor, hand, say) {
    this.canvas = canvas;
    this.cursor = cursor;
    this.hand = hand;
    this.say = say;
    this.at = { x: 0.5, y: 0.5 }; // in shares of the canvas, since its size changes
    this.down = false;
    canvas.addEventListener("keydown", (event) => this.pressed(event));
    canvas.addEventListener("blur", () => this.lift());
    canvas.addEventListener("pointerdown", () => {
      this.lift();
      cursor.hidden = true;
    });
  }

  get point() {
    return { x: this.at.x * this.canvas.width, y: this.at.y * this.canvas.height };
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    const move = MOVES.get(event.key);
    if (move) {
      const step = event.shiftKey ? 1 : 8;
      this.at.x = within(this.at.x + (move[0] * step) / this.canvas.width);
      this.at.y = within(this.at.y + (move[1] * step) / this.canvas.height);
      this.show();
      if (this.down) this.hand.move(this.point, 0.5);
      else this.say(`${Math.round(this.point.x)}, ${Math.round(this.point.y)}`);
    } else if (event.key === " " || event.key === "Enter") {
      this.toggle();
    } else if (event.key === "Escape") {
      this.lift();
      return;
    } else return;
    event.preventDefault();
  }

  toggle() {
    this.show();
    if (this.down) {
      this.lift();
      return;
    }
    this.hand.press(this.point, 0.5);
    this.down = this.hand.stroke !== null;
    this.say(this.down ? "Pen down" : "Filled");
    this.cursor.classList.toggle("down", this.down);
  }

  lift() {
    if (this.canvas !== document.activeElement) this.cursor.hidden = true;
    if (!this.down) return;
    this.down = false;
    this.hand.release();
    this.cursor.classList.remove("down");
    this.say("Pen up");
  }

  show() {
    this.cursor.hidden = false;
    this.cursor.style.left = `${100 * this.at.x}%`;
    this.cursor.style.top = `${100 * this.at.y}%`;
    this.cursor.scrollIntoView({ block: "nearest", inline: "nearest" }); // zoomed in, it may have left the panel
  }
}

/** @param {number} share */
function within(share) {
  return Math.min(1, Math.max(0, share));
}

/**
 * Shortcuts of the whole page; none while a person types.
 * @param {Record<string, () => void>} actions by key, with "ctrl+" or "ctrl+shift+" before it
 */
export function shortcuts(actions) {
  addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.altKey || target.closest("input[type=text], input[type=password], select, dialog")) return;
    const held = event.ctrlKey || event.metaKey ? (event.shiftKey ? "ctrl+shift+" : "ctrl+") : "";
    const action = actions[held + event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
