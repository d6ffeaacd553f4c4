// Depth as points in space: WebGL alone.

import { START, Turning } from "./turning.js";

const MAX_POINTS = 250000;
const NEAR_M = 0.01;
const FAR_M = 1000;
const VIEW_DEGREES = 50;

const VERTEX = `
  attribute vec3 position;
  attribute vec3 color;
  uniform mat4 matrix;
  uniform float spacing;
  varying vec3 painted;
  void main() {
    gl_Position = matrix * vec4(position, 1.0);
    // As wide as the pixel was where it lies, and more: surfaces are seen at an angle.
    gl_PointSize = clamp(-position.z * spacing / gl_Position.w, 1.0, 24.0);
    painted = color;
  }`;
const FRAGMENT = `
  precision mediump float;
  varying vec3 painted;
  void main() { gl_FragColor = vec4(painted, 1.0); }`;

export class Cloud {
  constructor(canvas) {
    this.canvas = canvas;
    // Kept, so that the picture can be saved and read.
    const options = { antialias: false, preserveDrawingBuffer: true };
    this.gl = canvas.getContext("webgl", options);
    this.count = 0;
    if (!this.gl) return;
    this.prepare();
    this.turning = new Turning(canvas, () => this.draw());
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  get works() {
    return this.gl !== null;
  }

  prepare() {
    const gl = this.gl;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    gl.enable(gl.DEPTH_TEST);
    this.uniforms = {
      matrix: gl.getUniformLocation(program, "matrix"),
      spacing: gl.getUniformLocation(program, "spacing"),
    };
    this.positions = this.attribute(gl.getAttribLocation(program, "position"), gl.FLOAT, false);
    this.colors = this.attribute(gl.getAttribLocation(program, "color"), gl.UNSIGNED_BYTE, true);
  }

  attribute(place, type, normalized) {
    const gl = this.gl;
    const buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, 3, type, normalized, 0, 0);
    return buffer;
  }

  // depth: millimeters; camera: fx, fy, cx, cy in pixels; paint(k, out, at): pixel k's color.
  show(depth, width, height, camera, middleMm, paint) {
    if (!this.works) return;
    const step = Math.max(1, Math.ceil(Math.sqrt((width * height) / MAX_POINTS)));
    const most = Math.ceil(width / step) * Math.ceil(height / step);
    const positions = new Float32Array(3 * most);
    const colors = new Uint8Array(3 * most);
    let n = 0;
    for (let y = 0; y < height; y += step) {
      for (let x = 0; x < width; x += step) {
        const z = depth[y * width + x] / 1000;
        if (z === 0) continue;
        positions[n] = ((x - camera.cx) / camera.fx) * z;
        positions[n + 1] = ((camera.cy - y) / camera.fy) * z;
        positions[n + 2] = -z;
        paint(y * width + x, colors, n);
        n += 3;
      }
    }
    this.count = n / 3;
    this.spacing = step / camera.fx;
    this.middle = middleMm / 1000;
    const gl = this.gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.positions);
    gl.bufferData(gl.ARRAY_BUFFER, positions.subarray(0, n), gl.STREAM_DRAW);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.colors);
    gl.bufferData(gl.ARRAY_BUFFER, colors.subarray(0, n), gl.STREAM_DRAW);
    this.draw();
  }

  draw() {
    const { gl, canvas } = this;
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale));
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    if (this.count === 0) return;
    const focal = 1 / Math.tan((VIEW_DEGREES * Math.PI) / 360);
    gl.uniformMatrix4fv(this.uniforms.matrix, false, this.matrix(focal));
    gl.uniform1f(this.uniforms.spacing, this.spacing * focal * canvas.height * 0.9);
    gl.drawArrays(gl.POINTS, 0, this.count);
  }

  // Projection, then the camera at a distance from the middle of the scene, which it turns around.
  matrix(focal) {
    const { yaw, pitch, zoom, moveX, moveY } = this.turning.view;
    const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    const aspect = this.canvas.width / this.canvas.height;
    const distance = this.middle / zoom;
    const turn = [[cy, 0, sy], [sp * sy, cp, -sp * cy], [-cp * sy, sp, cp * cy]];
    const rows = turn.map((row, k) => [
      ...row,
      row[2] * this.middle + [moveX * distance, moveY * distance, -distance][k],
    ]);
    const depth = (FAR_M + NEAR_M) / (NEAR_M - FAR_M);
    const shift = (2 * FAR_M * NEAR_M) / (NEAR_M - FAR_M);
    const all = [
      rows[0].map((each) => (each * focal) / Math.max(aspect, 1)),
      rows[1].map((each) => each * focal * Math.min(aspect, 1)),
      rows[2].map((each, k) => each * depth + (k === 3 ? shift : 0)),
      rows[2].map((each) => -each),
    ];
    return [0, 1, 2, 3].flatMap((column) => all.map((row) => row[column]));
  }

  reset() {
    this.turning.change(START);
  }
}
