// The webcam as the source: each picture is translated before the next one is taken, so never more than one is in flight.

import { element } from "../elements.js";

export class Camera {
  /** @param {import("../app.js").App} app @param {(action: () => unknown) => void} guarded */
  constructor(app, guarded) {
    this.app = app;
    this.video = document.createElement("video");
    this.video.muted = this.video.playsInline = true;
    this.mirrored = true;
    this.running = 0; // number of the loop that runs; 0 = none
    this.count = 0;
    const actions = { camera: () => (this.on ? this.stop() : this.start()), freeze: () => this.stop(true), mirror: () => this.mirror() };
    for (const [id, action] of Object.entries(actions)) element(id).addEventListener("click", () => guarded(action));
  }

  get on() {
    return this.running > 0;
  }

  async start() {
    if (!navigator.mediaDevices) throw new Error("The camera needs a page from this machine or over https.");
    const { app } = this;
    const running = (this.running = ++this.count);
    try {
      this.video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 640 } } });
      await this.video.play();
    } catch (error) {
      this.stop();
      throw new Error(error instanceof DOMException && error.name === "NotAllowedError" ? "The camera was refused; allow it in the browser's settings of this page." : "There is no camera that this browser can use.");
    }
    this.shown();
    app.live = true;
    let [since, pictures] = [performance.now(), 0];
    while (running === this.running) {
      app.drawing.frame(this.frame());
      if (!(await app.translate())) await new Promise((resolve) => setTimeout(resolve, 500));
      await new Promise((resolve) => requestAnimationFrame(resolve));
      pictures++;
      const passed = performance.now() - since;
      if (passed < 1000) continue;
      app.news.timing(`${((1000 * pictures) / passed).toFixed(1)} pictures a second from the camera.`);
      [since, pictures] = [performance.now(), 0];
    }
  }

  /** The middle of what the camera sees, in the sheet's proportions. */
  frame() {
    const { video, app: { drawing } } = this;
    const { width, height } = drawing.size;
    const share = Math.min(video.videoWidth / width, video.videoHeight / height);
    const [across, down] = [width * share, height * share];
    const canvas = new OffscreenCanvas(width, height);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
    if (this.mirrored) context.setTransform(-1, 0, 0, 1, width, 0);
    context.drawImage(video, (video.videoWidth - across) / 2, (video.videoHeight - down) / 2, across, down, 0, 0, width, height);
    return drawing.taken({ source: canvas, width, height }, drawing.size);
  }

  /** @param {boolean} [kept] the last picture stays, to be drawn on */
  stop(kept = false) {
    const stream = /** @type {MediaStream | null} */ (this.video.srcObject);
    for (const track of stream?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
    if (!this.on) return;
    this.running = 0;
    this.app.live = false;
    this.shown();
    if (kept) this.app.drawing.replace(this.app.drawing.raster);
    else this.app.drawing.back();
  }

  mirror() {
    this.mirrored = !this.mirrored;
    this.shown();
  }

  shown() {
    element("camera").ariaPressed = String(this.on);
    element("freeze").hidden = element("mirror").hidden = !this.on;
    element("mirror").ariaPressed = String(this.mirrored);
  }
}
