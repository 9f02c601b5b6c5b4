"""The static page of `export.py --format web`, in a real browser that reaches nothing but its folder.

`python -m pytest tests/inference/test_web_page.py -s | grep MEASURED` prints how far the browser's pixels and confidences are
from the program's."""

import base64
import functools
import http.server
import io
import re
import shutil
import struct
import subprocess
import sys
import threading
import zlib

import numpy as np
import pytest
import web_page
from conftest import ROOT, SHARED, UNREADABLE, needs_shared
from PIL import Image, ImageCms
from playwright.sync_api import expect, sync_playwright

from mobilenetv2.classifier import Classifier
from mobilenetv2.data.image import center_crop, decode
from mobilenetv2.runtime.errors import UserError

onnx = pytest.importorskip("onnx", reason="needs onnx and onnxruntime to export")
expect.set_options(timeout=20_000)  # ms; a busy machine is slow
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="needs chromium (Debian: apt-get install chromium)"),
    pytest.mark.skipif(
        not shutil.which("npm"), reason="needs npm, which gets onnxruntime-web (Debian: apt-get install npm)"
    ),
]
SWITCHES = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no network
]
# What docs/web.md says of pixels (0 to 255) and of confidences. A JPEG of at least twice the needed size is a case of its own:
# libjpeg makes it smaller while it decodes, which the page does after decoding.
LARGEST, MEAN, CONFIDENCE = 2, 0.5, 1e-3
LARGEST_REDUCED, CONFIDENCE_REDUCED = 8, 5e-3


def export(*arguments):
    command = [sys.executable, ROOT / "inference" / "export.py", *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """A folder with the files of onnxruntime-web."""
    folder = tmp_path_factory.mktemp("runtime")
    try:
        web_page.fetch_runtime(folder)
    except UserError as error:
        if "cannot be fetched" in str(error):
            pytest.skip(str(error))
        raise
    assert web_page.missing_files(folder) == []
    return folder


@pytest.fixture(scope="module")
def site(drawn, runtime, tmp_path_factory):
    """The folder of the page of a network that was trained on drawings."""
    folder = tmp_path_factory.mktemp("site") / "page"
    done = export(drawn, "--format", "web", "--output", folder)
    assert done.returncode == 0, done.stderr
    assert web_page.COMMAND in done.stdout and "python -m http.server" in done.stdout
    assert sorted(file.name for file in folder.iterdir()) == ["index.html", "model.onnx"]
    for name in web_page.RUNTIME:
        shutil.copy(runtime / name, folder)
    return folder


@pytest.fixture(scope="module")
def serve():
    """serve(folder) -> its address."""
    servers = []

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    def serve(folder):
        handler = functools.partial(Quiet, directory=str(folder))
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield serve
    for server in servers:
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, serve, site):
    """open_page() -> the page, its network loaded. At the end: nothing was asked of anybody else, no error on the console."""
    problems, contexts = [], []

    def open_page(folder=site, language="en-US", width=800, height=900, scheme="light", url=None, errors=False):
        context = browser.new_context(
            locale=language,
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            permissions=["camera"],
        )
        contexts.append(context)
        page, url = context.new_page(), url or serve(folder)
        if not errors:
            page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda one: one.url.startswith((url, "data:", "blob:")) or problems.append(one.url))
        page.goto(url)
        expect(page.locator(".answer")).to_have_attribute("aria-busy", "false")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def ask(page, file):
    """Through the file dialogue -> the sentence that says why there is no answer, or None."""
    page.locator("#choose").set_input_files(file)
    return said(page)


def said(page):
    expect(page.locator(".answer")).to_have_attribute("aria-busy", "false")
    problem = page.locator(".answer > .problem")
    return problem.text_content() if problem.is_visible() else None


SHOWN = """() => [
  document.querySelector(".result").dataset.answer,
  Object.fromEntries([...document.querySelectorAll("[data-class]")].map(bar => [bar.dataset.class, +bar.dataset.confidence])),
  document.querySelector(".seen canvas").toDataURL(),
  document.querySelector("p.details").textContent,
]"""


def shown(page):
    """Label, confidences by class, the pixels u8 [S, S, 3] that the network was given, and the line about size and time."""
    label, confidences, url, details = page.evaluate(SHOWN)
    picture = Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB")
    return label, confidences, np.asarray(picture), details


class Differences:
    """Between the page's answers and the program's."""

    def __init__(self, page, checkpoint, files):
        """Asks both about these files. Labels must be the same."""
        classifier = Classifier(str(checkpoint))
        preprocessing, self.of = classifier.description.preprocessing, {}
        for file in files:
            assert ask(page, file) is None, file
            label, confidences, pixels, details = shown(page)
            data = file.read_bytes()
            expected = classifier.answer(data)
            assert (file.name, label) == (file.name, expected.label)
            assert details.startswith(f"{expected.width} × {expected.height} pixels")
            gaps = np.abs(pixels.astype(int) - np.asarray(center_crop(decode(data, preprocessing.size), preprocessing)))
            share = max(abs(confidences[name] - value) for name, value in expected.confidences.items())
            self.of[file.name] = int(gaps.max()), float(gaps.mean()), share
        assert self.of

    def check(self, what, largest=LARGEST, confidence=CONFIDENCE):
        pixels, mean, share = (max(values) for values in zip(*self.of.values()))
        print(
            f"MEASURED {what}: {len(self.of)} pictures, pixels at most {pixels}, mean {mean:.2f}, confidences {share:.1e}"
        )
        assert (pixels <= largest, mean <= MEAN, share <= confidence) == (True, True, True), self.of


@needs_shared
def test_the_same_answers_on_all_real_photos(open_page, photos, runtime, tmp_path):
    folder = tmp_path / "page"
    done = export(photos, "--format", "web", "--output", folder, "--download")
    assert done.returncode == 0 and web_page.COMMAND not in done.stdout, done.stderr
    assert sorted(file.name for file in folder.iterdir()) == sorted(["index.html", "model.onnx", *web_page.RUNTIME])
    page = open_page(folder)
    files = sorted((SHARED / "photos" / "val").glob("*/*"))
    assert len(files) == 143
    Differences(page, photos, files).check("photos/val", largest=1)
    odd = [file for file in sorted((SHARED / "odd").iterdir()) if not file.name.startswith("recurser_")]
    readable = [file for file in odd if file.name not in UNREADABLE and file.suffix not in (".csv", ".heif", ".tiff")]
    assert len(readable) == 21
    Differences(page, photos, readable).check("odd files")
    reduced = sorted((SHARED / "odd").glob("recurser_*"))
    Differences(page, photos, reduced).check("photos of 2 megapixels", LARGEST_REDUCED, CONFIDENCE_REDUCED)
    for name in (*UNREADABLE, "python-pillow_tiff_16bit_RGB.tiff"):
        assert re.search("damaged|cannot read", ask(page, SHARED / "odd" / name)), name


def test_the_same_answers_on_drawings(open_page, drawn):
    files = sorted((drawn / "sample" / "val").glob("*/*.jpg"))
    assert len(files) == 40
    Differences(open_page(), drawn, files).check("drawings", largest=1)


def chunk(name, content):
    """Of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def other_colours():
    """A profile that says that red is blue. Who follows it shows another picture."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    places = {
        bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * struct.unpack(">I", profile[128:132])[0], 12)
    }
    red, blue = (slice(places[name] + 4, places[name] + 12) for name in (b"rXYZ", b"bXYZ"))
    profile[red], profile[blue] = profile[blue], profile[red]
    return bytes(profile)


@pytest.fixture(scope="module")
def kinds(drawn, tmp_path_factory):
    """A drawing in many kinds of files, some of which only the name of a mark distinguishes."""
    folder = tmp_path_factory.mktemp("kinds")
    image = Image.open(drawn / "sample" / "val" / "dog" / "dog_001.jpg").convert("RGB").resize((331, 250))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x112] = orientation
        for suffix in ("jpg", "png", "webp"):
            image.save(folder / f"orientation{orientation}.{suffix}", exif=exif, quality=90)
    image.save(folder / "xmp.jpg", xmp=b'<x:xmpmeta><rdf tiff:Orientation="6"/></x:xmpmeta>')
    slope = Image.linear_gradient("L").resize(image.size)
    for suffix in ("png", "webp"):
        Image.merge("RGBA", [*image.split(), slope]).save(folder / f"alpha.{suffix}", lossless=True)
    for suffix in ("jpg", "png", "webp"):
        image.save(folder / f"profile.{suffix}", icc_profile=other_colours(), quality=90)
    png = (folder / "orientation1.png").read_bytes()
    (folder / "gamma.png").write_bytes(png[:33] + chunk(b"gAMA", struct.pack(">I", 100_000)) + png[33:])
    image.save(folder / "b.bmp")
    image.quantize(50).save(folder / "palette.gif")
    image.convert("L").save(folder / "grey.jpg")
    image.convert("1").save(folder / "two.png")
    image.convert("CMYK").save(folder / "cmyk.jpg")
    image.save(folder / "progressive.jpg", progressive=True, subsampling=0)
    image.resize((40, 31)).save(folder / "small.png")
    image.resize((3, 900)).save(folder / "thin.png")
    jpeg = (folder / "orientation1.jpg").read_bytes()
    for name, data in {
        "end1.jpg": jpeg[:-1],
        "end2.jpg": jpeg[:-2],
        "progressive_end.jpg": (folder / "progressive.jpg").read_bytes()[:-2],
        "trailer.jpg": jpeg[:-2] + b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1500000000000SEFH" * 40,
        "behind.jpg": jpeg + b"\0\0\0\x18ftypmp42" + bytes(5000),
    }.items():
        (folder / name).write_bytes(data)
    return folder


def test_pictures_of_all_kinds(open_page, drawn, kinds):
    """A profile, gamma, orientation, alpha, a palette, and files without end."""
    files = sorted(kinds.iterdir())
    assert len(files) == 44
    Differences(open_page(), drawn, files).check("kinds of files")


def test_small_pictures(open_page, whole, runtime, drawn, tmp_path):
    """They are taken whole, or with as many pixels as the network gets."""
    folder = shutil.copytree(runtime, tmp_path / "page")
    done = export(whole, "--format", "web", "--output", folder)
    assert done.returncode == 0, done.stderr
    image = Image.open(drawn / "sample" / "val" / "dog" / "dog_001.jpg").convert("RGB")
    for width, height in ((32, 32), (40, 31), (1, 200), (127, 90), (128, 128), (129, 300), (146, 145), (147, 147)):
        image.resize((width, height)).save(tmp_path / f"{width}x{height}.png")
    files = sorted(tmp_path.glob("*.png"))
    assert len(files) == 8
    Differences(open_page(folder), whole, files).check("small pictures", largest=0)


def test_large_photos(open_page, drawn, tmp_path):
    """Libjpeg decodes them at 1/2, 1/4 and 1/8."""
    image = Image.open(drawn / "sample" / "val" / "dog" / "dog_002.jpg").convert("RGB")
    exif = Image.Exif()
    exif[0x112] = 6
    for name, size in {"half": (1501, 1127), "quarter": (3027, 2271), "eighth": (5003, 4211)}.items():
        image.resize(size, Image.Resampling.BICUBIC).save(tmp_path / f"{name}.jpg", exif=exif, quality=90)
    files = sorted(tmp_path.iterdir())
    Differences(open_page(), drawn, files).check("large photos", LARGEST_REDUCED, CONFIDENCE_REDUCED)


REFUSED = {  # beginnings of the sentences, in both languages
    "empty.jpg": ("This file is empty", "文件是空的"),
    "text.jpg": ("This is not a picture", "这不是浏览器能读取的图片"),
    "cut.jpg": ("This picture is damaged", "图片已损坏"),
    "bomb.gif": ("This picture has 65535 × 65535 pixels", "图片有 65535 × 65535 像素"),
    "scan.jp2": ("This is not a picture", "这不是浏览器能读取的图片"),
    "cut.png": ("This picture is damaged", "图片已损坏"),
    "scans.jpg": ("This picture is damaged", "图片已损坏"),
    "many.png": ("This picture has 9000 × 9000 pixels", "图片有 9000 × 9000 像素"),
    "deep.png": ("This is a grey picture of 16 bits", "这是 16 位灰度图片"),
    "large.jpg": ("This file has 65 MiB; the limit is 64 MiB", "文件有 65 MiB"),
}


def test_what_cannot_be_answered_is_said_and_the_next_one_is(open_page, drawn, bad_files, tmp_path):
    files = {file.name: file for file in bad_files}
    image = Image.open(drawn / "sample" / "val" / "dog" / "dog_001.jpg").convert("RGB")
    image.save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:-3000])
    image.save(tmp_path / "scans.jpg", progressive=True)
    data = (tmp_path / "scans.jpg").read_bytes()
    (tmp_path / "scans.jpg").write_bytes(data[: data.rindex(b"\xff\xda")])
    Image.new("L", (9000, 9000)).save(tmp_path / "many.png")
    Image.fromarray(np.full((50, 50), 4000, np.uint16)).save(tmp_path / "deep.png")
    with open(tmp_path / "large.jpg", "wb") as stream:
        stream.truncate(65 * 2**20)
    page = open_page()
    for name, (english, chinese) in REFUSED.items():
        assert ask(page, files.get(name, tmp_path / name)).startswith(english)
        assert page.locator(".result").is_hidden()
        page.get_by_label("中文").check()
        assert said(page).startswith(chinese)
        page.get_by_label("English").check()
    assert ask(page, tmp_path / "whole.png") is None
    expect(page.get_by_role("heading", level=2)).to_have_text(re.compile(r"^dog · \d+\.\d%$"))


def test_a_picture_like_no_other_is_answered_with_neither(open_page, drawn, site, tmp_path):
    """By a network whose outlier score of every picture is its highest confidence."""
    folder = shutil.copytree(site, tmp_path / "page")
    model = onnx.load(folder / "model.onnx")
    model.graph.node.append(onnx.helper.make_node("ReduceMax", ["confidences"], ["neither"], axes=[1], keepdims=0))
    model.graph.output.append(onnx.helper.make_tensor_value_info("neither", onnx.TensorProto.FLOAT, ["N"]))
    onnx.save(model, folder / "model.onnx")
    page = open_page(folder)
    assert ask(page, drawn / "sample" / "val" / "dog" / "dog_004.jpg") is None
    label, confidences, _, _ = shown(page)
    assert label == "neither" and max(confidences, key=confidences.get) == "dog"
    expect(page.get_by_role("heading", level=2)).to_have_text("Neither")
    refused = "Like nothing in the training drawings (score +{:.2f}, refused above 0). Closest class: dog."
    expect(page.locator(".refused")).to_have_text(refused.format(confidences["dog"]))
    page.get_by_label("中文").check()
    expect(page.get_by_role("heading", level=2)).to_have_text("都不是")
    expect(page.locator(".refused")).to_contain_text("与训练图画都不相似")


GIVE = """([kind, data]) => {
  const bytes = Uint8Array.from(atob(data), one => one.charCodeAt(0)), transfer = new DataTransfer();
  transfer.items.add(new File([bytes], "given.jpg", {type: "image/jpeg"}));
  const event = kind === "drop" ? new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true})
    : new ClipboardEvent(kind, {clipboardData: transfer, bubbles: true, cancelable: true});
  document.body.dispatchEvent(event);
}"""


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_dropped_and_pasted(open_page, drawn, kind):
    """Two at once: the last one is answered."""
    page, val = open_page(), drawn / "sample" / "val"
    for file in (val / "dog" / "dog_001.jpg", val / "croissants" / "croissants_001.jpg"):
        page.evaluate(GIVE, [kind, base64.b64encode(file.read_bytes()).decode()])
    assert said(page) is None
    expect(page.get_by_role("heading", level=2)).to_contain_text("croissants · ")


def test_a_picture_is_taken(open_page):
    page = open_page()
    page.get_by_role("button", name="Take a picture").click()
    expect(page.locator("video")).to_be_visible()
    page.get_by_role("button", name="Stop the camera").click()
    expect(page.locator("video")).to_be_hidden()
    page.get_by_role("button", name="Take a picture").click()
    page.get_by_role("button", name="Take it").click()
    expect(page.locator(".chosen")).to_be_visible()
    assert said(page) is None and re.match(r"\d+ × \d+ pixels", page.locator("p.details").text_content())
    assert page.locator("video").is_hidden()


def test_on_a_phone_its_own_camera_is_opened(browser, serve, site):
    context = browser.new_context(viewport={"width": 390, "height": 664}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(serve(site))
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Take a picture").tap()
    assert chooser.value.element.get_attribute("capture") == "environment"
    context.close()


@pytest.mark.parametrize("width, height", [(390, 664), (1280, 800)])
@pytest.mark.parametrize("language, scheme", [("en-US", "dark"), ("zh-CN", "light")])
def test_looks(open_page, drawn, width, height, language, scheme):
    """Nothing is wider than the screen, the answer is seen without scrolling, and axe finds nothing."""
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(language=language, width=width, height=height, scheme=scheme)
    assert page.title() == ("Dog or croissant?" if language == "en-US" else "狗还是牛角包？")
    assert page.locator("html").get_attribute("lang") == language[:2]
    background = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    assert background == ("rgb(24, 24, 27)" if scheme == "dark" else "rgb(255, 255, 255)")
    assert ask(page, drawn / "sample" / "val" / "dog" / "dog_003.jpg") is None
    last = page.locator(".result > .bars li").last.bounding_box()
    assert last["y"] + last["height"] <= height and page.evaluate("scrollY") == 0
    page.locator(".about summary").click()
    expect(page.locator(".about")).to_contain_text(f"onnxruntime-web {web_page.VERSION}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    violations = Axe().run(page).response["violations"]
    assert [(rule["id"], node["html"]) for rule in violations for node in rule["nodes"]] == []


def test_what_is_missing_is_said(open_page, site, tmp_path):
    folder = tmp_path / "page"
    shutil.copytree(site, folder, ignore=shutil.ignore_patterns("*.wasm"))
    text = said(open_page(folder, errors=True))
    assert text.startswith("onnxruntime-web was not found beside this page (404)") and web_page.COMMAND in text
    model = (folder / "model.onnx").read_bytes()
    for content, sentence in {
        b"": "model.onnx cannot be used by this page",
        model[:1000]: "model.onnx cannot be used by this page (cut off)",
        model.replace(b'"bicubic"', b'"nearest"'): "model.onnx cannot be used by this page (another preprocessing)",
        model.replace(
            b'"least_crop": 0', b'"least_crop":-1'
        ): "model.onnx cannot be used by this page (another preproc",
    }.items():
        (folder / "model.onnx").write_bytes(content)
        assert said(open_page(folder)).startswith(sentence)
    (folder / "model.onnx").unlink()
    assert said(open_page(folder, errors=True)).startswith("model.onnx was not found beside this page (404)")
    assert "python -m http.server" in said(open_page(url=(folder / "index.html").as_uri()))


CHANGED = """() => {
  const read = CanvasRenderingContext2D.prototype.getImageData;
  CanvasRenderingContext2D.prototype.getImageData = function (...box) {
    const image = read.apply(this, box);
    image.data[image.data.length - 4] ^= 1;
    return image;
  };
}"""


def test_a_browser_that_changes_pixels_gives_no_answer(open_page, drawn):
    page = open_page()
    page.evaluate(CHANGED)
    assert ask(page, drawn / "sample" / "val" / "dog" / "dog_001.jpg").startswith("This browser changes the pixels")


def test_what_is_wrong_with_the_command_is_said_before_anything_is_done(built_in, tmp_path, monkeypatch):
    (tmp_path / "index.html").write_text("<title>mine</title>")
    for call, words in (
        (lambda: web_page.network_format("web,onnx", "u8"), "fills a folder of its own"),
        (lambda: web_page.network_format("web-8bit", "f32"), "leave --input out"),
        (lambda: web_page.check_folder(str(tmp_path), download=False), "not written by this program"),
        (lambda: web_page.check_folder(str(tmp_path / "index.html"), download=False), "needs a folder"),
    ):
        with pytest.raises(UserError, match=words):
            call()
    assert (tmp_path / "index.html").read_text() == "<title>mine</title>"
    assert web_page.network_format("onnx,mindir", "f32") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    done = export(built_in, "--format", "web", "--output", tmp_path / "new", "--download")
    assert done.returncode == 2 and "the program npm" in done.stderr and web_page.COMMAND in done.stderr
    assert not (tmp_path / "new").exists()


def test_another_file_in_the_package_is_refused(tmp_path, monkeypatch):
    """Whatever the registry answers, only the files that are known are written."""
    monkeypatch.setitem(web_page.RUNTIME, "ort.wasm.bundle.min.mjs", "0" * 64)
    with pytest.raises(UserError, match=r"is not the file that is expected|cannot be fetched"):
        web_page.fetch_runtime(tmp_path)
    assert list(tmp_path.iterdir()) == []
