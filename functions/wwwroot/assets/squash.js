// From an image's pixels to those that the model sees, as the service makes them, and what they say of the image's quality.

/**
 * Squashes RGBA pixels [height, width, 4] to RGB [size, size, 3]: antialiased bilinear (a triangle as wide as the reduction) where an axis shrinks, plain
 * bilinear where it grows, pixel centres at one half, edges repeated. Rows first, in float, rounded once.
 */
export function squash(pixels, width, height, size) {
  const rows = taps(height, size), columns = taps(width, size);
  const shorter = new Float32Array(size * width * 3);
  for (let y = 0; y < size; y++) {
    const { from, weights } = rows[y];
    for (let k = 0; k < weights.length; k++) {
      const weight = weights[k];
      let at = clamp(from + k, height) * width * 4, to = y * width * 3;
      for (let x = 0; x < width; x++, at += 4, to += 3) {
        shorter[to] += weight * pixels[at];
        shorter[to + 1] += weight * pixels[at + 1];
        shorter[to + 2] += weight * pixels[at + 2];
      }
    }
  }

  const square = new Uint8Array(size * size * 3);
  for (let x = 0; x < size; x++) {
    const { from, weights } = columns[x];
    for (let y = 0; y < size; y++) {
      let r = 0, g = 0, b = 0;
      for (let k = 0; k < weights.length; k++) {
        const at = (y * width + clamp(from + k, width)) * 3;
        r += weights[k] * shorter[at];
        g += weights[k] * shorter[at + 1];
        b += weights[k] * shorter[at + 2];
      }

      square.set([Math.round(r), Math.round(g), Math.round(b)], (y * size + x) * 3);
    }
  }

  return square;
}

const clamp = (at, length) => at < 0 ? 0 : at >= length ? length - 1 : at;

/** For each place of the result the first pixel that counts and the weights from there on, which sum to 1. */
function taps(length, size) {
  const ratio = length / size, reach = Math.max(1, ratio);
  return Array.from({ length: size }, (_, i) => {
    const centre = (i + 0.5) * ratio - 0.5;
    const from = Math.floor(centre - reach) + 1, to = Math.ceil(centre + reach) - 1;
    const weights = Float64Array.from({ length: to - from + 1 }, (_, k) => 1 - Math.abs(from + k - centre) / reach);
    const sum = weights.reduce((a, b) => a + b, 0);
    return { from, weights: weights.map(w => w / sum) };
  });
}

/**
 * Sharpness and brightness of RGB pixels [size, size, 3], as the service measures them: luminance of ITU-R BT.601, the mean magnitude of its Laplacian over its
 * standard deviation.
 */
export function quality(pixels, size) {
  const luminance = new Float64Array(size * size);
  let sum = 0, squares = 0;
  for (let i = 0; i < luminance.length; i++) {
    const y = (0.299 * pixels[3 * i] + 0.587 * pixels[3 * i + 1] + 0.114 * pixels[3 * i + 2]) / 255;
    luminance[i] = y;
    sum += y;
    squares += y * y;
  }

  const mean = sum / luminance.length, deviation = Math.sqrt(Math.max(0, squares / luminance.length - mean * mean));
  let edges = 0;
  for (let row = 1; row < size - 1; row++) {
    for (let column = 1; column < size - 1; column++) {
      const at = row * size + column;
      edges += Math.abs(4 * luminance[at] - luminance[at - 1] - luminance[at + 1] - luminance[at - size] - luminance[at + size]);
    }
  }

  return { sharpness: deviation < 1e-3 ? 0 : edges / Math.max(1, (size - 2) ** 2) / deviation, brightness: mean };
}
