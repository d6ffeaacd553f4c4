// How a scene is looked at, changed by mouse, fingers and keys.

export const START = { yaw: -0.3, pitch: 0.18, zoom: 0.8, moveX: 0, moveY: 0 };
const KEYS = {
  ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1],
};
const KEY_ZOOM = 1.1;
const RADIANS_A_HEIGHT = 3;
const WHEEL_ZOOM = 1 / 800;

export class Turning {
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.view = { ...START };
    this.pointers = new Map();
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(kind, (event) => this.pointers.delete(event.pointerId));
    }
    canvas.addEventListener("pointermove", (event) => this.drag(event));
    canvas.addEventListener("dblclick", () => this.change(START));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * WHEEL_ZOOM));
    }, { passive: false });
  }

  change(view) {
    Object.assign(this.view, view);
    this.view.pitch = Math.max(-1.5, Math.min(1.5, this.view.pitch));
    this.view.zoom = Math.max(0.1, Math.min(20, this.view.zoom));
    this.changed();
  }

  turn(yaw, pitch) {
    this.change({ yaw: this.view.yaw + yaw, pitch: this.view.pitch + pitch });
  }

  zoom(by) {
    this.change({ zoom: this.view.zoom * by });
  }

  move(x, y) {
    this.change({ moveX: this.view.moveX + x, moveY: this.view.moveY + y });
  }

  drag(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const spread = this.spread();
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.pointers.size > 1) return this.zoom(this.spread() / spread);
    const height = this.canvas.clientHeight;
    const [x, y] = [(event.clientX - before[0]) / height, (event.clientY - before[1]) / height];
    if (event.shiftKey) this.move(x, -y);
    else this.turn(RADIANS_A_HEIGHT * x, RADIANS_A_HEIGHT * y);
  }

  // How far two fingers lie apart.
  spread() {
    const [one, other] = this.pointers.values();
    return other ? Math.hypot(one[0] - other[0], one[1] - other[1]) || 1 : 1;
  }

  key(event) {
    if (KEYS[event.key]) this.turn(...KEYS[event.key]);
    else if (event.key === "+") this.zoom(KEY_ZOOM);
    else if (event.key === "-") this.zoom(1 / KEY_ZOOM);
    else if (event.key === "Home") this.change(START);
    else return;
    event.preventDefault();
  }
}
