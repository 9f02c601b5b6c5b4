// Pillow's Image.resize with the bicubic filter and a box, to the bit: two passes in fixed-point numbers, 8 bits in between.

const PRECISION = 22; // bits

function bicubic(x) {
  x = Math.abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

// What each of `size` output pixels takes from a side of `length` pixels, of which the part from `start` to `end` is resized:
// the first input pixel, and integer weights of that one and those behind it.
function weightsOf(length, start, end, size) {
  [start, end] = [Math.fround(start), Math.fround(end)]; // Pillow has the box in 32 bits
  const scale = Math.fround(end - start) / size, stretch = Math.max(scale, 1), support = 2 * stretch;
  return Array.from({ length: size }, (_, index) => {
    const center = start + (index + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(length, Math.trunc(center + support + 0.5)) - first;
    const raw = Array.from({ length: count }, (_, x) => bicubic((x + first - center + 0.5) * (1 / stretch)));
    const sum = raw.reduce((sum, weight) => sum + weight, 0);
    const fixed = raw.map((weight) => Math.trunc((weight / sum) * 2 ** PRECISION + (weight / sum < 0 ? -0.5 : 0.5)));
    return { first, weights: Int32Array.from(fixed) };
  });
}

// [first, last) of the input pixels that are used.
const reach = (parts) => [
  Math.min(...parts.map((part) => part.first)),
  Math.max(...parts.map((part) => part.first + part.weights.length)),
];

// One pass, along rows: u8 [rows, columns, 3] -> u8 [rows, parts.length, 3]. before: pixels of each row that `pixels` leaves out.
function resizeRows(pixels, rows, columns, parts, before) {
  const out = new Uint8ClampedArray(rows * parts.length * 3);
  for (let row = 0, to = 0; row < rows; row++) {
    for (const { first, weights } of parts) {
      let from = 3 * (row * columns + first - before), red = 2 ** (PRECISION - 1), green = red, blue = red;
      for (let x = 0; x < weights.length; x++, from += 3) {
        red += pixels[from] * weights[x];
        green += pixels[from + 1] * weights[x];
        blue += pixels[from + 2] * weights[x];
      }
      out[to++] = red >> PRECISION;
      out[to++] = green >> PRECISION;
      out[to++] = blue >> PRECISION;
    }
  }
  return out;
}

// The other pass, along columns: u8 [rows, columns, 3] -> u8 [parts.length, columns, 3].
function resizeColumns(pixels, columns, parts, before) {
  const out = new Uint8ClampedArray(parts.length * columns * 3), stride = 3 * columns;
  parts.forEach(({ first, weights }, row) => {
    for (let column = 0; column < stride; column++) {
      let from = (first - before) * stride + column, sum = 2 ** (PRECISION - 1);
      for (let y = 0; y < weights.length; y++, from += stride) sum += pixels[from] * weights[y];
      out[row * stride + column] = sum >> PRECISION;
    }
  });
  return out;
}
