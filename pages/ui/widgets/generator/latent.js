// Places in latent space: walks, planes and directions; and how Python sends them.

/**
 * The bytes of base64 text.
 * @param {string} base64
 */
export const decoded = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer;

/**
 * The rows of a matrix, which Python sends as float32 in base64.
 * @param {string} base64
 * @param {number} length of a row
 */
export function rowsOf(base64, length) {
  const numbers = new Float32Array(decoded(base64));
  return Array.from({ length: numbers.length / length }, (_, i) => (
    numbers.subarray(i * length, (i + 1) * length)
  ));
}

/**
 * The z of a place of a plane: `Slice.at` in wgan/latent/plane.py.
 * @param {Float32Array[]} plane centre, u and v; u and v are orthonormal
 * @param {boolean} shell
 * @param {{ x: number, y: number }} place
 */
export function zAt([centre, u, v], shell, { x, y }) {
  let [keep, move] = [1, 1];
  if (shell) {
    const angle = Math.hypot(x, y);
    const length = Math.hypot(...centre);
    keep = Math.cos(angle);
    move = angle < 1e-9 ? length : (length * Math.sin(angle)) / angle;
  }
  return centre.map((number, i) => keep * number + move * (x * u[i] + y * v[i]));
}

/**
 * The z of all pictures of a part of a plane, row by row from the top, at the middles of the pictures.
 * @param {Float32Array[]} plane
 * @param {boolean} shell
 * @param {{ x: number, y: number, half: number, side: number }} part its centre, half its side, pictures per side
 */
export function windowOf(plane, shell, { x, y, half, side }) {
  const steps = Array.from({ length: side }, (_, i) => half * ((2 * i + 1) / side - 1));
  return steps.flatMap((down) => steps.map((across) => (
    zAt(plane, shell, { x: x + across, y: y - down })
  )));
}

/**
 * The z of each sample after the sliders have moved it.
 * @param {Float32Array[]} rows z of each sample
 * @param {Float32Array[]} directions
 * @param {number[]} values position of each slider
 */
export function moved(rows, directions, values) {
  const by = new Float32Array(rows[0]?.length ?? 0);
  for (const [k, direction] of directions.entries()) {
    for (let i = 0; i < by.length; i += 1) by[i] += values[k] * direction[i];
  }
  return rows.map((z) => z.map((number, i) => number + by[i]));
}

/**
 * Between two z along an arc, whose length changes linearly: `slerp` in wgan/latent/paths.py.
 * @param {ArrayLike<number>} a
 * @param {ArrayLike<number>} b
 * @param {number} t from 0 to 1
 */
export function slerp(a, b, t) {
  const from = Array.from(a);
  const to = Array.from(b);
  const [lengthA, lengthB] = [Math.hypot(...from), Math.hypot(...to)];
  const cosine = from.reduce((sum, x, i) => sum + x * to[i], 0) / (lengthA * lengthB);
  const angle = Math.acos(Math.min(Math.max(cosine, -1), 1));
  if (!(Math.sin(angle) > 1e-4)) return Float32Array.from(from, (x, i) => (1 - t) * x + t * to[i]);
  const length = (1 - t) * lengthA + t * lengthB;
  const shares = [Math.sin((1 - t) * angle) / lengthA, Math.sin(t * angle) / lengthB];
  return Float32Array.from(from, (x, i) => (
    (length * (shares[0] * x + shares[1] * to[i])) / Math.sin(angle)
  ));
}

/**
 * A z with standard normal coordinates.
 * @param {number} n
 */
export function randomZ(n) {
  return Float32Array.from({ length: n }, () => (
    Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())
  ));
}
