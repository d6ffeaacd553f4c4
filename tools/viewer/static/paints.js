// What colors the points of a cloud: functions that write that of a pixel into an array.

// The photo, whose canvas may be smaller than the depth.
export function photoPaint(canvas, width, height) {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const [right, down] = [canvas.width / width, canvas.height / height];
  return (k, out, at) => {
    const [x, y] = [Math.floor((k % width) * right), Math.floor(Math.floor(k / width) * down)];
    const from = 4 * (y * canvas.width + x);
    for (let c = 0; c < 3; c++) out[at + c] = pixels[from + c];
  };
}

// Its depth, as a picture of it has it.
export function depthPaint(depth, color) {
  return (k, out, at) => {
    const packed = color(depth[k]);
    for (let c = 0; c < 3; c++) out[at + c] = (packed >> (8 * c)) & 255;
  };
}
