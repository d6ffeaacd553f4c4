// One cursor over all pictures: a pixel of the photo, pointed at or moved with the keys.

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LONG_STEP = 10;

export class Cursor {
  constructor(pictures, changed) {
    this.pictures = pictures;
    this.changed = changed;
    this.width = this.height = 0;
    this.x = this.y = null;
    for (const picture of pictures) {
      for (const kind of ["pointermove", "pointerdown"]) {
        picture.addEventListener(kind, (event) => this.point(picture, event));
      }
      picture.addEventListener("keydown", (event) => this.key(event));
    }
  }

  // The size of what is shown; the cursor stays where it is, if that is inside.
  resize(width, height) {
    if (width === this.width && height === this.height) return this.show();
    [this.width, this.height] = [width, height];
    this.x = this.y = null;
    for (const picture of this.pictures) picture.style.setProperty("--aspect", width / height);
    this.show();
  }

  point(picture, event) {
    const box = picture.getBoundingClientRect();
    this.move(
      Math.floor(((event.clientX - box.left) / box.width) * this.width),
      Math.floor(((event.clientY - box.top) / box.height) * this.height),
    );
  }

  key(event) {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const length = event.shiftKey ? LONG_STEP : 1;
    const [x, y] = [this.x ?? this.width >> 1, this.y ?? this.height >> 1];
    this.move(x + length * step[0], y + length * step[1]);
  }

  move(x, y) {
    this.x = Math.max(0, Math.min(this.width - 1, x));
    this.y = Math.max(0, Math.min(this.height - 1, y));
    this.show();
  }

  show() {
    for (const picture of this.pictures) {
      const cross = picture.querySelector(".cross");
      cross.hidden = this.x === null;
      if (this.x === null) continue;
      cross.style.left = `${(100 * (this.x + 0.5)) / this.width}%`;
      cross.style.top = `${(100 * (this.y + 0.5)) / this.height}%`;
    }
    this.changed();
  }
}
