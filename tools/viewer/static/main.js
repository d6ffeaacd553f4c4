// What happens when: an input is chosen, played, dropped, or fails.

import { getJson, getPicture, Refused } from "./api.js";
import { Inputs } from "./inputs.js";
import { pause, play } from "./live.js";
import { Measure } from "./measure.js";
import { Saving } from "./saving.js";
import { Scene } from "./scene.js";
import { Seeking } from "./seeking.js";

const $ = (id) => document.getElementById(id);
const PHOTO_MS = 1500;

const model = await getJson("/api/model");
const scene = new Scene(model);
const inputs = new Inputs($("inputs"), look);
const saving = new Saving(() => inputs.current?.name ?? "picture");
const seeking = new Seeking((from) => start(from));
let running = null;
new Measure(scene, () => inputs.current?.name ?? "photo");

describeModel();
listenToFiles();
$("play").addEventListener("click", () => (running?.playing ? stop() : start(seeking.from)));
$("previous").addEventListener("click", () => inputs.step(-1));
$("next").addEventListener("click", () => inputs.step(1));
addEventListener("keydown", (event) => {
  const places = { PageUp: -1, PageDown: 1 }[event.key];
  if (!places || event.target.closest("select, input")) return;
  event.preventDefault();
  inputs.step(places);
});
window.addEventListener("focus", () => inputs.refresh().catch(() => {}));
await attempt(() => inputs.refresh());
if (inputs.items.length > 0) inputs.choose(inputs.items[0]);
else $("empty").hidden = false;

function describeModel() {
  const [near, far] = model.range_mm.map((mm) => mm / 1000);
  const where = model.delegate
    ? `${model.delegate} (${model.taken[0]} of ${model.taken[1]} operators)`
    : "CPU";
  $("model").textContent = [
    model.model,
    model.precision.toUpperCase(),
    `${model.size[0]}×${model.size[1]}`,
    `${near} – ${far} m`,
    where,
  ].join(" · ");
  document.title = `${model.model} – tfl-depth view`;
}

// Run one thing at a time: what is chosen now ends what ran before.
function begin(playing) {
  running?.abort();
  running = new AbortController();
  running.playing = playing;
  $("play").textContent = playing ? "Pause" : "Play";
  return running;
}

async function look(item) {
  $("empty").hidden = true;
  seeking.begin(item.kind);
  saving.stop();
  $("record").hidden = item.kind === "photo";
  $("play").hidden = item.file !== undefined;
  if (item.kind !== "photo") return start();
  const wasLive = running?.playing && running.live;
  const run = begin(false);
  if (wasLive) await attempt(pause);
  await still(item, run);
}

async function start(from = 0) {
  const item = inputs.current;
  if (item.kind === "photo") return slides(begin(true));
  const run = begin(true);
  run.live = true;
  let ended = false;
  await attempt(async () => {
    const show = (picture, rate) => present(item, picture, rate);
    ended = await play(item.id, from, run.signal, show);
  }, item, run);
  if (run !== running) return;
  settle();
  if (!ended) return;
  seeking.end();
  if (seeking.loops) start();
  else saving.stop();
}

async function stop() {
  running.abort();
  settle();
  if (inputs.current.kind !== "photo") await attempt(pause);
}

function settle() {
  running.playing = false;
  $("play").textContent = "Play";
}

async function still(item, run) {
  const options = item.file
    ? { method: "POST", body: item.file, signal: run.signal }
    : { signal: run.signal };
  await attempt(async () => {
    if (item.file?.size > model.max_bytes) {
      throw new Refused(`Expected at most ${model.max_bytes >> 20} MiB, ${item.name} has more.`);
    }
    const path = item.file ? "/api/uploads" : `/api/inputs/${item.id}`;
    $("main").setAttribute("aria-busy", "true");
    const picture = await getPicture(path, options);
    if (!run.signal.aborted) present(item, picture);
  }, item, run);
}

// One photo after the other; at the end wait for those that a folder still gets.
async function slides(run) {
  while (!run.signal.aborted) {
    await new Promise((done) => setTimeout(done, PHOTO_MS));
    if (run.signal.aborted) return;
    if (!inputs.next()) await attempt(() => inputs.refresh());
    const item = inputs.next();
    if (!item || run.signal.aborted) continue;
    inputs.current = item;
    inputs.render();
    await still(item, run);
  }
}

// Show a picture; those that play come at a rate.
function present(item, picture, rate) {
  scene.show(picture, rate !== undefined);
  tell(picture.facts, rate);
  seeking.show(picture.facts);
  saving.add();
  $("previous").disabled = !inputs.neighbor(-1);
  $("next").disabled = !inputs.neighbor(1);
  inputs.mark(item, false);
  $("error").hidden = true;
}

function tell(facts, rate) {
  const share = facts.disagreement;
  $("check").textContent = share === null
    ? "Self-check: none, the model has one output"
    : `Self-check: ${(100 * share).toFixed(2)} % of pixels disagree`;
  const parts = rate === undefined
    ? [`computed in ${(1000 * facts.seconds).toFixed(1)} ms`]
    : [
        `${rate.toFixed(1)} frames/s`,
        `latency ${(1000 * facts.latency_s).toFixed(1)} ms`,
        `${facts.dropped} dropped`,
        `frame ${facts.number}`,
      ];
  if (facts.fallback) parts.push(facts.fallback);
  $("speed").textContent = parts.join(" · ");
}

// Do it, and say in words what goes wrong; what an item shows is gone then.
async function attempt(action, item, run) {
  try {
    await action();
  } catch (error) {
    if (error.name === "AbortError" || (run && run !== running)) return;
    if (!(error instanceof Refused)) throw error;
    $("error").textContent = item ? `${item.name}: ${error.message}` : error.message;
    $("error").hidden = false;
    if (!item) return;
    inputs.mark(item, true);
    scene.clear();
    $("check").textContent = $("speed").textContent = "";
  } finally {
    if (run === running) $("main").removeAttribute("aria-busy");
  }
}

function listenToFiles() {
  $("open").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => {
    if ($("file").files[0]) inputs.upload($("file").files[0]);
    $("file").value = "";
  });
  let depth = 0; // of elements that a file is dragged over
  const dragging = (change) => {
    depth = change === 0 ? 0 : depth + change;
    $("drop").classList.toggle("over", depth > 0);
  };
  addEventListener("dragenter", () => dragging(1));
  addEventListener("dragleave", () => dragging(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    dragging(0);
    for (const file of event.dataTransfer.files) inputs.upload(file);
  });
}
