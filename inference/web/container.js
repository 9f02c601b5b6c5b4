// A picture file before it is decoded: what it is, its size, its orientation, and its bytes without all that would make a browser
// turn or recolour it. The program ignores colour profiles and gamma, and turns pictures itself; browsers differ in both.

const ascii = (bytes, start, count) => String.fromCharCode(...bytes.subarray(start, start + count));
const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const XMP_ORIENTATION = /tiff:Orientation(?:="|>)([0-9])/;

// The orientation in EXIF data, 1 to 8; null if it has none. bytes: from "II" or "MM" on, or "Exif\0\0" before that.
function exifOrientation(bytes) {
  try {
    const exif = ascii(bytes, 0, 6) === "Exif\0\0" ? bytes.subarray(6) : bytes;
    const view = viewOf(exif), little = ascii(exif, 0, 2) === "II";
    if (view.getUint16(2, little) !== 42) return null;
    const start = view.getUint32(4, little), count = view.getUint16(start, little);
    for (let at = start + 2; at < start + 2 + 12 * count; at += 12) {
      if (view.getUint16(at, little) === 0x112) {
        return view.getUint16(at + 2, little) === 4 ? view.getUint32(at + 8, little) : view.getUint16(at + 8, little);
      }
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // cut off
  }
  return null;
}

const xmpOrientation = (bytes) => Number(new TextDecoder().decode(bytes).match(XMP_ORIENTATION)?.[1] ?? 1);

// The first that says something. EXIF data beyond 64 KiB is not read, as in the program.
function orientationOf(exif, xmp) {
  if (exif && exif.length > 2 ** 16) return 1;
  return (exif && exifOrientation(exif)) ?? (xmp ? xmpOrientation(xmp) : 1);
}

// ended: whether there is an end mark; without it, the picture may be cut off, but no scan is missing. What is behind the picture is
// left out.
function readJpeg(bytes) {
  const view = viewOf(bytes), kept = [bytes.subarray(0, 2)];
  let at = 2, width = 0, height = 0, exif = null, xmp = null, ended = false;
  const missing = new Set(); // coefficients of components that no scan has had in full
  while (at + 4 <= bytes.length || bytes[at + 1] === 0xd9) {
    const mark = bytes[at] === 0xff ? bytes[at + 1] : null;
    if (mark === 0xff || (mark === null && !width)) {
      at++; // filling
      continue;
    }
    ended = mark === 0xd9;
    // Of a trailer that is no part of the picture.
    if (ended || !((mark >= 0xc0 && mark < 0xd0) || (mark >= 0xda && mark < 0xf0) || mark === 0xfe)) break;
    let next = at + 2 + view.getUint16(at + 2);
    if (next > bytes.length) break;
    const content = bytes.subarray(at + 4, next);
    if (mark < 0xd0 && ![0xc4, 0xc8, 0xcc].includes(mark)) {
      [height, width] = [view.getUint16(at + 5), view.getUint16(at + 7)];
      for (let index = 6; index < content.length; index += 3) {
        for (let number = 0; number < 64; number++) missing.add(64 * content[index] + number);
      }
    } else if (mark === 0xe1 && ascii(content, 0, 6) === "Exif\0\0") {
      exif ??= content;
    } else if (mark === 0xe1 && ascii(content, 0, 28) === "http://ns.adobe.com/xap/1.0/") {
      xmp ??= content;
    } else if (mark === 0xda) {
      removeSent(content, missing);
      next = endOfScan(bytes, next);
    }
    // Of application data, only JFIF's and Adobe's say how colours are stored.
    if (mark <= 0xe0 || mark === 0xee) kept.push(bytes.subarray(at, next));
    at = next;
  }
  if (!ended && (!width || missing.size)) throw new Problem("broken");
  if (!ended) kept.push(withoutHalfMark(kept.pop()));
  return { kind: "JPEG", width, height, orientation: orientationOf(exif, xmp), parts: kept, ended };
}

// Of a set of 64 * component + number of the coefficient, those whose last bit is in a scan. scan: its header.
function removeSent(scan, missing) {
  const count = scan[0], [first, last, bits] = scan.subarray(1 + 2 * count);
  if (bits & 15) return;
  for (let index = 1; index < 1 + 2 * count; index += 2) {
    for (let number = first; number <= last; number++) missing.delete(64 * scan[index] + number);
  }
}

function withoutHalfMark(bytes) {
  let end = bytes.length;
  while (bytes[end - 1] === 0xff) end--;
  return bytes.subarray(0, end);
}

// Where the next mark stands that does not belong to the pixels.
function endOfScan(bytes, at) {
  for (;;) {
    at = bytes.indexOf(0xff, at);
    if (at < 0 || at + 1 >= bytes.length) return bytes.length;
    const mark = bytes[at + 1];
    if (mark && mark !== 0xff && (mark < 0xd0 || mark > 0xd7)) return at;
    at += mark === 0xff ? 1 : 2;
  }
}

function readPng(bytes) {
  const view = viewOf(bytes), kept = [bytes.subarray(0, 8)];
  let exif = null, xmp = null, last = "";
  for (let at = 8; at + 12 <= bytes.length && last !== "IEND"; ) {
    const next = at + 12 + view.getUint32(at), content = bytes.subarray(at + 8, next - 4);
    last = ascii(bytes, at + 4, 4);
    if (next > bytes.length) throw new Problem("broken");
    if (last === "eXIf") exif ??= content;
    if (last === "iTXt" && ascii(content, 0, 17) === "XML:com.adobe.xmp") xmp ??= content;
    if (["IHDR", "PLTE", "tRNS", "IDAT", "IEND"].includes(last)) kept.push(bytes.subarray(at, next));
    at = next;
  }
  if (last !== "IEND" || bytes.length < 33) throw new Problem("broken");
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  // The program scales grey of 16 bits by its largest value, browsers give its high byte alone.
  if (bytes[24] === 16 && bytes[25] === 0) throw new Problem("deep");
  return { kind: "PNG", width, height, orientation: orientationOf(exif, xmp), parts: kept };
}

function readWebp(bytes) {
  const view = viewOf(bytes), kept = [bytes.slice(0, 12)];
  let exif = null, xmp = null, width = 0, height = 0;
  const end = 8 + view.getUint32(4, true);
  if (end > bytes.length) throw new Problem("broken");
  for (let at = 12; at + 8 <= end; ) {
    const name = ascii(bytes, at, 4), size = view.getUint32(at + 4, true), next = at + 8 + size + (size & 1);
    const content = bytes.subarray(at + 8, at + 8 + size);
    let chunk = bytes.subarray(at, next);
    if (content.length < size) throw new Problem("broken");
    if (name === "VP8X") {
      [width, height] = [4, 7].map((place) => 1 + content[place] + 256 * content[place + 1] + 65536 * content[place + 2]);
      chunk = chunk.slice();
      chunk[8] &= ~0x2c; // no profile, EXIF or XMP follows any more
    } else if (name === "VP8 " && !width) {
      [width, height] = [6, 8].map((place) => viewOf(content).getUint16(place, true) & 0x3fff);
    } else if (name === "VP8L" && !width) {
      const bits = viewOf(content).getUint32(1, true);
      [width, height] = [1 + (bits & 0x3fff), 1 + ((bits >> 14) & 0x3fff)];
    }
    if (name === "EXIF") exif ??= content;
    else if (name === "XMP ") xmp ??= content;
    else if (name !== "ICCP") kept.push(chunk);
    at = next;
  }
  viewOf(kept[0]).setUint32(4, kept.reduce((sum, part) => sum + part.length, -8), true);
  return { kind: "WebP", width, height, orientation: orientationOf(exif, xmp), parts: kept };
}

// Of a format whose size is known only when it is decoded, width and height are 0.
const readAsItIs = (kind, bytes, width, height) => ({ kind, width, height, orientation: 1, parts: [bytes] });

function readContainer(bytes) {
  if (!bytes.length) throw new Problem("empty");
  const view = viewOf(bytes);
  try {
    if (ascii(bytes, 0, 3) === "\xff\xd8\xff") return readJpeg(bytes);
    if (ascii(bytes, 0, 8) === "\x89PNG\r\n\x1a\n") return readPng(bytes);
    if (ascii(bytes, 0, 4) === "RIFF" && ascii(bytes, 8, 4) === "WEBP") return readWebp(bytes);
    if (/^GIF8[79]a/.test(ascii(bytes, 0, 6))) return readAsItIs("GIF", bytes, view.getUint16(6, true), view.getUint16(8, true));
    if (ascii(bytes, 0, 2) === "BM") {
      const old = view.getUint32(14, true) === 12;
      const [width, height] = [18, old ? 20 : 22].map((at) => (old ? view.getUint16(at, true) : view.getInt32(at, true)));
      return readAsItIs("BMP", bytes, width, Math.abs(height));
    }
    if (ascii(bytes, 4, 4) === "ftyp" && /avi[fs]/.test(ascii(bytes, 8, 24))) return readAsItIs("AVIF", bytes, 0, 0);
    if (ascii(bytes, 4, 4) === "ftyp" && /hei[cmsx]|mif1/.test(ascii(bytes, 8, 24))) return readAsItIs("HEIC", bytes, 0, 0);
    if (/^(II\*\0|MM\0\*)/.test(ascii(bytes, 0, 4))) return readAsItIs("TIFF", bytes, 0, 0);
  } catch (error) {
    if (error instanceof RangeError) throw new Problem("broken"); // cut off
    throw error;
  }
  throw new Problem("other");
}
