"""docs/library.md and docs/quickstart.ipynb: what they show is run as it stands."""

import json
import os
import re
import shutil
import subprocess
import sys

from conftest import ROOT, TRAIN


def run(program, cwd, **more):
    environment = {**os.environ, "PYTHONPATH": str(TRAIN.parent), **more}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_examples_of_the_page(few, built_in, cache, tmp_path):
    shutil.copytree(built_in, tmp_path / "output")
    shutil.copytree(few, tmp_path / "photos")
    shutil.copy(few / "val" / "dog" / "dog_003.jpg", tmp_path / "dog.jpg")
    (tmp_path / "photos" / "notes.jpg").touch()
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(?:^(?:    .*)?\n)+", page, re.MULTILINE)
    lines = [line[4:] for block in blocks for line in block.splitlines() if not line.startswith("    pip ")]
    program = "\n".join(lines).replace("epochs=5", f"epochs=1, cache_dir={str(cache)!r}, bad_files='skip'")
    said = run(program, tmp_path)
    assert said.startswith("dog {'croissants': ") and "notes.jpg has no answer: the file is empty" in said
    assert "val/dog/dog_000.jpg dog\n" in said and f"1.0 {tmp_path}/mine/mobilenetv2.ckpt\n" in said


def test_the_notebook(cache, tmp_path):
    file = ROOT / "docs" / "quickstart.ipynb"
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert file.stat().st_size < 200_000 and not any(cell.get("outputs") for cell in cells)
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "mobilenetv2-photos").symlink_to(cache)
    said = run("\n\n".join(code), tmp_path, HOME=str(tmp_path))
    assert re.search(r"^\d\d\d?\.\d% right in validation; .*/output/mobilenetv2\.ckpt$", said, re.MULTILINE)
    assert re.search(r"^\d+ mistakes$", said, re.MULTILINE) and "epoch 1: loss " in said
    assert len(re.findall(r"_\d+\.jpg: \w+ \(\d+% sure\)$", said, re.MULTILINE)) == 6 and " looks like " in said
