"""The page in a real browser."""

import base64
import csv
import io
import re
import shutil

import pytest
from pages import Server
from playwright.sync_api import expect, sync_playwright

expect.set_options(timeout=20_000)  # ms; a busy machine is slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs chromium (Debian: apt-get install chromium)")


SWITCHES = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]  # a webcam that is always there


@pytest.fixture(scope="module")
def server(drawn):
    with Server(CHECKPOINT=str(drawn)) as server:
        yield server


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, server):
    """open_page(language, width) -> the page, loaded. At the end: nothing was fetched from elsewhere, no error on the console."""
    problems, contexts = [], []

    def open_page(language="en-US", width=800):
        context = browser.new_context(
            locale=language,
            viewport={"width": width, "height": 900},
            permissions=["camera", "clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        local = (server.url, "data:", "blob:")
        page.on("request", lambda request: request.url.startswith(local) or problems.append(request.url))
        page.goto(server.url)
        expect(page.get_by_role("tab")).to_have_count(2)
        expect(page.get_by_text("Choose a picture" if language.startswith("en") else "选一张图片")).to_be_visible()
        return page

    yield open_page
    seen = list(problems)  # what a closing page still asks for does not count
    for context in contexts:
        context.close()
    assert seen == []


def sample(drawn, class_, number=1):
    return drawn / "sample" / "val" / class_ / f"{class_}_{number:03d}.jpg"


def upload(page, file):
    """Through the file dialogue; what was there is taken away first."""
    clear = page.get_by_label("Clear").first
    if clear.is_visible():
        clear.click()
    page.locator("input[type=file]").first.set_input_files(file)


def heading(page):
    return page.get_by_role("heading", level=2).nth(1)


@pytest.mark.parametrize("width", [800, 390])
def test_dog_and_croissant(open_page, drawn, width):
    page = open_page(width=width)
    for class_ in ("dog", "croissants"):
        upload(page, sample(drawn, class_))
        expect(heading(page)).to_have_text(re.compile(rf"{class_} · \d+\.\d%"))
        expect(page.get_by_text(re.compile(r"192 × 192 pixels, answered in \d+ ms"))).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_five_bad_files_and_then_a_good_one(open_page, drawn, bad_files):
    page, sentences = open_page(), set()
    for file, words in bad_files.items():
        upload(page, file)
        sentence = page.get_by_text(words)
        expect(sentence).to_contain_text("This picture cannot be read")
        sentences.add(sentence.text_content())
        expect(page.get_by_text("answered in")).to_have_count(0)
    assert len(sentences) == 5
    upload(page, sample(drawn, "dog"))
    expect(heading(page)).to_contain_text("dog · ")


def test_examples_and_activation_map(open_page):
    page = open_page()
    examples = page.locator(".gallery-item")
    expect(examples).to_have_count(6)
    examples.last.click()
    expect(heading(page)).to_contain_text("dog · ")
    seen = page.locator("img[src*='/file=']").last
    marked = seen.get_attribute("src")
    page.get_by_label("Mark what the answer rests on").click()
    expect(seen).not_to_have_attribute("src", marked)


def test_paste(open_page, drawn):
    page = open_page()
    page.evaluate(
        """async (data) => {
            const blob = await (await fetch("data:image/jpeg;base64," + data)).blob();
            const bitmap = await createImageBitmap(blob);
            const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
            canvas.getContext("2d").drawImage(bitmap, 0, 0);
            const png = await canvas.convertToBlob({type: "image/png"});
            await navigator.clipboard.write([new ClipboardItem({"image/png": png})]);
        }""",
        base64.b64encode(sample(drawn, "dog").read_bytes()).decode(),
    )
    page.get_by_label("Paste from clipboard").click()
    expect(heading(page)).to_contain_text("dog · ")


def test_webcam(open_page):
    page = open_page()
    page.get_by_label("Capture from camera").click()
    page.get_by_text("Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('video')?.readyState >= 3")
    page.get_by_label("capture photo").click()
    expect(heading(page)).to_have_text(re.compile(r"(dog|croissants) · \d+\.\d%|Neither"))


def test_many_pictures(open_page, drawn, bad_files):
    page = open_page()
    page.get_by_role("tab", name="Many pictures").click()
    files = [sample(drawn, "dog"), sample(drawn, "croissants"), *bad_files]
    page.locator("input[type=file]").last.set_input_files(files)
    expect(page.get_by_text("scan")).to_be_visible()
    page.get_by_role("button", name="Answer all").click()
    rows = page.locator("table.answers tbody tr")
    expect(rows).to_have_count(7)
    for row, class_ in zip(rows.all(), ("dog", "croissants")):
        expect(row).to_contain_text(class_)
        assert row.locator("img").evaluate("image => image.naturalWidth") == 96
    for row, words in zip(rows.all()[2:], bad_files.values()):
        expect(row).to_contain_text(words)
    with page.expect_download() as download:
        page.get_by_text("Answers as CSV").click()
    text = download.value.path().read_text(encoding="utf-8-sig")
    table = list(csv.DictReader(io.StringIO(text)))
    assert [row["file"] for row in table] == [file.name for file in files]
    assert [row["label"] for row in table] == ["dog", "croissants", "", "", "", "", ""]


def test_language_of_the_browser_and_the_switch(open_page, drawn, bad_files):
    page = open_page("zh-CN", 390)
    expect(page.get_by_role("heading", name="狗还是牛角包？")).to_be_visible()
    upload(page, next(iter(bad_files)))
    expect(page.get_by_text("文件是空的，请重新选择")).to_be_visible()
    page.get_by_label("English").click()
    expect(page.get_by_text("the file is empty")).to_be_visible()
    expect(page.get_by_role("heading", name="Dog or croissant?")).to_be_visible()
    expect(page.get_by_role("tab", name="Many pictures")).to_be_visible()
    expect(page.get_by_text("photos right")).to_be_visible()
