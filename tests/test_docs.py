"""README and docs/: short, whole, in step with the code and with each other."""

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from conftest import ROOT
from hostile import encoded
from PIL import ExifTags, Image

sys.path.insert(0, str(ROOT / "docs"))
from make_arguments import pages

from mobilenetv2.classifier import Classifier
from mobilenetv2.data import sample
from mobilenetv2.export import export
from mobilenetv2.model import checkpoint
from mobilenetv2.stages import MODES

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], key=lambda file: file.relative_to(ROOT).as_posix())
BOTH = (
    "data",
    "training",
    "library",
    "export",
    "web",
    "trust",
    "serving",
    "hosts",
    "platform",
    "distributed",
    "troubleshooting",
    "arguments",
)


def anchors(file: Path) -> set:
    """Of the headings of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_arguments_are_those_of_the_settings():
    for file, text in pages().items():
        assert file.read_text(encoding="utf-8") == text, "python docs/make_arguments.py"


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(file):
    links = re.findall(r"\]\(([^)\s]+)\)", file.read_text(encoding="utf-8"))
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_what_a_user_needs_is_in_both_languages():
    assert {file.stem for file in (ROOT / "docs" / "zh").glob("*.md")} == set(BOTH)
    pairs = [(ROOT / "README.md", ROOT / "README.zh-CN.md")]
    pairs += [(ROOT / "docs" / f"{name}.md", ROOT / "docs" / "zh" / f"{name}.md") for name in BOTH]
    for pair in pairs:
        english, chinese = (file.read_text(encoding="utf-8") for file in pair)
        for what in (r"^#+ ", r"^\|", r"^    "):  # headings, rows of tables, lines of examples
            counts = [len(re.findall(what, text, re.MULTILINE)) for text in (english, chinese)]
            assert counts[0] == counts[1], (pair[1].name, what)
        examples = [re.findall(r"^    .*$", text, re.MULTILINE) for text in (english, chinese)]
        assert examples[0] == examples[1]


# Runs the code of a page on each of the pictures, in one process that knows nothing of this project.
ON_EACH = """
import sys
code, folder, *pictures = sys.argv[1:]
sys.modules["mobilenetv2"] = None
for picture in pictures:
    sys.argv = ["answer.py", folder, picture]
    exec(compile(open(code, encoding="utf-8").read(), code, "exec"), {})
"""


def on_each(start: str, file: Path, pictures: list, folder: Path) -> list:
    """Lines that the example of docs/export.md prints whose first line is this."""
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    (code,) = [
        block for block in re.findall(r"(?:^    .*\n)+", page, re.MULTILINE) if block.startswith(f"    {start}\n")
    ]
    (folder / "code.py").write_text(textwrap.dedent(code), encoding="utf-8")
    command = [sys.executable, "-c", ON_EACH, str(folder / "code.py"), str(file), *map(str, pictures)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def awkward_pictures(folder: Path) -> list:
    """Turned by EXIF, with alpha, CMYK with and without Adobe's mark, grey, of a transparent palette, large, small."""
    drawing = sample.draw("dog", [True, 3])
    turned, alpha = Image.Exif(), drawing.convert("RGBA")
    turned[ExifTags.Base.Orientation] = 6
    alpha.putalpha(Image.linear_gradient("L").resize(alpha.size))
    jpeg, mark = encoded(drawing.convert("CMYK"), "JPEG"), b"\xff\xee\x00\x0eAdobe"
    at = jpeg.index(mark)
    contents = {
        "turned.jpg": encoded(drawing.crop((0, 0, 192, 120)), "JPEG", exif=turned),
        "alpha.png": encoded(alpha, "PNG"),
        "cmyk.jpg": jpeg,
        "unmarked.jpg": jpeg[:at] + jpeg[at + 16 :],
        "grey.png": encoded(drawing.convert("L"), "PNG"),
        "palette.gif": encoded(drawing.quantize(16), "GIF", transparency=3),
        "large.jpg": encoded(drawing.resize((1500, 1200)), "JPEG"),
        "small.png": encoded(drawing.resize((50, 40)), "PNG"),
        "between.png": encoded(drawing.resize((180, 135)), "PNG"),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def test_twenty_six_lines_of_mindspore_answer_as_the_program(whole, tmp_path):
    pictures, file = awkward_pictures(tmp_path), whole / "mobilenetv2.ckpt"
    lines = on_each("import json, sys\n    import mindspore as ms, numpy as np", file, pictures, tmp_path)
    assert len((tmp_path / "code.py").read_text().splitlines()) == 26
    classifier = Classifier(str(file))
    assert len(lines) == len(pictures)
    for picture, line in zip(pictures, lines):
        expected = classifier.answer(picture.read_bytes()).confidences
        assert ast.literal_eval(line) == pytest.approx(expected, abs=1e-5), picture.name


def test_a_program_with_onnx_runtime_answers_as_the_program(drawings, tmp_path):
    export(str(checkpoint.EMBEDDED), "onnx", str(tmp_path / "network.onnx"))
    pictures = [drawings / "val" / name for name in ("dog/dog_001.jpg", "croissants/croissants_002.jpg")]
    pictures.append(tmp_path / "small.png")
    sample.draw("dog", [True, 3]).resize((50, 40)).save(pictures[-1])
    lines = on_each(
        "import json, sys\n    import numpy as np, onnxruntime", tmp_path / "network.onnx", pictures, tmp_path
    )
    for picture, line in zip(pictures, lines):
        answer = Classifier(str(checkpoint.EMBEDDED)).answer(picture.read_bytes())
        numbers = [float(number) for number in re.findall(r"[\d.]+(?:e-\d+)?", line)]
        assert line.startswith(f"{answer.label} [")
        assert numbers == pytest.approx(list(answer.confidences.values()), abs=1e-4)


def test_what_is_installed_for_an_export_leaves_numpy_as_it_is():
    """Without a limit, onnx brings NumPy 2, which MindSpore cannot use."""
    lines = [line for page in ROOT.glob("docs/**/*.md") for line in page.read_text(encoding="utf-8").splitlines()]
    commands = [line for line in lines if "pip install" in line and "onnx" in line]
    assert len(commands) == 4 and all('"numpy<2"' in command for command in commands)


def test_readme_is_one_look():
    for name in ("README.md", "README.zh-CN.md"):
        assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= 140


def test_architecture_names_files_and_modes_as_they_are():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w/]+\.py)` \| (\d+) \|", page, re.MULTILINE)
    assert len(rows) == 17
    for name, about in rows:
        file = ROOT / "train" / "train_dir" / name if name.startswith("mobilenetv2/") else ROOT / name
        lines = len(file.read_text(encoding="utf-8").splitlines())
        assert abs(lines - int(about)) <= 0.15 * lines, (name, lines)
    stages = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([\w, ]+) \|$", page, re.MULTILINE))
    assert stages == {mode: ", ".join(stage.__name__ for stage in row) for mode, row in MODES.items()}
