// Distances in space: of the pixel below the cursor from the camera, and from a marked point.

const $ = (id) => document.getElementById(id);

export class Distance {
  constructor(scene) {
    this.scene = scene;
    this.marked = null;
    this.signs = scene.cursor.pictures.map((picture) => {
      const sign = Object.assign(document.createElement("i"), { className: "mark", hidden: true });
      picture.append(sign);
      picture.addEventListener("click", () => this.mark());
      picture.addEventListener("keydown", (event) => {
        if (event.key === "Enter") this.mark();
        else if (event.key === "Escape") this.forget();
      });
      return sign;
    });
  }

  // The point that the next distances are from. Calibration has its own use for clicks.
  mark() {
    const { x, y } = this.scene.cursor;
    if ($("measure").open || x === null || !this.scene.picture) return;
    this.marked = { x, y };
    this.tell();
  }

  forget() {
    this.marked = null;
    this.tell();
  }

  tell() {
    const { picture, cursor } = this.scene;
    const { x, y } = cursor;
    const here = picture && x !== null ? this.point(x, y) : null;
    const parts = here ? [`${Math.hypot(...here).toFixed(2)} m from the camera`] : [];
    const from = this.marked && here && this.point(this.marked.x, this.marked.y);
    if (from) {
      const apart = Math.hypot(...here.map((each, k) => each - from[k]));
      parts.push(`${apart.toFixed(2)} m from the marked point`);
    } else if (here && !this.marked) {
      parts.push("click or Enter marks a point to measure from");
    }
    if (here && !picture.facts.camera) parts.push("field of view assumed");
    $("distances").textContent = parts.join(" · ");
    this.show();
  }

  // Meters of a pixel from the camera, to the right, up and forward; null without depth.
  point(x, y) {
    const { depth, facts } = this.scene.picture;
    if (x >= facts.width || y >= facts.height) return null;
    const z = depth[y * facts.width + x] / 1000;
    if (z === 0) return null;
    const { fx, fy, cx, cy } = this.scene.camera();
    return [((x - cx) / fx) * z, ((cy - y) / fy) * z, z];
  }

  show() {
    const { width, height } = this.scene.cursor;
    for (const sign of this.signs) {
      sign.hidden = this.marked === null;
      if (this.marked === null) continue;
      sign.style.left = `${(100 * (this.marked.x + 0.5)) / width}%`;
      sign.style.top = `${(100 * (this.marked.y + 0.5)) / height}%`;
    }
  }
}
