// Depth and differences as colors, with their legends.

// Of the longer side of a canvas: more is not seen. The read-out knows every pixel.
const SHOWN_SIDE = 1600;
// Between the ends of a legend: as many round values at most, and none so near to an end's text.
const MOST_TICKS = 5;
const END_SHARE = 0.27;
// Every difference has this one scale, so that pictures can be compared.
const DIFFERENCE_MM = 200;
// Blue, gray, orange: told apart with every kind of color-blindness.
const DIVERGING = [[33, 102, 172], [146, 197, 222], [240, 240, 240], [253, 184, 99], [179, 88, 6]];

function packed([red, green, blue]) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0; // as a canvas lies in memory
}

function between(stops, share) {
  const place = share * (stops.length - 1);
  const first = Math.min(Math.floor(place), stops.length - 2);
  return stops[first].map((from, k) =>
    Math.round(from + (place - first) * (stops[first + 1][k] - from)));
}

// Pixels without depth where they are to be seen: no color map has it.
const MARKED = packed([255, 0, 200]);

export class Colors {
  // colormaps: by name, 256 colors from near to far, and the color where there is no depth.
  constructor(colormaps) {
    this.colormaps = colormaps;
    const shares = Array.from({ length: 256 }, (_, k) => k / 255);
    this.diverging = Uint32Array.from(shares, (share) => packed(between(DIVERGING, share)));
    this.use(Object.keys(colormaps)[0], false);
  }

  use(name, marked) {
    const { gradient, no_depth } = this.colormaps[name];
    this.near = Uint32Array.from(gradient, packed);
    this.none = marked ? MARKED : packed(no_depth);
  }

  // Color of a depth, from the nearest to the farthest color.
  ofDepth(near, far) {
    const scale = 255 / (far - near || 1);
    return (mm) =>
      mm === 0 ? this.none : this.near[Math.max(0, Math.min(255, Math.round((mm - near) * scale)))];
  }

  ofDifference() {
    const scale = 127.5 / DIFFERENCE_MM;
    return (mm) => this.diverging[Math.max(0, Math.min(255, Math.round(127.5 + mm * scale)))];
  }

  paint(canvas, width, height, colorAt) {
    const shrink = Math.max(1, Math.max(width, height) / SHOWN_SIDE);
    canvas.width = Math.round(width / shrink);
    canvas.height = Math.round(height / shrink);
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    const pixels = new Uint32Array(image.data.buffer);
    let k = 0;
    for (let y = 0; y < canvas.height; y++) {
      const row = Math.floor(((y + 0.5) * height) / canvas.height) * width;
      for (let x = 0; x < canvas.width; x++) {
        pixels[k++] = colorAt(row + Math.floor(((x + 0.5) * width) / canvas.width));
      }
    }
    context.putImageData(image, 0, 0);
  }

  // A bar of all colors, and labels below it: [place from 0 to 1, text] from left to right.
  legend(element, colors, labels) {
    const bar = document.createElement("canvas");
    bar.width = 256;
    bar.height = 1;
    const context = bar.getContext("2d");
    const image = context.createImageData(256, 1);
    new Uint32Array(image.data.buffer).set(colors);
    context.putImageData(image, 0, 0);
    const ticks = document.createElement("div");
    ticks.className = "ticks";
    for (const [place, text] of labels) {
      const tick = Object.assign(document.createElement("span"), { textContent: text });
      tick.dataset.place = place;
      tick.style.left = `${100 * place}%`;
      ticks.append(tick);
    }
    element.replaceChildren(bar, ticks);
  }
}

// Multiples of 1, 2 or 5 times a power of ten between two depths in millimeters.
function roundValues(near, far) {
  const most = (far - near) / MOST_TICKS;
  const power = 10 ** Math.max(0, Math.floor(Math.log10(most)));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= most);
  const values = [];
  for (let mm = Math.ceil(near / step) * step; mm <= far; mm += step) values.push(mm);
  return values;
}

// The ends in meters, which tell of depth beyond them, and round values between them.
export function depthLabels(near, far, below, above) {
  const middle = far > near ? roundValues(near, far) : [];
  const text = (mm) => `${(mm / 1000).toFixed(2)} m`;
  return [
    [0, `${below ? "< " : ""}${text(near)}`],
    ...middle
      .map((mm) => [(mm - near) / (far - near), `${mm / 1000} m`])
      .filter(([place]) => END_SHARE < place && place < 1 - END_SHARE),
    [1, `${above ? "> " : ""}${text(far)}`],
  ];
}

export function differenceLabels() {
  return [
    [0, `≤ −${DIFFERENCE_MM} mm`],
    [0.25, "nearer"],
    [0.5, "0"],
    [0.75, "farther"],
    [1, `≥ ${DIFFERENCE_MM} mm`],
  ];
}
