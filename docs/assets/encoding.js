/*
 * The exact split in a browser: the arithmetic of tfl_depth/encoding.py, operation for operation.
 * tests/docs/test_split_page.py compares the two, bit for bit.
 */
"use strict";

const Split = (() => {
  const CODES = 255;

  /* To the nearest whole number, halves to the even one, as numpy.rint. */
  function rint(x) {
    const low = Math.floor(x);
    const rest = x - low;
    if (rest === 0.5) return low % 2 === 0 ? low : low + 1;
    return rest < 0.5 ? low : low + 1;
  }

  function clip(x, low, high) {
    return Math.min(Math.max(x, low), high);
  }

  function uniformEdges(maxDepthM, spanM) {
    const count = Math.round(maxDepthM / spanM);
    return Array.from({ length: count + 1 }, (_, k) => (maxDepthM * k) / count);
  }

  /* What follows from the edges of the spans, in meters. */
  function makeSpans(edgesM) {
    const count = edgesM.length - 1;
    const codesPerSpan = Math.floor(CODES / count);
    return {
      edgesM,
      count,
      codesPerSpan,
      widthsM: edgesM.slice(1).map((far, k) => far - edgesM[k]),
      maxDepthM: edgesM[count],
    };
  }

  /* The number of the span that a depth lies in. */
  function spanOf(depthM, spans) {
    let n = spans.count - 1;
    while (n > 0 && spans.edgesM[n] > depthM) n -= 1;
    return n;
  }

  /* How full each tube of the thermometer is, 0 to 1: relu6(6 (y - e) / w) / 6. */
  function thermometer(depthM, spans) {
    return spans.widthsM.map((width, k) => clip((depthM - spans.edgesM[k]) / width, 0, 1));
  }

  /* The integer tensor's code at a place, 0 to 255, of span n, in whole numbers. */
  function integerCode(n, place, spans) {
    return Math.floor((spans.codesPerSpan * (2 * CODES * n + 2 * place + 1)) / (2 * CODES));
  }

  /* Whether an integer code is within 1 of what this place gives before rounding, in 510ths. */
  function agree(integer, n, place, spans) {
    const m = spans.codesPerSpan, whole = 2 * CODES;
    const expected = whole * m * n + 2 * m * place + m - CODES;
    return integer <= m * spans.count && Math.abs(whole * integer - expected) <= whole;
  }

  /* What an ideal INT8 network gives for a depth. */
  function encode(depthM, spans) {
    const depth = clip(depthM, spans.edgesM[0], spans.maxDepthM);
    const n = spanOf(depth, spans);
    const place = rint(CODES * ((depth - spans.edgesM[n]) / spans.widthsM[n]));
    const fractional = n % 2 === 0 ? place : CODES - place;
    return { integer: integerCode(n, place, spans), fractional };
  }

  /* Millimeters of two codes, and how they are found; no depth where the codes disagree. */
  function decode(integer, fractional, spans) {
    let n = Math.floor(integer / spans.codesPerSpan);
    let place = n % 2 === 0 ? fractional : CODES - fractional;
    const agrees = agree(integer, n, place, spans);
    if (n >= spans.count) {
      n = spans.count - 1;
      place = CODES;
    }
    const depthM = spans.edgesM[n] + (spans.widthsM[n] * place) / CODES;
    return { n, place, agrees, depthMm: agrees ? rint(1000 * depthM) : 0 };
  }

  /* What is left of a depth in one byte over the whole range, in millimeters. */
  function throughOneByte(depthM, spans) {
    const code = clip(rint((CODES * depthM) / spans.maxDepthM), 0, CODES);
    return rint((1000 * code * spans.maxDepthM) / CODES);
  }

  return { CODES, uniformEdges, makeSpans, spanOf, thermometer, encode, decode, throughOneByte };
})();
