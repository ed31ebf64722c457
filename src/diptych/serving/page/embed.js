// <diptych-canvas model="ADDRESS OF AN EXPORTED FOLDER"> for any page. Not a module: those need headers that many hosts do not send.

class DiptychCanvas extends HTMLElement {
  static observedAttributes = ["model", "translator"];

  constructor() {
    super();
    this.frame = document.createElement("iframe");
    this.frame.allow = "camera; clipboard-write; fullscreen";
    this.frame.title = "Draw, and see the counterpart";
    Object.assign(this.frame.style, { border: "0", width: "100%", height: "520px", display: "block", colorScheme: "normal" });
    this.attachShadow({ mode: "open" }).append(this.frame);
    /** @type {Map<number, (blob: Blob) => void>} */
    this.asked = new Map();
    this.count = 0;
    this.heard = (/** @type {MessageEvent} */ event) => this.hear(event);
  }

  connectedCallback() {
    this.style.display ||= "block";
    addEventListener("message", this.heard);
    this.open();
  }

  disconnectedCallback() {
    removeEventListener("message", this.heard);
  }

  attributeChangedCallback() {
    if (this.isConnected) this.open();
  }

  open() {
    const address = new URL(`${(this.getAttribute("model") ?? ".").replace(/\/?$/, "/")}?embed`, document.baseURI);
    const translator = this.getAttribute("translator");
    if (translator) address.hash = `t=${encodeURIComponent(translator)}`;
    if (this.frame.src !== address.href) this.frame.src = address.href;
  }

  /** @param {MessageEvent} event */
  hear({ source, data }) {
    if (source !== this.frame.contentWindow || !data?.diptych) return;
    if (data.height) this.frame.style.height = `${data.height}px`;
    if (data.result) this.dispatchEvent(new CustomEvent("diptych-result", { detail: data.result, bubbles: true }));
    this.asked.get(data.number)?.(data.blob);
    this.asked.delete(data.number);
  }

  /** @param {"drawing" | "result"} wanted @returns {Promise<Blob>} PNG */
  picture(wanted) {
    const number = ++this.count;
    const answer = new Promise((resolve) => this.asked.set(number, resolve));
    this.frame.contentWindow?.postMessage({ wanted, number }, "*");
    return answer;
  }
}

customElements.define("diptych-canvas", DiptychCanvas);
