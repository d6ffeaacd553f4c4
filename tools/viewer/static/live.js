// A video or a camera as it plays: the newest picture, again and again.

import { getPicture, post } from "./api.js";

const RATE_FRAMES = 30;

// Show frames until the end of the source or until `signal` aborts; returns whether it ended.
// A video begins at a number of seconds.
export async function play(id, from, signal, show) {
  await post(`/api/live/${id}?from=${from}`, signal);
  const times = [];
  let number = -1;
  while (!signal.aborted) {
    const picture = await getPicture(`/api/live/${id}?after=${number}`, { signal });
    if (signal.aborted) break;
    if (picture.facts.ended) return true;
    if (picture.depth === undefined) continue;
    number = picture.facts.number;
    times.push(performance.now());
    if (times.length > RATE_FRAMES) times.shift();
    show(picture, rate(times));
    // The browser paints before the next one is asked for.
    await new Promise(requestAnimationFrame);
  }
  return false;
}

function rate(times) {
  const passed = times[times.length - 1] - times[0];
  return passed > 0 ? (1000 * (times.length - 1)) / passed : 0;
}

export async function pause() {
  await post("/api/live");
}
