"""The project installed, from a wheel and as it lies, in folders with Chinese names and spaces; commands run from elsewhere."""

import csv
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from conftest import ROOT
from licences import FILES, plain, required
from packaging.requirements import Requirement
from pages import opened

BASE = Path(pytest.__file__).resolve().parent.parent  # where the dependencies are installed
NAMES = ("train", "inference", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "CHECKPOINT")}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **more}


def run(*command, cwd, code=0, **more):
    """What the command writes on standard output."""
    command = [str(part) for part in command]
    done = subprocess.run(command, cwd=cwd, env=environment(**more), capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def installed(folder, *arguments):
    """The programs of a new environment, in which pip has installed what the arguments say; dependencies are those of here."""
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "base.pth").write_text(f"{BASE}\n", encoding="utf-8")
    pip = (folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    run(*pip, "--no-deps", "--no-build-isolation", *arguments, cwd=folder)
    return folder / "bin"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy, so that a build leaves nothing in this one."""
    root = tmp_path_factory.mktemp("项 目")
    for name in NAMES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, root / name)
    for name in ("output", "__pycache__"):
        for folder in list(root.rglob(name)):
            shutil.rmtree(folder)
    return root


@pytest.fixture(scope="module")
def wheel(project):
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet")
    run(*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", "wheels", ".", cwd=project)
    (file,) = (project / "wheels").glob("*.whl")
    return file


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory):
    return installed(tmp_path_factory.mktemp("环 境") / "wheel", wheel)


def test_the_wheel_has_all_that_is_needed_and_says_what_it_needs(project, wheel):
    """Every file of both folders, but for what installed programs do not read."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (information,) = (archive.read(name) for name in names if name.endswith("METADATA"))
    places = {"train/train_dir/mobilenetv2/": "mobilenetv2/", "inference/": "mobilenetv2_page/"}
    # Of the README, and of publish.py, which writes folders from the project as it lies and is no command.
    left_out = {"inference/page.png", "inference/requirements-3.11.txt"}
    for place, package in places.items():
        files = [file for file in (project / place).rglob("*") if file.is_file()]
        wanted = {f"{package}{file.relative_to(project / place).as_posix()}" for file in files}
        wanted -= {name.replace(place, package) for name in left_out}
        assert {name for name in names if name.startswith(package)} == wanted
    assert {name.split("/")[0] for name in names} == {
        "mobilenetv2",
        "mobilenetv2_page",
        f"{wheel.stem.rsplit('-', 3)[0]}.dist-info",
    }
    said = information.decode()
    needed = {
        plain(str(Requirement(line))) for line in re.findall(r"^Requires-Dist: ((?!.*extra ==).+)$", said, re.MULTILINE)
    }
    lines = [line for name in FILES for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    assert needed == {plain(str(Requirement(line))) for line in lines if line and line[0] not in "#-"}
    extra = [Requirement(line) for line in re.findall(r"^Requires-Dist: (.+extra == .export.)$", said, re.MULTILINE)]
    tested = {plain(one.name): one.specifier for one in required(ROOT / "tests" / "requirements.txt")}
    assert {plain(one.name): one.specifier for one in extra} == {
        name: tested[name] for name in ("onnx", "onnxruntime", "ml-dtypes")
    }
    assert "License: Apache-2.0" in said or "License-Expression: Apache-2.0" in said


def test_the_commands_of_the_wheel(programs, few, cache, tmp_path):
    place = tmp_path / "工 作"
    place.mkdir()
    said = run(programs / "mobilenetv2-train", f"--data_url={few}", "--epochs=1", f"--cache_dir={cache}", cwd=place)
    assert said.endswith("\n    mobilenetv2-page\n")
    program = "from pathlib import Path; from mobilenetv2.messages import next_steps; print(next_steps(Path('a b'), 'drawings'))"
    assert run(programs / "python", "-c", program, cwd=tmp_path).splitlines()[-3:] == [
        "    mobilenetv2-page",
        "  It was trained on drawings. Train on your own photos, in one folder per class (photos/cat, photos/dog):",
        "    mobilenetv2-train --data_url photos",
    ]
    assert run(programs / "mobilenetv2-train", "--help", cwd=place).startswith(
        "usage: mobilenetv2-train [--name value]"
    )
    run(programs / "mobilenetv2-train", "--epoch=1", cwd=place, code=2)
    picture = few / "val" / "dog" / "dog_003.jpg"
    (row,) = csv.DictReader(io.StringIO(run(programs / "mobilenetv2-predict", picture, cwd=place)))
    assert row["label"] == "dog"
    program = "import sys; from mobilenetv2 import load; m = load(); print(m.file, m(sys.argv[1]).confidences['dog'])"
    file, confidence = run(programs / "python", "-c", program, picture, cwd=place).rsplit(" ", 1)
    assert file == str(place / "output" / "mobilenetv2.ckpt") and f"{float(confidence):.6f}" == row["confidence dog"]


def test_the_page_of_the_wheel(programs, tmp_path):
    place = tmp_path / "工 作"
    place.mkdir()
    said = opened(shlex.quote(str(programs / "mobilenetv2-page")), place, environment(GRADIO_TEMP_DIR=str(tmp_path)))
    assert "site-packages/mobilenetv2/model/pretrained.ckpt" in said


def test_installed_as_it_lies(project, drawings, tmp_path):
    """pip install -e: what is changed in the checkout is what runs."""
    programs = installed(tmp_path / "环 境", "--editable", project)
    (packages,) = programs.parent.glob("lib/python*/site-packages")
    (information,) = packages.glob("*.dist-info")
    commands = {one.name for one in Distribution.at(information).entry_points if one.group == "console_scripts"}
    assert commands == {f"mobilenetv2-{name}" for name in ("train", "predict", "page", "export")}
    picture = drawings / "val" / "dog" / "dog_003.jpg"
    said = run(programs / "mobilenetv2-predict", picture, "--format=jsonl", cwd=tmp_path)
    assert '"label": "dog"' in said
    said = run(programs / "python", "-c", "import mobilenetv2 as m; print(m.__file__)", cwd=tmp_path)
    assert Path(said.strip()) == project / "train" / "train_dir" / "mobilenetv2" / "__init__.py"
    (project / "inference" / "export.py").write_text(
        "import sys\nfrom location import HERE\nprint(HERE, *sys.argv[1:])\n"
    )
    said = run(programs / "mobilenetv2-export", "output", "--format=onnx", cwd=tmp_path)
    assert said == f"{project / 'inference'} output --format=onnx\n"
