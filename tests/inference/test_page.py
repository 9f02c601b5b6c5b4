"""What the page says to an upload, without a server."""

from dataclasses import replace

import pytest
from page import NO_UPLOAD, Page

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
    record = page.predict(sent)
    assert record["label"] == "dog" and list(record["confidences"]) == ["croissants", "dog"]
    share = f"{record['confidences']['dog']:.1%}"
    said, marked = page.show(sent, True, "en")
    assert said.startswith(f"<h2>dog · {share}</h2>") and "192 × 192 pixels, answered in" in said
    assert said.count('class="bar"') == 2 and said.index(">dog<") < said.index(">croissants<")
    said, plainly = page.show(sent, False, "zh")
    assert said.startswith(f"<h2>dog · {share}</h2>") and "192 × 192 像素" in said
    assert "rests on" in marked and "网络所见<" in plainly and "nearest" not in marked
    assert marked.split('src="')[1].split('"')[0] != plainly.split('src="')[1].split('"')[0]
    assert "answered in" not in page.show(None, True, "en")[0] and "error" in page.predict(None)


def test_what_is_wrong_is_said_in_both_languages(classifier, drawings, upload, tmp_path):
    page = Page(classifier, 600)
    assert "This file is empty; please choose another one." in page.show(upload("b.jpg", b""), True, "en")[0]
    assert "这个文件是空的，请选择另一个。" in page.show(upload("b.jpg", b""), True, "zh")[0]
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(dog(drawings))
    assert page.show({"path": str(outside)}, True, "en")[1] == "" and "error" in page.predict({"path": str(outside)})
    broken = Page(None, 600)
    for language, words in (("en", "This page cannot answer now"), ("zh", "本页现在无法回答")):
        assert words in broken.status(language) and words in broken.show(None, True, language)[0]


def test_many_pictures_have_a_row_each(classifier, drawings, upload):
    page = Page(classifier, 600)
    sent = [upload(name, content) for name, content in (("<b>.jpg", dog(drawings)), ("empty.jpg", b""))]
    files = [entry["path"] for entry in sent]
    table = page.show_batch(files, "en")
    assert table.count("<tr data-kind") == 2 and "&lt;b&gt;.jpg" in table and "This file is empty" in table
    first, second = page.predict_batch(sent)
    assert (first["file"], first["label"]) == ("<b>.jpg", "dog") and "the file is empty" in second["error"]
    assert "At most 500 pictures can be answered at a time, and these are 501." in page.show_batch(
        files[:1] * 501, "en"
    )


NO_UPLOADS = (
    *("a.jpg", "data:image/jpeg;base64,AAAA", 5, 0.5, True, {}, [], [[]], {"path": None}, {"path": 5}, {"path": ["a"]}),
    *({"path": path} for path in ("", "/etc/passwd", "http://x/a.jpg", "a\0b", "\ud800", "~", "../a.jpg")),
    {"url": "http://x/a.jpg"},
)


@pytest.mark.parametrize("entry", NO_UPLOADS, ids=repr)
def test_what_is_no_upload_is_a_sentence(classifier, upload, drawings, entry):
    page, sent = Page(classifier, 600), upload("a.jpg", dog(drawings))
    assert page.predict(entry) == NO_UPLOAD
    first, second, third = page.predict_batch([entry, sent, entry])
    assert first == third == NO_UPLOAD and (second["file"], second["label"]) == ("a.jpg", "dog")
    assert page.show(entry, True, "en")[0] == "Choose a picture, and the answer appears here."


def test_a_folder_of_uploads_is_no_upload(classifier, upload, drawings, tmp_path):
    page, sent = Page(classifier, 600), upload("a.jpg", dog(drawings))
    assert page.predict({"path": str(tmp_path / "uploads")}) == NO_UPLOAD
    assert page.predict({"path": f"{sent['path']}/../../outside.jpg"}) == NO_UPLOAD
    assert "label" in page.predict({"path": f"{tmp_path}/uploads/../uploads/a.jpg"})
    assert "not on the server any more" in page.predict({"path": f"{sent['path']}.gone"})["error"]


@pytest.mark.parametrize("seconds, kept", [(600, "10 minutes"), (6, "6 seconds")])
def test_it_says_which_checkpoint_answers_and_how_long_uploads_are_kept(classifier, seconds, kept):
    said = Page(classifier, seconds).status("en")
    assert "136 of 143 validation photos right · built-in network" in said and "636 photos of 2 classes" in said
    assert f"deleted from this server {kept} after the upload" in said


def test_what_was_trained_on_drawings_says_so(classifier, monkeypatch):
    data = {**classifier.description.data, "kind": "drawings", "train": {"croissants": 80, "dog": 80}}
    monkeypatch.setattr(classifier, "description", replace(classifier.description, data=data))
    page = Page(classifier, 600)
    assert "136 of 143 validation drawings right" in page.status("en") and "160 drawings of 2" in page.status("en")
    assert "160 张图画" in page.status("zh") and "照片" not in page.status("zh")


def test_class_names_hide_nothing(classifier, drawings, upload, monkeypatch):
    classes = ("\u202ecat", "狗\u2067\n")
    monkeypatch.setattr(classifier, "description", replace(classifier.description, classes=classes))
    page, sent = Page(classifier, 600), upload("a.jpg", dog(drawings))
    said = page.show(sent, True, "en")[0]
    assert said.startswith(r"<h2>狗\u2067\n · ") and r'class="name">\u202ecat<' in said
    assert r"<li>\u202ecat</li><li>狗\u2067\n</li>" in page.status("en")
    assert page.title("en") == r"\u202ecat or 狗\u2067\n?"
    assert list(page.predict(sent)["confidences"]) == list(classes)  # exact for programs
