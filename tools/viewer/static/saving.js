// What is shown as files: a picture of all panels, and a clip of those that follow.

const $ = (id) => document.getElementById(id);
const GAP = 12;
const TITLE = 30;
const LEGEND = 48;
const FRAMES_PER_SECOND = 25;

export class Saving {
  constructor(currentName) {
    this.currentName = currentName;
    this.canvas = document.createElement("canvas");
    this.recorder = null;
    $("save").addEventListener("click", () => this.save());
    $("record").addEventListener("click", () => (this.recorder ? this.stop() : this.record()));
  }

  save() {
    this.draw();
    this.canvas.toBlob((blob) => download(blob, `${stem(this.currentName())}-depth.png`));
  }

  // All panels with a picture in a row, each below its title and above its legend.
  draw() {
    const figures = [...document.querySelectorAll("figure:not([hidden])")]
      .filter((figure) => figure.querySelector(".picture"));
    const first = figures[0].querySelector("canvas");
    const { width, height } = first;
    this.canvas.width = figures.length * (width + GAP) + GAP;
    this.canvas.height = height + TITLE + LEGEND;
    const context = this.canvas.getContext("2d");
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    figures.forEach((figure, k) => panel(context, figure, GAP + k * (width + GAP), width, height));
  }

  record() {
    this.draw();
    const parts = [];
    const name = `${stem(this.currentName())}-depth.webm`;
    this.recorder = new MediaRecorder(this.canvas.captureStream(FRAMES_PER_SECOND));
    this.recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
    this.recorder.addEventListener("stop", () => download(new Blob(parts), name));
    this.recorder.start();
    this.tell();
  }

  stop() {
    this.recorder?.stop();
    this.recorder = null;
    this.tell();
  }

  // Each picture that is shown, while a clip is recorded.
  add() {
    if (this.recorder) this.draw();
  }

  tell() {
    $("record").textContent = this.recorder ? "Save clip" : "Record clip";
    $("record").setAttribute("aria-pressed", String(this.recorder !== null));
  }
}

function panel(context, figure, left, width, height) {
  context.fillStyle = "#1b2027";
  context.font = "bold 16px system-ui, sans-serif";
  context.textAlign = "left";
  context.fillText(figure.querySelector("h2").textContent, left, TITLE - 9);
  context.drawImage(figure.querySelector(".picture canvas"), left, TITLE, width, height);
  const bar = figure.querySelector(".legend canvas");
  if (!bar) return;
  context.drawImage(bar, left, TITLE + height + 6, width, 10);
  context.font = "12px system-ui, sans-serif";
  const ticks = [...figure.querySelectorAll(".ticks span")];
  const last = ticks.length - 1;
  ticks.forEach((tick, k) => {
    if (width < 300 && k % 2 && k < last) return;
    context.textAlign = k === 0 ? "left" : k === last ? "right" : "center";
    const x = left + tick.dataset.place * width;
    context.fillText(tick.textContent, x, TITLE + height + 34);
  });
}

function stem(name) {
  return name.split("/").pop().replace(/\.[^.]*$/, "") || "picture";
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
