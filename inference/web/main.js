// The page itself.

const BARS = 5, TITLED = 4, LONGEST = 60; // classes with a bar of their own; classes that a title names, and its characters
const PREVIEW = 800; // pixels of the longer side
const element = (selector) => document.querySelector(selector);

let language = (navigator.languages ?? []).map((tag) => tag.slice(0, 2)).find((tag) => tag in TEXTS) ?? "en";
let network = null, problem = null, answer = null, loaded = 0, working = false, asked = 0, stream = null, queue = Promise.resolve();
const say = (kind, values) => inWords(language, kind, values);

function title() {
  const { classes } = network ?? { classes: [] };
  if ([...classes].sort().join("\n") === "croissants\ndog") return say("title_of_drawings");
  if (classes.length >= 2 && classes.length <= TITLED) {
    const names = classes.map((name) => name.replaceAll("_", " "));
    names[0] = names[0][0].toUpperCase() + names[0].slice(1);
    const text = say("title_of_classes", { names: names.slice(0, -1).join(say("comma")), last: names.at(-1) });
    if (text.length <= LONGEST) return text;
  }
  return say("title_of_many");
}

// Everything on the page that is text, in the language chosen.
function render() {
  document.documentElement.lang = language;
  document.title = element("h1").textContent = title();
  for (const part of document.querySelectorAll("[data-text]")) part.textContent = say(part.dataset.text);
  for (const part of document.querySelectorAll("[data-label]")) part.setAttribute("aria-label", say(part.dataset.label));
  if (stream) element("#take").textContent = say("shoot");
  element(".answer").setAttribute("aria-busy", working || !(network || problem));
  element(".status").textContent = problem || (answer && !working) ? "" : status();
  element(".problem:not(noscript *)").hidden = !problem;
  element(".problem:not(noscript *)").textContent = problem ? say(problem.kind, problem.values) : "";
  element(".result").hidden = !answer || Boolean(problem);
  if (answer) renderAnswer();
  if (network) renderAbout();
}

function status() {
  if (working && network) return say("working");
  return network ? say("ready") : say("loading", { megabytes: (loaded / 1e6).toFixed(0) });
}

function renderAnswer() {
  const { ranked, score, width, height, milliseconds } = answer, first = ranked.length <= BARS + 1 ? ranked.length : BARS;
  const rejected = score !== null && score > 0, few = network.classes.length <= 2;
  element("h2").textContent = rejected ? say(few ? "neither" : "none_of") : `${ranked[0].name} · ${percent(ranked[0].share)}`;
  element(".result").dataset.answer = rejected ? "neither" : ranked[0].name;
  element(".refused").hidden = !rejected;
  element(".refused").textContent = rejected ? refusal(ranked[0].name, score) : "";
  element(".result > .bars").replaceChildren(...ranked.slice(0, first).map(bar));
  element(".others").hidden = first === ranked.length;
  element(".others summary").textContent = say("others", { count: ranked.length - first });
  element(".others .bars").replaceChildren(...ranked.slice(first).map(bar));
  element("p.details").textContent = say("details", { width, height, milliseconds });
}

function refusal(best, score) {
  const kind = say(network.metadata.kind === "drawings" ? "drawings" : "photos");
  return say("refused", { kind, best, score: `+${score.toFixed(2)}` });
}

const percent = (share) => `${(100 * share).toFixed(1)}%`;

function bar({ name, share }) {
  const item = document.createElement("li"), track = document.createElement("span"), filled = document.createElement("span");
  item.dataset.class = name;
  item.dataset.confidence = share;
  for (const [kind, text] of [["name", name], ["share", percent(share)]]) {
    const part = document.createElement("span");
    part.className = kind;
    part.textContent = text;
    item.append(part);
  }
  track.className = "track";
  filled.style.width = percent(share);
  track.append(filled);
  item.append(track);
  return item;
}

function renderAbout() {
  const { classes, size, metadata, version } = network;
  const rows = [
    ["classes", classes.join(say("comma"))],
    ["size", say("pixels", { size })],
    ["licence", metadata.license],
    ["runtime", `onnxruntime-web ${version}`],
  ];
  element(".about").hidden = false;
  element(".about dl").replaceChildren(
    ...rows.filter(([, text]) => text).flatMap(([kind, text]) =>
      [["dt", say(kind)], ["dd", text]].map(([tag, content]) => Object.assign(document.createElement(tag), { textContent: content }))),
  );
}

// Answer a picture. One is answered at a time, and of those that wait only the last one.
function ask(file) {
  const turn = ++asked;
  [problem, working] = [null, true];
  render();
  queue = queue.then(() => turn === asked && answerFile(file, turn));
}

async function answerFile(file, turn) {
  let found = null, failed = null;
  try {
    await loading;
    const start = performance.now();
    if (file.size > MAX_BYTES) {
      throw new Problem("big", { size: Math.round(file.size / 2 ** 20), limit: MAX_BYTES / 2 ** 20 });
    }
    const bytes = new Uint8Array(await file.arrayBuffer());
    const picture = await prepare(bytes, network), { shares, score } = await network.answer(picture.pixels);
    const ranked = network.classes.map((name, index) => ({ name, share: shares[index] })).sort((a, b) => b.share - a.share);
    found = { ...picture, ranked, score, milliseconds: Math.round(performance.now() - start) };
  } catch (error) {
    if (!(error instanceof Problem)) console.error(error);
    failed = error instanceof Problem ? error : new Problem("network", { reason: error.message });
  }
  if (turn !== asked) return;
  [answer, problem, working] = [found, failed, false];
  element(".invitation").hidden = Boolean(found);
  element(".chosen").hidden = !found;
  if (found) {
    showChosen(found);
    showSeen(found.pixels, network.size);
  }
  render();
}

// The picture, upright and small.
function showChosen({ bitmap, orientation, width, height }) {
  const canvas = element(".chosen"), scale = Math.min(1, PREVIEW / Math.max(width, height));
  [canvas.width, canvas.height] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  const across = [2, 3, 6, 7].includes(orientation) ? -1 : 1, down = [3, 4, 7, 8].includes(orientation) ? -1 : 1;
  context.translate(canvas.width / 2, canvas.height / 2);
  context.scale(across, down);
  if (orientation >= 5 && orientation <= 8) context.transform(0, 1, 1, 0, 0, 0);
  context.scale(scale, scale);
  context.drawImage(bitmap, -bitmap.width / 2, -bitmap.height / 2);
  bitmap.close();
}

function showSeen(pixels, size) {
  const canvas = element(".seen canvas"), image = new ImageData(size, size);
  for (let from = 0, to = 0; from < pixels.length; from += 3, to += 4) {
    image.data.set([pixels[from], pixels[from + 1], pixels[from + 2], 255], to);
  }
  [canvas.width, canvas.height] = [size, size];
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function stopCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = element("video").srcObject = null;
  element("video").hidden = element("#stop").hidden = true;
  element(".invitation").hidden = Boolean(answer);
  element(".chosen").hidden = !answer;
  render();
}

// On a phone its own camera program; elsewhere the camera's picture on this page, and a second press takes it.
async function takePicture() {
  const video = element("video");
  if (stream) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d").drawImage(video, 0, 0);
    stopCamera();
    canvas.toBlob(ask, "image/png");
  } else if (matchMedia("(pointer: coarse)").matches || !navigator.mediaDevices) {
    element("#capture").click();
  } else {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch (error) {
      problem = new Problem("no_camera", { reason: error.message });
      return render();
    }
    video.srcObject = stream;
    await video.play();
    element(".chosen").hidden = element(".invitation").hidden = true;
    video.hidden = element("#stop").hidden = false;
    render();
  }
}

function listen() {
  for (const radio of document.querySelectorAll("[name=language]")) {
    radio.checked = radio.value === language;
    radio.addEventListener("change", () => {
      language = radio.value;
      render();
    });
  }
  for (const input of document.querySelectorAll("[type=file]")) {
    input.addEventListener("change", () => {
      const [file] = input.files;
      input.value = ""; // the same file can be chosen again
      if (file) ask(file);
    });
  }
  element("#pick").addEventListener("click", () => element("#choose").click());
  element("#take").addEventListener("click", takePicture);
  element("#stop").addEventListener("click", stopCamera);
  const drop = element(".drop"), fileOf = (transfer) => [...transfer.files].find(Boolean);
  for (const [event, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
    document.addEventListener(event, (happened) => {
      happened.preventDefault();
      drop.classList.toggle("over", over);
    });
  }
  document.addEventListener("drop", ({ dataTransfer }) => fileOf(dataTransfer) && ask(fileOf(dataTransfer)));
  document.addEventListener("paste", ({ clipboardData }) => fileOf(clipboardData) && ask(fileOf(clipboardData)));
}

async function load() {
  network = await loadNetwork((count) => {
    loaded += count;
    render();
  });
}

listen();
render();
const loading = load();
loading.catch((error) => (problem ??= error instanceof Problem ? error : new Problem("network", { reason: error.message })))
  .finally(render);
