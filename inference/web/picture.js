// A picture file -> the pixels that the network gets, as data/image.py of the program does.

const MAX_BYTES = 64 * 2 ** 20;
const MAX_PIXELS = 128e6, MAX_DECODED = 64e6, MAX_SIDE = 2 ** 16 - 1; // of a JPEG, of others, of each side
const BAND = 2 ** 20; // pixels that are copied from the decoded picture at a time
const END = new Uint8Array([0xff, 0xd9]);

// bytes -> { pixels: u8 [size, size, 3], width, height: of the upright picture, bitmap, orientation }. crop: share of the shorter
// side that is cut out. least: pixels that are cut out at least; of a smaller picture, the whole shorter side. Throws a Problem for
// what cannot be read.
async function prepare(bytes, { size, crop, least }) {
  checkCanvas();
  const container = readContainer(bytes);
  checkSize(container.width, container.height, container.kind);
  const bitmap = await decodeParts(container);
  checkSize(bitmap.width, bitmap.height, container.kind);
  const { orientation } = container, turned = orientation >= 5 && orientation <= 8;
  // A large JPEG is decoded at 1/2, 1/4 or 1/8: libjpeg then takes the mean of so many pixels each way.
  const enough = Math.floor(Math.min(bitmap.width, bitmap.height) / Math.round((2 * size) / crop));
  const step = container.kind === "JPEG" ? [8, 4, 2, 1].find((step) => step <= Math.max(1, enough)) : 1;
  const stored = [bitmap.width, bitmap.height].map((side) => Math.ceil(side / step));
  const [width, height] = turned ? [stored[1], stored[0]] : stored;
  const shorter = Math.min(width, height), side = Math.max(crop * shorter, Math.min(shorter, least));
  const [across, down] = [width, height].map((length) => {
    const start = (length - side) / 2;
    return weightsOf(length, start, start + side, size);
  });
  const [[left, right], [top, bottom]] = [reach(across), reach(down)];
  const region = uprightRegion(bitmap, step, orientation, { left, right, top, bottom, width, height });
  const rows = resizeRows(region, bottom - top, right - left, across, left);
  const pixels = resizeColumns(rows, size, down, top);
  const [whole, other] = turned ? [bitmap.height, bitmap.width] : [bitmap.width, bitmap.height];
  return { pixels, width: whole, height: other, bitmap, orientation };
}

function checkSize(width, height, kind) {
  const limit = kind === "JPEG" ? MAX_PIXELS : MAX_DECODED;
  if (width * height > limit || Math.max(width, height) > MAX_SIDE) {
    throw new Problem("pixels_of", { width, height, limit: limit / 1e6, side: MAX_SIDE });
  }
}

// Without any conversion of colours. A JPEG without end mark counts if all its pixels are there: what is appended changes nothing.
async function decodeParts({ kind, parts, ended }) {
  if (kind !== "JPEG") return decodeBlob(kind, parts);
  const bitmap = await decodeBlob(kind, [...parts, END]);
  if (!ended) {
    const seen = fingerprint(bitmap);
    for (const filler of [0xaa, 0x55]) {
      const other = await decodeBlob(kind, [...parts, new Uint8Array(64).fill(filler), END]);
      const same = fingerprint(other) === seen;
      other.close();
      if (!same) throw new Problem("broken");
    }
  }
  return bitmap;
}

async function decodeBlob(kind, parts) {
  try {
    const blob = new Blob(parts, { type: `image/${kind.toLowerCase()}` });
    return await createImageBitmap(blob, { premultiplyAlpha: "none", colorSpaceConversion: "none" });
  } catch (error) {
    throw ["AVIF", "HEIC", "TIFF"].includes(kind) ? new Problem("browser", { kind }) : new Problem("broken");
  }
}

function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  // Kept in memory, where copying changes no value. Nothing shines through: transparent pixels are shown over white.
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true, colorSpace: "srgb" });
  context.fillStyle = "white";
  return context;
}

// Some browsers change what pages read of a canvas, against being recognised by it; the answer would be to another picture.
function checkCanvas() {
  const context = canvasOf(64, 64), image = context.createImageData(64, 64);
  for (let at = 0; at < image.data.length; at++) image.data[at] = at % 4 === 3 ? 255 : (at * 37) % 256;
  context.putImageData(image, 0, 0);
  const read = context.getImageData(0, 0, 64, 64).data;
  if (!image.data.every((value, at) => value === read[at])) throw new Problem("canvas");
}

// RGBA of a part of the bitmap, band by band: call(pixels u8 [rows, width, 4], the first row, rows). No copy of the whole is made.
function readBands(bitmap, left, top, width, height, step, call) {
  const most = Math.max(step, Math.floor(BAND / width / step) * step), context = canvasOf(width, Math.min(most, height));
  for (let row = 0; row < height; row += most) {
    const rows = Math.min(most, height - row);
    context.fillRect(0, 0, width, rows);
    context.drawImage(bitmap, left, top + row, width, rows, 0, 0, width, rows);
    call(context.getImageData(0, 0, width, rows).data, row, rows);
  }
}

// Equal for equal pixels.
function fingerprint(bitmap) {
  const digests = [];
  readBands(bitmap, 0, 0, bitmap.width, bitmap.height, 1, (pixels) => {
    digests.push(new Uint32Array(pixels.buffer).reduce((hash, value) => (Math.imul(hash, 31) + value) | 0, 0));
  });
  return digests.join(" ");
}

// u8 [bottom - top, right - left, 3] of the upright picture of width * height pixels, each the mean of step * step stored ones.
function uprightRegion(bitmap, step, orientation, { left, right, top, bottom, width, height }) {
  const turned = orientation >= 5 && orientation <= 8;
  const mirrored = [2, 3, 6, 7].includes(orientation), upsideDown = [3, 4, 7, 8].includes(orientation);
  const across = mirrored ? [width - right, width - left] : [left, right];
  const down = upsideDown ? [height - bottom, height - top] : [top, bottom];
  const [[x0, x1], [y0, y1]] = turned ? [down, across] : [across, down]; // as stored
  const columns = right - left, out = new Uint8Array(columns * (bottom - top) * 3), area = step * step;
  readBands(bitmap, x0 * step, y0 * step, (x1 - x0) * step, (y1 - y0) * step, step, (pixels, row, rows) => {
    const stride = 4 * (x1 - x0) * step;
    for (let y = 0; y < rows / step; y++) {
      for (let x = 0; x < x1 - x0; x++) {
        let red = area >> 1, green = red, blue = red; // rounds
        for (let j = 0; j < step; j++) {
          let from = (y * step + j) * stride + 4 * x * step;
          for (let i = 0; i < step; i++, from += 4) {
            red += pixels[from];
            green += pixels[from + 1];
            blue += pixels[from + 2];
          }
        }
        const [a, b] = turned ? [y + row / step, x] : [x, y + row / step];
        const to = 3 * ((upsideDown ? bottom - top - 1 - b : b) * columns + (mirrored ? columns - 1 - a : a));
        out[to] = red / area;
        out[to + 1] = green / area;
        out[to + 2] = blue / area;
      }
    }
  });
  return out;
}
