"""What the page says to an upload, without a server."""

import re
from dataclasses import replace

import pytest
from page import Page, plain

from mobilenetv2.classifier import Classifier
from mobilenetv2.model.checkpoint import EMBEDDED


@pytest.fixture(scope="module")
def classifier():
    return Classifier(str(EMBEDDED))


@pytest.fixture
def upload(monkeypatch, tmp_path):
    """upload(name, content) -> what the browser sends of a picture once it is in the folder of uploads."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))

    def upload(name, content):
        file = tmp_path / "uploads" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        return {"path": str(file)}

    return upload


def dog(drawings):
    return (drawings / "val" / "dog" / "dog_003.jpg").read_bytes()


def test_a_picture_is_answered(classifier, drawings, upload):
    page, sent = Page(classifier, 600), upload("a.jpg", dog(drawings))
    said, confidences, marked, nearest = page.show(sent, True, "en")
    assert re.match(r"## dog · \d+\.\d%\n", said) and "192 × 192 pixels, answered in" in said
    assert list(confidences) == ["croissants", "dog"] and confidences["dog"] > 0.5 and nearest == ""
    plainly = page.show(sent, False, "zh")
    assert "192 × 192 像素" in plainly[0] and plainly[1] == confidences and plainly[2].tobytes() != marked.tobytes()
    record = page.predict(sent)
    assert record["label"] == "dog" and record["confidences"] == confidences
    assert "answered in" not in page.show(None, True, "en")[0] and "error" in page.predict(None)


def test_what_is_wrong_is_said_in_both_languages(classifier, drawings, upload, tmp_path):
    page = Page(classifier, 600)
    assert "the file is empty" in page.show(upload("b.jpg", b""), True, "en")[0]
    assert "文件是空的" in page.show(upload("b.jpg", b""), True, "zh")[0]
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(dog(drawings))
    assert page.show({"path": str(outside)}, True, "en")[1] is None and "error" in page.predict({"path": str(outside)})
    broken = Page(None, 600)
    for language, words in (("en", "The checkpoint cannot be used"), ("zh", "检查点无法使用")):
        assert words in broken.status(language) and words in broken.show(None, True, language)[0]


def test_many_pictures_have_a_row_each(classifier, drawings, upload):
    page = Page(classifier, 600)
    files = [upload(name, content)["path"] for name, content in (("<b>.jpg", dog(drawings)), ("empty.jpg", b""))]
    table = page.show_batch(files, "en")
    assert table.count("<tr><td>") == 2 and "&lt;b&gt;.jpg" in table and "the file is empty" in table
    first, second = page.predict_batch(files)
    assert (first["file"], first["label"]) == ("<b>.jpg", "dog") and "the file is empty" in second["error"]
    assert "At most 500 pictures at a time; these are 501." in page.show_batch(files[:1] * 501, "en")


@pytest.mark.parametrize("seconds, kept", [(600, "10 minutes"), (6, "6 seconds")])
def test_it_says_which_checkpoint_answers_and_how_long_uploads_are_kept(classifier, seconds, kept):
    said = Page(classifier, seconds).status("en")
    assert "The small network that comes with this program" in said and "trained on 636 photos" in said
    assert f"deleted from this server {kept} after the upload" in said


def test_what_was_trained_on_drawings_says_so(classifier, monkeypatch):
    data = {**classifier.description.data, "kind": "drawings", "train": {"croissants": 80, "dog": 80}}
    monkeypatch.setattr(classifier, "description", replace(classifier.description, data=data))
    page = Page(classifier, 600)
    assert "trained on 160 drawings (croissants, dog) · 136 of 143 validation drawings right" in page.status("en")
    assert "用 160 张图画训练" in page.status("zh") and "照片" not in page.status("zh").split("\n")[0]


def test_names_are_no_markdown_and_hide_nothing():
    assert plain("a_b*[c](d)<e>") == r"a\_b\*\[c\]\(d\)\<e\>"
    assert plain("\u202egpj.exe") == r"\\u202egpj\.exe" and plain("a\n# b") == r"a\\n\# b"


def test_class_names_hide_nothing(classifier, drawings, upload, monkeypatch):
    classes = ("\u202ecat", "狗\u2067\n")
    monkeypatch.setattr(classifier, "description", replace(classifier.description, classes=classes))
    page, sent = Page(classifier, 600), upload("a.jpg", dog(drawings))
    assert list(page.show(sent, True, "en")[1]) == ["\\u202ecat", "狗\\u2067\\n"]
    assert page.show(sent, True, "en")[0].startswith(r"## 狗\\u2067\\n · ")
    assert r"(\\u202ecat, 狗\\u2067\\n)" in page.status("en")
    assert list(page.predict(sent)["confidences"]) == list(classes)  # exact for programs
