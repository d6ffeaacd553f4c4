// What the server is asked, and how its answers are read.

// An answer that says in words what went wrong.
export class Refused extends Error {}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The command does not answer: was it stopped?");
  }
  if (!response.ok) {
    const text = await response.text();
    throw new Refused(said(text) ?? `The command answers ${response.status}: ${text}`);
  }
  return response;
}

function said(text) {
  try {
    return JSON.parse(text).error;
  } catch {
    return undefined;
  }
}

export async function getJson(path) {
  return (await ask(path)).json();
}

export async function sendJson(path, value) {
  return (await ask(path, { method: "POST", body: JSON.stringify(value) })).json();
}

export async function post(path, signal) {
  await ask(path, { method: "POST", signal });
}

// Facts of a picture, its depth maps as typed arrays, and its photo as a bitmap.
export async function getPicture(path, options) {
  const buffer = await (await ask(path, options)).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  if (facts.parts.length === 0) return { facts };
  const Depth = facts.dtype === "uint16" ? Uint16Array : Uint32Array;
  let offset = 4 + length;
  const parts = facts.parts.map((bytes) => {
    const part = { offset, bytes };
    offset += Math.ceil(bytes / 4) * 4;
    return part;
  });
  const photo = parts.pop();
  const [depth, reference] = parts.map(
    (part) => new Depth(buffer, part.offset, part.bytes / Depth.BYTES_PER_ELEMENT),
  );
  const jpeg = new Blob([new Uint8Array(buffer, photo.offset, photo.bytes)]);
  return { facts, depth, reference, photo: await createImageBitmap(jpeg) };
}
