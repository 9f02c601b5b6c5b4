"""The page in a real browser."""

import base64
import csv
import io
import itertools
import json
import re
import shutil

import pytest
from colours import write_colours
from conftest import Run
from pages import Server
from PIL import Image
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
def colours(tmp_path_factory, cache):
    """colours(count) -> a data set with so many classes, and a page of a checkpoint that was trained on it."""
    made, servers = {}, []

    def colours(count):
        if count not in made:
            folder = tmp_path_factory.mktemp(f"colours{count}")
            data = write_colours(folder / "data", count)
            run = Run(
                ["--data_url", data, "--output_path", folder / "out", "--cache_dir", cache, "--leaks", "allow"], folder
            )
            assert run.code == 0, run.out + run.err
            servers.append(Server(CHECKPOINT=str(folder / "out")))
            made[count] = data, servers[-1].__enter__()
        return made[count]

    yield colours
    for server in servers:
        server.__exit__()


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

    def open_page(language="en-US", width=800, height=900, scheme="light", server=server):
        context = browser.new_context(
            locale=language,
            viewport={"width": width, "height": height},
            color_scheme=scheme,
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
        expect(page.locator(".answer")).to_have_attribute("aria-live", "polite")  # the last that it does when it opens
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


SAID = {  # of the bad files
    "empty.jpg": "This file is empty",
    "text.jpg": "This is not a picture",
    "cut.jpg": "This picture is damaged or incomplete",
    "bomb.gif": "This picture is too large",
    "scan.jp2": "This is a JPEG 2000 picture",
}


def heading(page):
    return page.get_by_role("heading", level=2)


def many_pictures(page):
    """The tab for many pictures, opened."""
    page.get_by_role("tab").nth(1).click()
    return page.locator("input[type=file]").last


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
    for file in bad_files:
        upload(page, file)
        sentence = page.locator(".problem").get_by_text(SAID[file.name])
        expect(sentence).to_be_visible()
        sentences.add(sentence.text_content())
        expect(page.get_by_text("answered in")).to_have_count(0)
    assert len(sentences) == 5
    upload(page, sample(drawn, "dog"))
    expect(heading(page)).to_contain_text("dog · ")


def test_examples_and_activation_map(open_page):
    page = open_page()
    examples = page.get_by_role("button", name="Drawing")
    expect(examples).to_have_count(6)
    examples.last.click()
    expect(heading(page)).to_contain_text("dog · ")
    seen = page.locator(".seen img")
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
    expect(page.get_by_text("Mark what the answer rests on")).to_be_visible()


def test_many_pictures(open_page, drawn, bad_files):
    page = open_page()
    files = [sample(drawn, "dog"), sample(drawn, "croissants"), *bad_files]
    many_pictures(page).set_input_files(files)
    expect(page.get_by_text("scan")).to_be_visible()
    page.get_by_role("button", name="Answer all").click()
    rows = page.locator("table.answers tbody tr")
    expect(rows).to_have_count(7)
    for row, class_ in zip(rows.all(), ("dog", "croissants")):
        expect(row).to_contain_text(class_)
        assert row.locator("img").evaluate("image => image.naturalWidth") == 96
    for row, file in zip(rows.all()[2:], bad_files):
        expect(row).to_contain_text(SAID[file.name])
    with page.expect_download() as download:
        page.get_by_text("Answers as CSV").click()
    text = download.value.path().read_text(encoding="utf-8-sig")
    table = list(csv.DictReader(io.StringIO(text)))
    assert [row["file"] for row in table] == [file.name for file in files]
    assert [row["label"] for row in table] == ["dog", "croissants", "", "", "", "", ""]
    with page.expect_download() as download:
        page.get_by_text("Answers as JSON").click()
    records = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert [(one["file"], one.get("label", "")) for one in records] == [(row["file"], row["label"]) for row in table]


def test_language_of_the_browser_and_the_switch(open_page, drawn, bad_files):
    page = open_page("zh-CN", 390)
    expect(page.get_by_role("heading", name="狗还是牛角包？")).to_be_visible()
    upload(page, next(iter(bad_files)))
    expect(page.get_by_text("这个文件是空的，请选择另一个。")).to_be_visible()
    assert page.title() == "狗还是牛角包？" and page.locator("html").get_attribute("lang") == "zh"
    page.get_by_label("English").click()
    expect(page.get_by_text("This file is empty; please choose another one.")).to_be_visible()
    expect(page).to_have_title("Dog or croissant?")
    assert page.locator("html").get_attribute("lang") == "en"
    expect(page.get_by_role("heading", name="Dog or croissant?")).to_be_visible()
    expect(page.get_by_role("tab", name="Many pictures")).to_be_visible()
    expect(page.get_by_text("drawings right")).to_be_visible()


WIDTHS, LANGUAGES, SCHEMES = (390, 800, 1280), {"en": "en-US", "zh": "zh-CN"}, ("light", "dark")
PHONE = 664  # pixels of height that the bars of a phone's browser leave
PARTS = ("h1", ".language", "[role=tablist]", ".picture", "h2", ".bars", ".seen", ".nearest", ".examples", ".about")


def boxes(page, *selectors):
    """selector -> left, top, right, bottom in pixels, of what is there and visible."""
    found = {one: page.locator(one).first for one in selectors}
    sizes = {one: part.bounding_box() for one, part in found.items() if part.count() and part.is_visible()}
    return {one: (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]) for one, box in sizes.items()}


def assert_nothing_overlaps(page):
    found = boxes(page, *PARTS)
    for (one, a), (other, b) in itertools.combinations(found.items(), 2):
        assert a[2] <= b[0] + 1 or b[2] <= a[0] + 1 or a[3] <= b[1] + 1 or b[3] <= a[1] + 1, (one, a, other, b)
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width and all(
        left >= 0 and right <= width for left, _, right, _ in found.values()
    )
    return found


def first_of(data, number=0):
    """The validation picture of a class."""
    return sorted(data.glob("val/*/*.jpg"))[number]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [2, 37])
def test_on_a_phone_the_answer_is_seen_without_scrolling(open_page, server, drawn, colours, count, language):
    data, page_of = colours(count) if count > 2 else (None, server)
    page = open_page(LANGUAGES[language], 390, PHONE, server=page_of)
    upload(page, first_of(data) if data else sample(drawn, "dog"))
    expect(heading(page)).to_be_visible()
    expect(page.locator(".seen img")).to_be_visible()
    assert page.evaluate("scrollY") == 0
    found = assert_nothing_overlaps(page)
    assert found["h2"][1] > found[".picture"][3] and found[".bars"][3] <= PHONE
    assert found["h2"][3] <= found[".bars"][1] < found[".seen"][1] <= found[".nearest"][1]
    assert ".examples" not in found or found[".examples"][1] > found[".nearest"][3] - 1


@pytest.mark.parametrize("width, language, scheme", [*itertools.product(WIDTHS, LANGUAGES, SCHEMES)])
def test_nothing_overlaps_and_nothing_is_a_stamp_in_an_empty_box(open_page, drawn, width, language, scheme):
    page = open_page(LANGUAGES[language], width, scheme=scheme)
    assert_nothing_overlaps(page)
    upload(page, sample(drawn, "dog"))  # 192 x 192 pixels
    expect(page.locator(".nearest img")).to_have_count(3)
    found = assert_nothing_overlaps(page)
    if width >= 800:
        assert abs(found["h2"][1] - found[".picture"][1]) < 20 and found["h2"][0] >= found[".picture"][2]
    shown = boxes(page, ".picture .image-frame", ".picture .image-frame img", ".seen img")
    (_, top, _, bottom), (_, upper, _, lower), (left, _, right, _) = shown.values()
    assert lower - upper >= bottom - top - 40
    fit = page.locator(".picture .image-frame img").evaluate("image => getComputedStyle(image).objectFit")
    assert fit == "contain"
    assert right - left == (160 if width < 700 else 224)
    assert lower <= bottom and upper - top >= 26  # below the label of the box


ONE_LINE = """element => [...element.childNodes].filter(node => node.nodeType === Node.TEXT_NODE).every(node => {
  const range = document.createRange();
  range.selectNodeContents(node);
  return new Set([...range.getClientRects()].map(one => one.top)).size === 1;
})"""  # no word of it goes on in another line; <wbr> stands between the words of a name


@pytest.mark.parametrize("width", WIDTHS)
def test_names_and_counts_of_many_classes_are_even(open_page, colours, width):
    data, server = colours(37)
    page = open_page(width=width, server=server)
    upload(page, first_of(data, 1))
    captions = page.locator(".nearest figcaption")
    expect(captions).to_have_count(3)
    assert all(caption.evaluate(ONE_LINE) for caption in captions.all())
    page.locator(".about summary").click()
    assert page.locator(".date").evaluate(ONE_LINE)
    footer = page.locator("footer").evaluate("footer => footer.innerText.trim()")
    assert "Built with Gradio" in footer and not footer.endswith("\u00b7")
    many_pictures(page).set_input_files([first_of(data, number) for number in range(30)])
    expect(page.get_by_text(first_of(data, 29).stem[-8:]).first).to_be_attached()
    page.get_by_role("button", name="Answer all").click()
    expect(page.locator("table.answers tbody tr")).to_have_count(30)
    heights = [round(one.bounding_box()["height"]) for one in page.locator("table.answers th button").all()]
    assert len(heights) == 3 and len(set(heights)) == 1
    counts = page.locator("[data-filter]")
    heights = [round(one.bounding_box()["height"]) for one in counts.all() if one.evaluate(ONE_LINE)]
    assert len(heights) > 10 and len(set(heights)) == 1


def test_three_hundred_classes(open_page, colours):
    data, server = colours(300)
    for width, language in itertools.product(WIDTHS, LANGUAGES):
        page = open_page(LANGUAGES[language], width, server=server)
        upload(page, first_of(data))
        expect(page.locator(".bars .bar")).to_have_count(5)
        others, about = page.locator(".others summary"), page.locator(".about summary")
        expect(others).to_contain_text("295 others" if language == "en" else "其余 295 类")
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "What is in your picture?" if language == "en" else "你的图片里是什么？"
        )
        assert about.bounding_box()["height"] < 30  # one line
        for opened, entries, found in ((others, 295, None), (about, 300, 60)):
            opened.click()
            block = opened.locator("..")
            expect(block.locator("li")).to_have_count(entries)
            assert block.bounding_box()["height"] < 600
            block.get_by_role("searchbox").fill("PUG")
            visible = block.locator("li:visible")
            texts = visible.all_text_contents()
            assert texts and all("pug_" in text for text in texts) and len(texts) == (found or len(texts))
            block.get_by_role("searchbox").fill("")
            expect(visible).to_have_count(entries)
            opened.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_examples_are_training_photos_where_there_are_no_drawings(open_page, colours):
    """Those of this set that the page does not refuse."""
    _, server = colours(37)
    page = open_page(server=server)
    assert page.title() == "What is in your picture?"
    examples = page.get_by_role("button", name="Training photo")
    print("COUNT", examples.count())
    for number in range(examples.count()):
        examples.nth(number).click()
        expect(heading(page)).to_contain_text("_0")
    assert 0 < examples.count() <= 6 and page.get_by_role("button", name="Drawing").count() == 0


def test_a_title_of_ones_own(browser):
    with Server(TITLE="Pets & <b>co</b>") as server:
        page = browser.new_page()
        page.goto(server.url)
        expect(page.get_by_role("heading", level=1)).to_have_text("Pets & <b>co</b>")
        expect(page).to_have_title("Pets & <b>co</b>")
        page.close()


def test_counts_filter_and_columns_sort(open_page, colours, bad_files):
    data, server = colours(37)
    page = open_page(width=390, server=server)
    pictures = [first_of(data, number) for number in (3, 1, 2, 0)]
    many_pictures(page).set_input_files([*pictures, *bad_files])
    expect(page.get_by_text("scan")).to_be_visible()
    button = page.get_by_role("button", name="Answer all")
    assert button.bounding_box()["y"] < page.get_by_text("Your pictures").first.bounding_box()["y"]
    button.click()
    rows = page.locator("table.answers tbody tr")
    expect(rows).to_have_count(9)
    names = page.locator("table.answers tbody tr:visible td:nth-child(2)")
    order = [file.name for file in (*pictures, *bad_files)]
    assert names.all_text_contents() == order
    page.get_by_role("button", name=re.compile("^Not readable 5$")).click()
    assert names.all_text_contents() == order[4:]
    assert page.locator("[data-filter][aria-pressed=true]").all_text_contents() == ["Not readable 5"]
    page.get_by_role("button", name=re.compile("^All 9$")).click()
    sort = page.get_by_role("button", name="Sort by File")
    sort.click()
    assert names.all_text_contents() == sorted(order, key=str.lower)
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    sort.click()
    assert names.all_text_contents() == sorted(order, key=str.lower)[::-1]
    page.get_by_role("button", name="Sort by Confidence").click()
    shares = [row.get_attribute("data-confidence") for row in rows.all()]
    known = [share for share in shares if share]
    assert known == sorted(known) and shares[len(known) :] == [""] * (9 - len(known))
    for row in rows.all():  # no name is broken where no word ends
        cell = row.locator("td").nth(1)
        assert cell.evaluate("cell => cell.scrollWidth <= cell.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_five_hundred_pictures_are_no_long_page(open_page, colours, tmp_path):
    data, server = colours(300)
    files = sorted(data.glob("train/*/*.jpg"))[:498]
    image = Image.new("RGB", (64, 64))
    image.save(tmp_path / "black.png")
    (tmp_path / "text.txt").write_text("no picture")
    page = open_page(width=390, server=server)
    many_pictures(page).set_input_files([*files, tmp_path / "black.png", tmp_path / "text.txt"])
    expect(page.get_by_text("text")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollHeight") < 2000
    page.get_by_role("button", name="Answer all").click()
    expect(page.locator("table.answers tbody tr")).to_have_count(500, timeout=120_000)
    assert page.evaluate("document.documentElement.scrollHeight") < 2500
    counts = page.locator("[data-filter] b").all_text_contents()
    assert counts[0] == "500" and sum(map(int, counts[1:])) == 500
    with page.expect_download() as download:
        page.get_by_text("Answers as JSON").click()
    records = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert len(records) == 500 and len(records[0]["confidences"]) == 300 and set(records[-1]) == {"file", "error"}


def test_the_keyboard_is_enough(open_page, drawn):
    page = open_page()
    page.on("filechooser", lambda chooser: chooser.set_files(sample(drawn, "dog")))

    def go_to(condition):
        """Press the tabulator until this holds for the element that has the focus."""
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate(f"(element => {condition})(document.activeElement)"):
                return
        raise AssertionError(condition)

    go_to("element.getAttribute('aria-label')?.includes('upload')")
    page.keyboard.press("Enter")
    expect(heading(page)).to_contain_text("dog · ")
    marked = page.locator(".seen img").get_attribute("src")
    go_to("element.type === 'checkbox'")
    page.keyboard.press("Space")
    expect(page.locator(".seen img")).not_to_have_attribute("src", marked)
    go_to("element.textContent.includes('Drawing 1')")
    page.keyboard.press("Enter")
    expect(heading(page)).to_contain_text("croissants · ")
    go_to("element.tagName === 'SUMMARY' && element.closest('.about')")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Trained on")).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    go_to("element.textContent.trim() === 'Many pictures'")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Answer all")).to_be_visible()
    page.locator("input[type=file]").last.set_input_files([sample(drawn, "dog"), sample(drawn, "croissants")])
    go_to("element.textContent.trim() === 'Answer all'")
    page.keyboard.press("Enter")
    expect(page.locator("table.answers tbody tr")).to_have_count(2)
    go_to("element.textContent.startsWith('croissants')")
    page.keyboard.press("Enter")
    expect(page.locator("table.answers tbody tr:visible")).to_have_count(1)
    go_to("element.dataset.sort === 'file'")
    page.keyboard.press("Enter")
    expect(page.locator("th.file")).to_have_attribute("aria-sort", "ascending")


@pytest.fixture(scope="module")
def axe():
    """axe(page) -> what axe finds wrong: rule, element, why."""
    from axe_playwright_python.sync_playwright import Axe

    def axe(page):
        page.wait_for_timeout(500)  # half transparent until it has appeared
        found = Axe().run(page).response["violations"]
        return [(rule["id"], node["html"], node["failureSummary"]) for rule in found for node in rule["nodes"]]

    return axe


@pytest.mark.parametrize("width, language, scheme", [*itertools.product((390, 1280), LANGUAGES, SCHEMES)])
@pytest.mark.parametrize("count", [2, 37])
def test_axe_finds_nothing(open_page, server, drawn, colours, bad_files, axe, count, width, language, scheme):
    """Without any exception."""
    data, page_of = colours(count) if count > 2 else (None, server)
    page = open_page(LANGUAGES[language], width, scheme=scheme, server=page_of)
    picture = first_of(data) if data else sample(drawn, "dog")
    assert axe(page) == []
    upload(page, picture)
    expect(page.locator(".nearest img")).to_have_count(3)
    for summary in page.locator("summary").all():
        summary.click()
    assert axe(page) == []
    upload(page, next(iter(bad_files)))
    expect(page.locator(".problem")).to_be_visible()
    assert axe(page) == []
    field = many_pictures(page)
    assert axe(page) == []
    field.set_input_files([picture, *bad_files])
    expect(page.get_by_text("scan")).to_be_visible()
    assert axe(page) == []
    page.get_by_role("button", name="Answer all" if language == "en" else "全部识别").click()
    expect(page.locator("table.answers tbody tr")).to_have_count(6)
    page.locator("[data-filter]").nth(1).click()
    assert axe(page) == []


def test_axe_finds_what_is_wrong(open_page, axe):
    """It is loaded, runs, and sees this page."""
    page = open_page()
    page.evaluate("document.querySelector('h1').outerHTML = '<button></button><p style=\"color: #eee\">pale</p>'")
    assert {"button-name", "color-contrast"} <= {rule for rule, _, _ in axe(page)}
