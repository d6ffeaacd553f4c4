// The list of what can be looked at: the command's inputs, and photos dropped on the page.

import { getJson } from "./api.js";

const MARKS = { photo: "", video: "▶", camera: "●" };

export class Inputs {
  constructor(list, chosen) {
    this.list = list;
    this.chosen = chosen;
    this.items = [];
    this.uploads = [];
    this.current = null;
    this.failed = new Set();
    list.addEventListener("keydown", (event) => this.key(event));
  }

  async refresh() {
    const given = await getJson("/api/inputs");
    const old = new Map(this.items.map((item) => [item.id, item]));
    this.items = [...given.map((item) => old.get(item.id) ?? item), ...this.uploads];
    this.render();
  }

  upload(file) {
    const name = file.name || "photo";
    const item = { id: `upload-${this.uploads.length}`, name, kind: "photo", file };
    this.uploads.push(item);
    this.items.push(item);
    this.choose(item);
  }

  choose(item) {
    this.current = item;
    this.render();
    this.list.querySelector("[aria-current=true]").scrollIntoView({ block: "nearest" });
    this.chosen(item);
  }

  // Choose the one so many places after the current one, if there is one.
  step(places) {
    const item = this.neighbor(places);
    if (item) this.choose(item);
  }

  neighbor(places) {
    return this.items[this.items.indexOf(this.current) + places];
  }

  // What follows the current one in the list, if it is a photo.
  next() {
    const item = this.neighbor(1);
    return item?.kind === "photo" ? item : undefined;
  }

  mark(item, failed) {
    if (failed) this.failed.add(item.id);
    else this.failed.delete(item.id);
    this.render();
  }

  render() {
    while (this.list.children.length > this.items.length) this.list.lastChild.remove();
    while (this.list.children.length < this.items.length) this.list.append(entry());
    this.items.forEach((item, k) => this.fill(this.list.children[k].firstChild, item));
  }

  fill(button, item) {
    const mark = this.failed.has(item.id) ? "⚠" : MARKS[item.kind];
    const text = mark ? `${mark} ${item.name}` : item.name;
    if (button.textContent !== text) button.replaceChildren(...thumbnail(item), text);
    button.title = this.failed.has(item.id) ? `${item.name}: failed` : item.name;
    button.setAttribute("aria-current", String(item === this.current));
    button.onclick = () => this.choose(item);
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const item = event.target.closest("li");
    const other = step === 1 ? item?.nextSibling : item?.previousSibling;
    if (!step || !other) return;
    event.preventDefault();
    other.firstChild.focus();
  }
}

function entry() {
  const item = document.createElement("li");
  item.append(Object.assign(document.createElement("button"), { type: "button" }));
  return item;
}

// A small picture of a photo of the command; none where it cannot be read.
function thumbnail(item) {
  if (item.kind !== "photo" || item.file) return [];
  const image = document.createElement("img");
  Object.assign(image, { alt: "", loading: "lazy", src: `/api/thumbnails/${item.id}` });
  image.addEventListener("error", () => image.remove());
  return [image];
}
