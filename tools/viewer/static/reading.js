// The pixel below the cursor in words: its depth as the runtime gave it, not as it is colored.

const INVITATION = "Point at a picture, or move over it with the arrow keys, to read millimeters.";

export function reading(picture, cursor, precision) {
  const { x, y } = cursor;
  if (x === null) return INVITATION;
  const { depth, reference, facts } = picture;
  const [here, there] = [depth, reference].map((map) => map?.[y * facts.width + x]);
  const parts = [`x ${x}, y ${y}`];
  if (there === undefined) {
    parts.push(millimeters(here));
  } else {
    parts.push(`${precision} ${millimeters(here)}`, `FP32 ${millimeters(there)}`);
    if (here && there) parts.push(`difference ${signed(here - there)} mm`);
  }
  return parts.join(" · ");
}

function millimeters(mm) {
  return mm === 0 ? "no depth" : `${mm.toLocaleString("en")} mm`;
}

function signed(mm) {
  return mm < 0 ? `−${-mm}` : `+${mm}`;
}
