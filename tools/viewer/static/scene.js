// The panels: photo, depth, point cloud and comparison of one picture.

import { Cloud } from "./cloud.js";
import { Colors, depthLabels, differenceLabels } from "./colors.js";
import { Cursor } from "./cursor.js";
import { Distance } from "./distance.js";
import { depthPaint, photoPaint } from "./paints.js";
import { reading } from "./reading.js";

const $ = (id) => document.getElementById(id);

export class Scene {
  constructor(model) {
    this.model = model;
    this.colors = new Colors(model.colormaps);
    this.cloud = new Cloud($("points"));
    this.picture = null;
    this.scaleChosen = false;
    const compared = model.reference !== null;
    $("panels").classList.toggle("compared", compared);
    $("float").hidden = $("difference").hidden = !compared;
    const precision = model.precision.toUpperCase();
    if (compared) {
      $("depth").querySelector("h2").textContent = precision;
      $("difference").querySelector("h2").textContent = `${precision} − FP32`;
    }
    for (const figure of document.querySelectorAll("figure")) {
      const name = figure.querySelector("h2").textContent;
      figure.querySelector(".picture")?.setAttribute("aria-label",
        `${name}. Arrow keys move the cursor, with Shift ten pixels at a time.`);
    }
    $("no-webgl").hidden = this.cloud.works;
    $("cloud").classList.toggle("absent", !this.cloud.works);
    this.cursor = new Cursor([...document.querySelectorAll(".picture")], () => this.read());
    for (const name of Object.keys(model.colormaps)) $("colormap").add(new Option(name, name));
    $("scale").addEventListener("change", () => this.chooseScale());
    for (const id of ["near", "far"]) $(id).addEventListener("change", () => this.repaint());
    for (const id of ["colormap", "inconsistent"]) {
      $(id).addEventListener("change", () => {
        this.colors.use($("colormap").value, $("inconsistent").checked);
        this.repaint();
        if (this.picture?.reference) this.paintDifference();
      });
    }
    this.distance = new Distance(this);
    $("paint").addEventListener("change", () => this.paintCloud());
    $("fov").addEventListener("change", () => {
      this.paintCloud();
      this.distance.tell();
    });
    $("reset").addEventListener("click", () => this.cloud.reset());
  }

  // Videos keep the model's range unless another was chosen: colors would flicker.
  show(picture, isLive) {
    this.picture = picture;
    if (!this.scaleChosen) $("scale").value = isLive ? "model" : "picture";
    $("panels").hidden = $("tools").hidden = false;
    $("marking").hidden = !picture.depth.includes(0);
    const { width, height } = picture.facts;
    this.paintPhoto();
    this.paintDepth();
    if (picture.reference) this.paintDifference();
    this.cursor.resize(width, height);
    this.paintCloud();
  }

  clear() {
    this.picture = null;
    $("panels").hidden = true;
    this.read();
  }

  // A range of one's own begins as the one that is shown.
  chooseScale() {
    this.scaleChosen = true;
    $("ends").hidden = $("scale").value !== "custom";
    if ($("scale").value === "custom" && this.picture) {
      [$("near").value, $("far").value] = this.shown.map((mm) => (mm / 1000).toFixed(2));
    }
    this.repaint();
  }

  repaint() {
    this.paintDepth();
    this.paintCloud();
  }

  get limits() {
    if ($("scale").value === "model") return this.model.range_mm;
    if ($("scale").value === "picture") return this.picture.facts.limits_mm;
    const [near, far] = [$("near"), $("far")].map((each) => Math.round(1000 * each.value));
    return [near, Math.max(far, near + 1)];
  }

  paintPhoto() {
    const canvas = $("photo").querySelector("canvas");
    [canvas.width, canvas.height] = [this.picture.photo.width, this.picture.photo.height];
    canvas.getContext("2d", { willReadFrequently: true }).drawImage(this.picture.photo, 0, 0);
  }

  paintDepth() {
    if (!this.picture) return;
    const { depth, reference } = this.picture;
    this.shown = this.limits;
    this.paintMap($("depth"), depth);
    if (reference) this.paintMap($("float"), reference);
  }

  paintMap(figure, depth) {
    const { width, height } = this.picture.facts;
    const [near, far] = this.limits;
    const color = this.colors.ofDepth(near, far);
    this.colors.paint(figure.querySelector("canvas"), width, height, (k) => color(depth[k]));
    let [below, above] = [false, false];
    for (const mm of depth) {
      if (mm > far) above = true;
      else if (mm < near && mm > 0) below = true;
    }
    const labels = depthLabels(near, far, below, above);
    this.colors.legend(figure.querySelector(".legend"), this.colors.near, labels);
  }

  paintDifference() {
    const { depth, reference, facts } = this.picture;
    const color = this.colors.ofDifference();
    const canvas = $("difference").querySelector("canvas");
    this.colors.paint(canvas, facts.width, facts.height, (k) =>
      depth[k] && reference[k] ? color(depth[k] - reference[k]) : this.colors.none);
    const legend = $("difference").querySelector(".legend");
    this.colors.legend(legend, this.colors.diverging, differenceLabels());
    const apart = facts.difference;
    $("apart").textContent = apart
      ? `Median ${apart.median_mm.toFixed(0)} mm, 95 % within ${apart.p95_mm.toFixed(0)} mm.`
      : "";
  }

  paintCloud() {
    if (!this.picture || !this.cloud.works) return;
    const { depth, facts } = this.picture;
    const [near, far] = facts.limits_mm;
    const paint = $("paint").value === "photo"
      ? photoPaint($("photo").querySelector("canvas"), facts.width, facts.height)
      : depthPaint(depth, this.colors.ofDepth(...this.limits));
    const middle = (near + far) / 2;
    this.cloud.show(depth, facts.width, facts.height, this.camera(), middle, paint);
  }

  // As the command was told, or of the field of view that the page says.
  camera() {
    const { width, height, camera } = this.picture.facts;
    $("fov-label").hidden = $("fov-hint").hidden = camera !== null;
    if (camera) return camera;
    const { min, max, defaultValue } = $("fov");
    const degrees = Math.max(min, Math.min(max, Number($("fov").value) || Number(defaultValue)));
    $("fov").value = degrees; // the one that is drawn
    const focal = width / 2 / Math.tan((degrees * Math.PI) / 360);
    return { fx: focal, fy: focal, cx: (width - 1) / 2, cy: (height - 1) / 2 };
  }

  read() {
    $("readout").textContent = this.picture
      ? reading(this.picture, this.cursor, this.model.precision.toUpperCase())
      : "";
    this.distance?.tell();
  }
}
