// The exported network: its metadata, and answers by onnxruntime-web.

const MODEL = "model.onnx", RUNTIME = "ort.wasm.bundle.min.mjs", WASM = "ort-wasm-simd-threaded.wasm";
const RUNTIME_COMMAND = "{{runtime_command}}";

// The metadata of an ONNX file, as text by key. onnxruntime-web does not hand it out, so its protobuf is read here: fields are a
// number with the wire type in the lowest three bits, then a number, 4 or 8 bytes, or a length and so many bytes.
function readMetadata(bytes) {
  const found = {};
  for (const [field, entry] of protobufFields(bytes)) {
    if (field === 14) { // metadata_props of ModelProto: of StringStringEntryProto, 1 is the key and 2 the value
      const entries = Object.fromEntries(protobufFields(entry));
      found[new TextDecoder().decode(entries[1])] = new TextDecoder().decode(entries[2]);
    }
  }
  return found;
}

// [number, bytes] of each field of a message; of numbers, no bytes.
function* protobufFields(bytes) {
  let at = 0;
  const number = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      if (at >= bytes.length) throw new RangeError("cut off");
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = number(), wire = tag & 7;
    let size = { 1: 8, 5: 4 }[wire] ?? 0;
    if (wire === 0) number();
    else if (wire === 2) size = number();
    else if (!size) throw new RangeError("not a message");
    if (at + size > bytes.length) throw new RangeError("cut off");
    yield [Math.floor(tag / 8), bytes.subarray(at, at + size)];
    at += size;
  }
}

// The bytes of a file beside this page. progress: called with the bytes that have come, again and again.
async function fetchBytes(name, progress) {
  const response = await fetch(name).catch((error) => {
    throw new Problem("missing", { file: name, reason: error.message });
  });
  if (!response.ok) throw new Problem("missing", { file: name, reason: response.status });
  const parts = [], reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
    parts.push(value);
    progress(value.length);
  }
}

// { classes, size, crop, least, metadata, version, answer }. answer(pixels u8 [size, size, 3]) resolves to { shares, score }:
// confidences by class, and the outlier score, above 0 for a picture of no class; null where the network rejects none. progress:
// called with the number of bytes as they come.
async function loadNetwork(progress) {
  if (location.protocol === "file:") throw new Problem("file");
  const bytes = await fetchBytes(MODEL, progress);
  const { classes, size, crop, least, metadata } = understand(bytes);
  let ort, wasm;
  try {
    [ort, wasm] = await Promise.all([import(new URL(RUNTIME, document.baseURI)), fetchBytes(WASM, progress)]);
  } catch (error) {
    throw new Problem("runtime_missing", { reason: error.values?.reason ?? error.message, command: RUNTIME_COMMAND });
  }
  ort.env.wasm.wasmBinary = wasm;
  const failed = (error) => {
    throw new Problem("network", { reason: error.message });
  };
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] }).catch(failed);
  const answer = async (pixels) => {
    const image = new ort.Tensor("uint8", new Uint8Array(pixels.buffer), [1, size, size, 3]);
    const { confidences, neither } = await session.run({ image }).catch(failed);
    const [shares, score] = [confidences.data, neither ? neither.data[0] : null];
    if (!shares.every(Number.isFinite) || !Number.isFinite(score ?? 0)) throw new Problem("infinite");
    return { shares, score };
  };
  return { classes, size, crop, least, metadata, version: ort.env.versions.web, answer };
}

// What the metadata says of classes and preprocessing. Throws a Problem where this page would prepare a picture in another way.
function understand(bytes) {
  try {
    const metadata = readMetadata(bytes);
    const classes = JSON.parse(metadata.classes), { size, crop, interpolation, ...rest } = JSON.parse(metadata.preprocessing);
    const least = rest.least_crop ?? 0; // files of format version 4 do not say it
    const known = interpolation === "bicubic" && crop > 0 && crop <= 1 && size > 0 && least >= 0 && least <= size;
    if (!known) throw new Error("another preprocessing");
    return { classes, size, crop, least, metadata };
  } catch (error) {
    throw new Problem("not_ours", { reason: error.message });
  }
}
