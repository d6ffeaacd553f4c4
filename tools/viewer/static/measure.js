// Points of the photo with distances that the user measured, and what the command fits to them.

import { Refused, sendJson } from "./api.js";

const $ = (id) => document.getElementById(id);

export class Measure {
  constructor(scene, currentName) {
    this.scene = scene;
    this.currentName = currentName;
    this.points = [];
    this.pinned = null;
    for (const picture of document.querySelectorAll(".picture")) {
      picture.addEventListener("click", () => this.pin());
      picture.addEventListener("keydown", (event) => {
        if (event.key === "Enter") this.pin();
      });
    }
    $("distance").addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.add();
    });
    $("add-point").addEventListener("click", () => this.add());
    $("fit-points").addEventListener("click", () => this.fit());
  }

  // The pixel below the cursor, which moves on: the point that the next distance is for.
  pin() {
    const { x, y } = this.scene.cursor;
    if (!$("measure").open || x === null || !this.scene.picture) return;
    const { facts, depth } = this.scene.picture;
    const { width, height } = facts;
    const depth_mm = depth[y * width + x];
    this.pinned = depth_mm === 0
      ? null
      : { name: this.currentName(), x, y, width, height, depth_mm };
    $("pinned").textContent = depth_mm === 0
      ? "No depth there: click another point."
      : `x ${x}, y ${y}: ${depth_mm.toLocaleString("en")} mm. Its distance?`;
    if (this.pinned) $("distance").focus();
  }

  add() {
    const distance_m = Number($("distance").value);
    if (!this.pinned || !(distance_m > 0)) {
      $("pinned").textContent = "Click a point first, then type its distance in meters.";
      return;
    }
    this.points.push({ ...this.pinned, distance_m });
    this.pinned = null;
    $("distance").value = $("pinned").textContent = "";
    this.render();
  }

  render() {
    $("measured").replaceChildren(...this.points.map((point, place) => {
      const item = document.createElement("li");
      item.append(`${point.name} x ${point.x}, y ${point.y}: ${point.distance_m} m `);
      const remove = document.createElement("button");
      remove.type = "button";
      remove.textContent = "Remove";
      remove.addEventListener("click", () => {
        this.points.splice(place, 1);
        this.render();
      });
      item.append(remove);
      return item;
    }));
    $("fitted").textContent = "";
    $("camera-file").hidden = true;
  }

  async fit() {
    $("camera-file").hidden = true;
    try {
      const found = await sendJson("/api/calibration", this.points);
      $("fitted").textContent = found.text;
      URL.revokeObjectURL($("camera-file").href);
      $("camera-file").href = URL.createObjectURL(new Blob([found.file]));
      $("camera-file").hidden = false;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      $("fitted").textContent = error.message;
    }
  }
}
