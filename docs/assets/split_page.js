/* The page "Try it": a depth that is dragged, and what the split makes of it. */
"use strict";

(() => {
  const RANGES = {
    "10 m": Split.uniformEdges(10, 1),
    "15 m": Split.uniformEdges(15, 1),
    growing: [0, 1, 2, 4, 8, 16, 32, 80],
  };
  const MARGIN = 14;
  const RULER = { top: 26, height: 26 };
  const TUBES = { top: 112, height: 74 };
  const CODES = { top: 242, height: 110 };
  const HEIGHT = 366;

  const page = document.getElementById("split-page");
  const part = (name) => page.querySelector(`[data-part="${name}"]`);
  const drawing = part("drawing");
  const slider = part("slider");
  const meters = part("meters");
  const integerInput = part("integer-input");
  const fractionalInput = part("fractional-input");

  let spans = Split.makeSpans(RANGES["15 m"]);
  let depthM = 5.698;

  function element(name, attributes, text) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    drawing.append(made);
    return made;
  }

  /* Depth as the drawing shows it, all spans equally wide: whole spans and the place in one. */
  function position(depth) {
    const n = Split.spanOf(depth, spans);
    return n + (depth - spans.edgesM[n]) / spans.widthsM[n];
  }

  function depthAt(place) {
    const n = Math.min(Math.floor(place), spans.count - 1);
    return spans.edgesM[n] + spans.widthsM[n] * (place - n);
  }

  function draw() {
    const width = drawing.clientWidth;
    const room = width - 2 * MARGIN;
    const x = (place) => MARGIN + (room * place) / spans.count;
    drawing.replaceChildren();
    drawing.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    drawRuler(x, room);
    drawThermometer(x, room);
    drawCodes(x);
    const marker = x(position(depthM));
    element("line", { x1: marker, x2: marker, y1: RULER.top - 6, y2: CODES.top + CODES.height, class: "marker" });
    element("circle", { cx: marker, cy: RULER.top + RULER.height / 2, r: 8, class: "handle" });
  }

  function drawRuler(x, room) {
    caption("spans, in meters", RULER.top - 10);
    const every = Math.ceil((30 * spans.count) / room);
    for (let k = 0; k < spans.count; k += 1) {
      element("rect", {
        x: x(k), y: RULER.top, width: x(k + 1) - x(k), height: RULER.height,
        class: k % 2 === 0 ? "even" : "odd",
      });
    }
    for (let k = 0; k <= spans.count; k += every) {
      element("text", { x: x(k), y: RULER.top + RULER.height + 15, class: "tick" }, spans.edgesM[k]);
    }
  }

  function drawThermometer(x, room) {
    caption("the thermometer: one channel a span", TUBES.top - 10);
    const width = Math.min(26, (0.62 * room) / spans.count);
    Split.thermometer(depthM, spans).forEach((full, k) => {
      const left = x(k + 0.5) - width / 2;
      const level = TUBES.height * full;
      element("rect", { x: left, y: TUBES.top, width, height: TUBES.height, class: "tube" });
      element("rect", {
        x: left, y: TUBES.top + TUBES.height - level, width, height: level,
        class: k % 2 === 0 ? "plus" : "minus",
      });
      element("text", { x: x(k + 0.5), y: TUBES.top + TUBES.height + 14, class: "tick" }, k % 2 === 0 ? "+" : "−");
    });
  }

  function drawCodes(x) {
    const title = caption("the codes, 0 to 255: ", CODES.top - 10);
    for (const name of ["integer", " fractional"]) {
      const part = document.createElementNS(title.namespaceURI, "tspan");
      part.setAttribute("class", name.trim());
      part.textContent = name;
      title.append(part);
    }
    const y = (code) => CODES.top + CODES.height * (1 - code / Split.CODES);
    for (const code of [0, Split.CODES]) {
      element("line", { x1: x(0), x2: x(spans.count), y1: y(code), y2: y(code), class: "axis" });
    }
    const steps = Math.min(60, Math.ceil(1200 / spans.count));
    const lines = { integer: [], fractional: [] };
    for (let k = 0; k <= spans.count * steps; k += 1) {
      const codes = Split.encode(depthAt(k / steps), spans);
      for (const name of Object.keys(lines)) lines[name].push(`${x(k / steps).toFixed(1)},${y(codes[name]).toFixed(1)}`);
    }
    const now = Split.encode(depthM, spans);
    for (const [name, points] of Object.entries(lines)) {
      element("polyline", { points: points.join(" "), class: `curve ${name}` });
      element("circle", { cx: x(position(depthM)), cy: y(now[name]), r: 5, class: `dot ${name}` });
    }
  }

  function caption(text, y) {
    return element("text", { x: MARGIN, y, class: "caption" }, text);
  }

  function say(name, text) {
    part(name).textContent = text;
  }

  function direction(n) {
    return n % 2 === 0 ? "even, the fraction rises" : "odd, the fraction falls";
  }

  function tell() {
    const { integer, fractional } = Split.encode(depthM, spans);
    const decoded = Split.decode(integer, fractional, spans);
    const trueMm = 1000 * depthM;
    say("true", `${trueMm.toFixed(1)} mm`);
    say("integer", integer);
    say("fractional", fractional);
    say("whole", `${integer} // ${spans.codesPerSpan} = ${decoded.n}: ${direction(decoded.n)}`);
    say("place", `${decoded.place} of 255, in a span of ${spans.widthsM[decoded.n]} m from ${spans.edgesM[decoded.n]} m on`);
    say("decoded", `${decoded.depthMm} mm`);
    say("error", `${Math.abs(decoded.depthMm - trueMm).toFixed(1)} mm`);
    say("step", `${((1000 * spans.widthsM[decoded.n]) / Split.CODES).toFixed(2)} mm`);
    const oneByte = Split.throughOneByte(depthM, spans);
    say("one-byte", `${oneByte} mm, ${Math.abs(oneByte - trueMm).toFixed(1)} mm off`);
    slider.max = spans.count;
    slider.value = position(depthM);
    slider.setAttribute("aria-valuetext", `${depthM.toFixed(3)} meters`);
    meters.max = spans.maxDepthM;
    if (document.activeElement !== meters) meters.value = depthM.toFixed(3);
    integerInput.value = integer;
    fractionalInput.value = fractional;
    check();
  }

  /* The codes that stand in the two fields, which need not be those of the depth above. */
  function check() {
    const [integer, fractional] = [integerInput, fractionalInput].map((input) => Number(input.value));
    const { agrees, depthMm } = Split.decode(integer, fractional, spans);
    say("verdict", agrees ? `They agree: ${depthMm} mm.` : "They contradict each other: no depth.");
    part("verdict").dataset.agrees = agrees;
  }

  function setDepth(depth) {
    depthM = Math.min(Math.max(depth, spans.edgesM[0]), spans.maxDepthM);
    tell();
    draw();
  }

  function setDepthFromPointer(event) {
    const box = drawing.getBoundingClientRect();
    const share = (event.clientX - box.left - MARGIN) / (box.width - 2 * MARGIN);
    setDepth(depthAt(Math.min(Math.max(share, 0), 1) * spans.count));
  }

  page.querySelectorAll('input[name="range"]').forEach((radio) => {
    radio.addEventListener("change", () => {
      spans = Split.makeSpans(RANGES[radio.value]);
      setDepth(depthM);
    });
  });
  slider.addEventListener("input", () => setDepth(depthAt(Number(slider.value))));
  meters.addEventListener("input", () => {
    if (meters.value !== "") setDepth(Number(meters.value));
  });
  meters.addEventListener("change", () => setDepth(depthM));
  for (const input of [integerInput, fractionalInput]) input.addEventListener("input", check);
  drawing.addEventListener("pointerdown", (event) => {
    drawing.setPointerCapture(event.pointerId);
    setDepthFromPointer(event);
  });
  drawing.addEventListener("pointermove", (event) => {
    if (drawing.hasPointerCapture(event.pointerId)) setDepthFromPointer(event);
  });
  /* Drawn again for another width only: a drawing changes its own height. */
  let drawnWidth = drawing.clientWidth;
  new ResizeObserver(() => {
    if (drawing.clientWidth === drawnWidth) return;
    drawnWidth = drawing.clientWidth;
    requestAnimationFrame(draw);
  }).observe(drawing);
  tell();
  draw();
})();
