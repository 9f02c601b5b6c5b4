"""The data-set check, run as a user runs it, on data sets with planted defects and on clean ones."""

import csv
import json
import re
import shutil

from conftest import SHARED, Run, needs_shared, photo_counts
from PIL import Image, ImageOps

from mobilenetv2.report.render import FINDINGS


def findings(output):
    return json.loads((output / "check.json").read_text(encoding="utf-8"))["findings"]


def plant(root):
    """Spoil a data set of croissants and dogs in 30 ways of 12 kinds -> name of the file: words that its finding must have."""
    train, val = root / "train", root / "val"
    photos = {class_: sorted((train / class_).iterdir()) for class_ in ("croissants", "dog")}
    checked = {class_: sorted((val / class_).iterdir()) for class_ in photos}
    expected = {}

    def put(place, words):
        expected[place.relative_to(root).as_posix()] = words
        return place

    for number, class_ in enumerate(photos):  # two of each
        folder, file = train / class_, photos[class_]
        put(folder / "a_text.jpg", "not a picture").write_text("I am a text file")
        put(folder / "b_empty.jpg", "the file is empty").touch()
        put(folder / "c_cut.jpg", "broken or cut off").write_bytes(file[0].read_bytes()[:-900])
        put(folder / "d_scan.jpg", "JPEG 2000").write_bytes(b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 30)
        put(folder / "e_pointer.jpg", "Git LFS pointer").write_text("version https://git-lfs.github.com/spec/v1\n")
        Image.open(file[1]).convert("RGB").crop((9, 9, 150, 140)).rotate(9).save(
            put(folder / "f_named.png", "in spite of its name"), "JPEG"
        )
        Image.new("RGB", (150, 120), (90, 60 + number, 30)).save(put(folder / "g_plain.png", "one colour"))
        Image.effect_noise((40, 30), 60 + number).convert("RGB").save(put(folder / "h_tiny.png", "tiny: 40 x 30"))
        shutil.copy(file[2], put(folder / "i_again.jpg", "the same file as"))
        source = Image.open(file[3]).convert("RGB")
        ImageOps.mirror(source).save(put(folder / "j_mirrored.jpg", "mirrored copy of"), quality=60)
        source = Image.open(file[4]).convert("RGB")
        source.resize((source.width // 2, source.height // 2)).save(put(folder / "k_half.jpg", "copy of"), quality=70)
        source = Image.open(file[5]).convert("RGB")
        width, height = source.size
        box = (width // 20, height // 8, width // 20 + int(0.8 * width), height // 8 + int(0.8 * height))
        source.crop(box).save(put(folder / "l_cropped.jpg", "copy of"))
        Image.open(checked[class_][0]).convert("RGB").save(
            put(folder / "m_leak.jpg", "in train and in val"), quality=40
        )
        other = photos["dog" if class_ == "croissants" else "croissants"][6]
        Image.open(other).convert("RGB").save(put(folder / "n_conflict.jpg", "two classes claim it"), quality=70)
        put(folder / ".hidden.jpg", "of the system or of another program").write_bytes(b"x")
    return expected


def said(found, expected):
    """The planted defects that nothing was said of; a pair counts under either name."""
    lines = [(finding["name"], finding["other"], finding["text"]) for finding in found]
    return [
        name
        for name, words in expected.items()
        if not any((name in line[:2] or name in line[2]) and words in line[2] for line in lines)
    ]


def test_every_planted_defect_is_reported(drawings, tmp_path, cache):
    shutil.copytree(drawings, tmp_path / "data")
    expected = plant(tmp_path / "data")
    assert len(expected) == 30
    before = {file: file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file()}
    common = ["--data_url=data", "--output_path=out", f"--cache_dir={cache}", "--check"]
    run = Run([*common, "--bad_files=skip", "--leaks=allow"], tmp_path)
    assert run.code == 0, run.out + run.err
    assert said(findings(tmp_path / "out"), expected) == []
    assert not (tmp_path / "out" / "mobilenetv2.ckpt").exists()
    # What stops is said in one error, and all of it is in check.json.
    stopped = Run(common, tmp_path)
    assert stopped.code == 2 and "Traceback" not in stopped.err
    assert (
        "mend them; or leave out what cannot be read with --bad_files skip; or leave out copies with --leaks drop; or use them "
        "all the same with --leaks allow:"
    ) in stopped.out
    kinds = {finding["name"]: finding["kind"] for finding in findings(tmp_path / "out")}
    assert sum(kind == "bad" for kind in kinds.values()) == 10 and sum(kind == "leak" for kind in kinds.values()) == 2
    assert all(f"  {name}: " in stopped.out for name, kind in kinds.items() if kind in ("bad", "leak", "conflict"))
    dropped = Run([*common, "--bad_files=skip", "--leaks=drop", "--language=zh"], tmp_path)
    assert dropped.code == 0 and photo_counts(dropped.out) == {
        "croissants": [86, 20],
        "dog": [86, 20],
        "all 2 classes": [172, 40],
    }
    assert {file: file.read_bytes() for file in before} == before
    # The report in Chinese says every finding in Chinese.
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    sentences = re.findall(r'<span dir="auto">(.*?)</span>', report)
    assert len(sentences) == min(FINDINGS, len(findings(tmp_path / "out"))) and all(
        re.search("[\u4e00-\u9fff]", text) for text in sentences
    )


def test_all_copies_of_a_leak_are_dropped(drawings, tmp_path, cache):
    shutil.copytree(drawings, tmp_path / "data")
    first = tmp_path / "data" / "val" / "dog" / "dog_000.jpg"
    for name in ("x", "y"):  # two in train of one in val: not only the first of them
        shutil.copy(first, tmp_path / "data" / "train" / "dog" / f"{name}.jpg")
    for class_ in ("croissants", "dog", "dog/"):  # and one in both classes, twice
        source = tmp_path / "data" / "train" / "croissants" / "croissants_000.jpg"
        shutil.copy(source, tmp_path / "data" / "train" / class_.strip("/") / f"z{len(class_)}.jpg")
    arguments = ["--data_url=data", "--leaks=drop", "--check", f"--cache_dir={cache}"]
    run = Run(arguments, tmp_path)
    assert run.code == 0, run.out + run.err
    assert photo_counts(run.out) == {"croissants": [79, 20], "dog": [80, 20], "all 2 classes": [159, 40]}
    found = findings(tmp_path / "output")
    assert {finding["kind"] for finding in found} == {"dropped"}
    source = "train/croissants/croissants_000.jpg"
    assert {finding["name"]: finding["text"] for finding in found} == {
        "train/dog/x.jpg": "left out of training: the same file as val/dog/dog_000.jpg",
        "train/dog/y.jpg": "left out of training: the same file as val/dog/dog_000.jpg",
        source: "left out of training: the same file as train/dog/z3.jpg, which is in another class",
        "train/croissants/z10.jpg": "left out of training: the same file as train/dog/z3.jpg, which is in another class",
        "train/dog/z3.jpg": f"left out of training: the same file as {source}, which is in another class",
        "train/dog/z4.jpg": f"left out of training: the same file as {source}, which is in another class",
    }
    report = (tmp_path / "output" / "report.html").read_text(encoding="utf-8")
    assert "6 photos were left out because of copies in another split or class (--leaks drop)" in report
    assert "in two splits" not in report and "two classes claim it" not in report and "Nothing suspicious" not in report


def test_of_what_is_dropped_nothing_else_is_said(drawings, tmp_path, cache):
    """Half of the dogs are copies of dogs to validate: with them the classes have equal sizes, without them they do not."""
    for split in ("train", "val"):
        shutil.copytree(drawings / split, tmp_path / "data" / split)
    dogs = tmp_path / "data" / "train" / "dog"
    for file in sorted(dogs.iterdir())[20:]:
        file.unlink()
    for file in sorted((tmp_path / "data" / "val" / "dog").iterdir())[:15]:
        for copy in range(4):
            shutil.copy(file, dogs / f"copy_{copy}_{file.name}")
    common = ["--data_url=data", "--check", f"--cache_dir={cache}", "--output_path=out"]
    assert Run([*common, "--leaks=drop"], tmp_path).code == 0
    found = findings(tmp_path / "out")
    assert sorted({finding["kind"] for finding in found}) == ["dropped", "imbalance"] and len(found) == 61
    assert next(one["text"] for one in found if one["kind"] == "imbalance").startswith(
        "20 training photos, croissants has 80"
    )
    assert all(one["name"].startswith("train/dog/copy_") for one in found if one["kind"] == "dropped")
    for file in dogs.glob("dog_*"):
        file.unlink()
    stopped = Run([*common, "--leaks=drop"], tmp_path)
    assert stopped.code == 2
    assert "train/dog: no readable photos, at least 1 needed; 60 more were left out as copies" in stopped.out


def test_what_is_skipped_is_said_to_be(few, tmp_path, cache):
    shutil.copytree(few, tmp_path / "data")
    (tmp_path / "data/train/dog/text.jpg").write_text("I am a text file")
    run = Run(["--data_url=data", "--check", f"--cache_dir={cache}", "--bad_files=skip", "--language=zh"], tmp_path)
    assert run.code == 0 and "train/dog/text.jpg: not a picture" in run.out
    (finding,) = findings(tmp_path / "output")
    assert finding["kind"] == "bad" and finding["text"].endswith("; left out")
    assert "；已排除" in (tmp_path / "output" / "report.html").read_text(encoding="utf-8")


def test_a_folder_without_val_never_stops_on_its_own_split(drawings, tmp_path, cache):
    """Copies within a class are no reason to stop, wherever the split puts them."""
    for class_ in ("croissants", "dog"):
        (tmp_path / "data" / class_).mkdir(parents=True)
        for file in sorted((drawings / "train" / class_).iterdir())[:12]:
            shutil.copy(file, tmp_path / "data" / class_)
            Image.open(file).save(tmp_path / "data" / class_ / f"again_{file.name}", quality=60)
    for seed in range(4):
        run = Run(["--data_url=data", f"--seed={seed}", "--epochs=1", f"--cache_dir={cache}"], tmp_path)
        assert run.code == 0, run.out + run.err
        assert {finding["kind"] for finding in findings(tmp_path / "output")} == {"copy"}
        assert [photo_counts(run.out)[class_][1] for class_ in ("croissants", "dog")] == [4, 4]


def test_of_a_clean_set_nothing_is_said(drawn):
    assert findings(drawn) == []


@needs_shared
def test_wrong_labels_of_real_photos(tmp_path, cache):
    """One photo in twenty lies in another class. A training and a later check list the same."""
    classes = sorted(folder.name for folder in (SHARED / "sets" / "monkeys" / "train").iterdir())
    wrong = {}
    for number, class_ in enumerate(classes):
        for split, count in (("train", 15), ("val", 1)):
            (tmp_path / "data" / split / class_).mkdir(parents=True, exist_ok=True)
            for index, file in enumerate(sorted((SHARED / "sets" / "monkeys" / split / class_).iterdir())[:count]):
                other = classes[(number + 4) % len(classes)]
                moved = split == "train" and index == 7 and number < 8
                name = f"{class_}_{index}.jpg"
                (tmp_path / "data" / split / (other if moved else class_)).mkdir(parents=True, exist_ok=True)
                shutil.copy(file, tmp_path / "data" / split / (other if moved else class_) / name)
                if moved:
                    wrong[f"train/{other}/{name}"] = (other, class_)
    common = ["--data_url=data", f"--pretrain_url={SHARED / 'weights'}", "--leaks=drop", f"--cache_dir={cache}"]
    tables = []
    for more, output in (["--epochs=1"], "label_issues.csv"), (["--check"], "last-check.csv"):
        run = Run([*common, "--output_path=out", *more], tmp_path)
        assert run.code == 0, run.out + run.err
        with open(tmp_path / "out" / output, encoding="utf-8-sig", newline="") as stream:
            tables.append(stream.read())
    assert tables[0] == tables[1]
    rows = list(csv.DictReader(tables[0].splitlines()))
    likely = {row["photo"]: (row["label"], row["looks_like"]) for row in rows if row["likely"] == "yes"}
    assert len(likely.items() - wrong.items()) <= 1 and len(likely) >= 7
    found = findings(tmp_path / "out")
    assert {finding["name"] for finding in found if finding["kind"] == "label"} == set(likely)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count('<div class="pair"><img src="data:image/jpeg;base64,') == len(likely)


@needs_shared
def test_real_photos_with_planted_defects_and_without(photos, tmp_path, cache):
    found = findings(photos)
    assert [finding["name"] for finding in found] == ["croissants"]
    assert "picture size alone gives this class away, with 86 % right on average" in found[0]["text"]
    data = tmp_path / "data"
    for split in ("train", "val"):
        for class_ in ("croissants", "dog"):
            (data / split / class_).mkdir(parents=True)
            files = sorted((SHARED / "photos" / split / class_).iterdir())
            for file in files[:: 6 if split == "train" else 3]:
                shutil.copy(file, data / split / class_)
    expected = plant(data)
    for number, (source, target) in enumerate((("dog", "croissants"), ("croissants", "dog"))):
        file = sorted((SHARED / "photos" / "train" / source).iterdir())[10 + 6 * number + 4]
        shutil.copy(file, data / "train" / target / "o_label.jpg")
        expected[f"train/{target}/o_label.jpg"] = f"looks like {source}: is its label wrong?"
    arguments = ["--data_url=data", "--output_path=out", f"--cache_dir={cache}", "--check"]
    run = Run([*arguments, f"--pretrain_url={SHARED / 'weights'}", "--bad_files=skip", "--leaks=allow"], tmp_path)
    assert run.code == 0, run.out + run.err
    found = findings(tmp_path / "out")
    # Two wrong labels among a hundred photos may be too few to be noticed.
    assert [name for name in said(found, expected) if "o_label" not in name] == []
    suspected = {finding["name"] for finding in found if "is its label wrong" in finding["text"]}
    assert suspected <= set(expected)  # a plain brown picture among them
