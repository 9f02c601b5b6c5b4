"""The folders that hosts can serve. `python tests/published.py` installs them in fresh environments, too."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version

import httpx
import publish
import pytest
import yaml
from conftest import ROOT
from hosts import HOSTS, LARGEST, PYTHON
from packaging.requirements import Requirement
from pages import Server, predict
from published import copy, environment, listed, steps
from test_supply import needs_pins

from mobilenetv2 import checkpoint_search as checkpoints
from mobilenetv2.classifier import Classifier
from mobilenetv2.model.checkpoint import EMBEDDED
from mobilenetv2.runtime.errors import UserError

TITLE = '狗 or "bread": what?'


@pytest.fixture
def published(tmp_path, caplog):
    """published(host, output, ...): the folder, whose name has a space and Chinese characters."""

    def published(host, output=EMBEDDED, *more):
        caplog.set_level("INFO")
        folder = tmp_path / f"给 {host}"
        assert publish.main([str(output), "--to", str(folder), "--host", host, *more]) == 0, caplog.text
        return folder

    return published


def files(folder):
    return {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}


def front(folder):
    return yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])


def asked(server, picture):
    with httpx.Client(base_url=server.url, timeout=60) as client:
        assert client.get("/config").json()["title"] == TITLE
        return predict(client, picture)


@pytest.fixture
def picture(drawings):
    return drawings / "val" / "dog" / "dog_001.jpg"


@pytest.mark.parametrize("host", ["spaces", "xihe"])
def test_the_page_of_a_folder_answers(host, published, drawn, picture):
    more = ["--title", TITLE, *(["--model", "me/dogs"] if host == "xihe" else [])]
    folder = published(host, drawn, *more)
    if host == "xihe":  # the platform puts it there
        assert not list(folder.rglob("mobilenetv2.ckpt"))
        shutil.copy(drawn / "mobilenetv2.ckpt", folder / "inference")
    with Server(folder / "inference" if host == "xihe" else folder, CHECKPOINT="", TITLE="") as server:
        answer = asked(server, picture)
    expected = Classifier(str(drawn)).answer(picture.read_bytes())
    assert answer["label"] == "dog" and answer["confidences"] == pytest.approx(expected.confidences)


def test_the_image_of_docker_has_all_that_the_page_needs(published, drawn, picture, tmp_path):
    """The steps of the Dockerfile, without its packages."""
    folder = published("docker", drawn, "--title", TITLE)
    dockerfile = steps((folder / "Dockerfile").read_text(encoding="utf-8"))
    names = [name for name, _ in dockerfile]
    assert names.index("USER") < names.index("CMD") and dict(dockerfile)["USER"] == "page"
    assert dockerfile[0] == ("FROM", f"python:{PYTHON}-slim-bookworm") and dict(dockerfile)["EXPOSE"] == "7860"
    assert environment(dockerfile)["GRADIO_SERVER_NAME"] == "0.0.0.0"
    image = tmp_path / "image"
    copy(folder, dockerfile, image)
    health, command = listed(dict(dockerfile)["HEALTHCHECK"]), listed(dict(dockerfile)["CMD"])
    assert health[0] == command[0] == "python"
    values = {"GRADIO_SERVER_NAME": "0.0.0.0", "CHECKPOINT": "", "TITLE": ""}
    with Server(image, command=[sys.executable, *command[1:]], **values) as server:
        port = {"GRADIO_SERVER_PORT": server.url.rpartition(":")[2]}
        assert asked(server, picture)["label"] == "dog"
        assert subprocess.run([sys.executable, *health[1:]], env=port).returncode == 0
    assert server.process.wait() == 0
    assert subprocess.run([sys.executable, *health[1:]], env=port, capture_output=True).returncode == 1


def test_the_code_of_the_card_runs_in_the_folder(published, drawn, picture):
    folder = published("spaces", drawn)
    code = re.search("```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    shutil.copy(picture, folder / "photo.jpg")
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("dog "), done.stderr


def test_nothing_of_the_run_but_checkpoint_and_card(published, drawn):
    folder = published("spaces", drawn)
    found = files(folder)
    others = {name for name in found if not name.startswith(("train/", "inference/"))}
    assert others == {"README.md", "app.py", "requirements.txt", "LICENSE", ".gitattributes", ".gitignore"}
    assert found["inference/mobilenetv2.ckpt"].read_bytes() == (drawn / "mobilenetv2.ckpt").read_bytes()
    assert {file.suffix for file in found.values()} == {".py", ".typed", ".ckpt", ".txt", ".json", ".md", ".html", ""}
    scripts = {file.name for file in (ROOT / "inference").glob("*.py")}
    left_out = {"__init__.py", "export.py", "web_page.py", "publish.py", "hosts.py"}  # the page uses none of these
    assert {name for name in found if name.startswith("inference/") and name.endswith(".py")} == {
        f"inference/{name}" for name in scripts - left_out
    }
    assert not [name for name in found if "__pycache__" in name]
    for file in found.values():
        content = file.read_bytes()
        assert not any(os.fsencode(path) in content for path in (drawn, drawn.parent, ROOT))
    texts = found["README.md"].read_text(encoding="utf-8")
    assert "20 of 20 (83" in texts and "report.html" not in texts and "metrics.json" not in texts
    program = {name for name in found if name.startswith("train/train_dir/mobilenetv2/")}
    package = ROOT / "train" / "train_dir" / "mobilenetv2"
    assert {f"train/train_dir/mobilenetv2/{name}" for name in files(package) if "__pycache__" not in name} == program


def test_thumbnails_are_published_only_when_asked_for(published, drawn, caplog):
    folder = published("docker", drawn)
    assert not list(folder.rglob("*.jpg")) and "are left out" in caplog.text
    shutil.rmtree(folder)
    folder = published("docker", drawn, "--thumbnails")
    assert (folder / "inference" / "mobilenetv2.thumbnails.jpg").is_file()
    assert list(Classifier(str(folder / "inference" / "mobilenetv2.ckpt")).training_photos()) == ["croissants", "dog"]


@needs_pins
@pytest.mark.parametrize("host", ["spaces", "modelscope", "docker"])
def test_requirements_are_the_installed_versions(host, published):
    text = (published(host) / "requirements.txt").read_text(encoding="utf-8")
    found = [Requirement(line) for line in text.splitlines() if not line.startswith("#")]
    assert {one.name: str(one.specifier) for one in found} == {one.name: f"=={version(one.name)}" for one in found}
    assert {"gradio", "mindspore", "numpy", "pillow"} <= {one.name for one in found}
    assert ("starlette" in text) == (host == "docker")


def test_front_matter_of_spaces(published, drawn, tmp_path, caplog):
    own = shutil.copytree(drawn, tmp_path / "own")
    card = (own / "README.md").read_text(encoding="utf-8").replace("license: other", "license: mit")
    (own / "README.md").write_text(card, encoding="utf-8")
    values = front(published("spaces", own, "--title", TITLE))
    assert "Fill in the licence" not in caplog.text
    version = values.pop("sdk_version")
    assert f"gradio=={version}\n" in (ROOT / "inference" / f"requirements-{PYTHON}.txt").read_text()
    assert values == {
        "title": TITLE,
        "emoji": "📷",
        "colorFrom": "blue",
        "colorTo": "green",
        "sdk": "gradio",
        "python_version": "3.11",
        "app_file": "app.py",
        "pinned": False,
        "license": "mit",
        "tags": ["image-classification", "mindspore", "mobilenetv2"],
    }


def test_files_of_modelscope(published):
    folder = published("modelscope")
    assert front(folder)["deployspec"] == {"entry_file": "app.py"} and front(folder)["domain"] == ["cv"]
    deploy = json.loads((folder / "ms_deploy.json").read_text())
    assert deploy["sdk_type"] == "gradio" and "py311" in deploy["base_image"]
    assert (folder / "app.py").read_bytes() == (published("spaces") / "app.py").read_bytes()


def test_a_project_of_xihe_has_no_large_file_and_finds_its_checkpoint(published, monkeypatch, tmp_path):
    folder = published("xihe")
    assert all(file.stat().st_size <= LARGEST and name.isascii() for name, file in files(folder).items())
    assert json.loads((folder / "inference" / "config.json").read_text()) == {"model_path": []}
    assert not (folder / ".gitattributes").exists() and (folder / "inference" / "requirements.txt").is_file()
    monkeypatch.setattr(checkpoints, "HERE", folder / "inference")
    monkeypatch.delenv("CHECKPOINT", raising=False)
    monkeypatch.chdir(tmp_path)
    assert checkpoints.find_checkpoint() == str(folder / "inference" / "mobilenetv2.ckpt")


def test_a_large_checkpoint_goes_into_a_model_repository_of_xihe(published, built_in, tmp_path, caplog):
    arguments = [str(built_in), "--to", str(tmp_path / "new"), "--host", "xihe"]
    assert publish.main(arguments) == 2 and "no file over 200 KB" in caplog.text and not (tmp_path / "new").exists()
    folder = published("xihe", built_in, "--model", "me/dogs")
    config = json.loads((folder / "inference" / "config.json").read_text())
    assert config == {"model_path": ["me/dogs/mobilenetv2.ckpt"]}
    assert f"Put {built_in}/mobilenetv2.ckpt as mobilenetv2.ckpt into the model repository me/dogs." in caplog.text
    assert not list(folder.rglob("mobilenetv2.ckpt"))


@pytest.mark.parametrize("host", HOSTS)
def test_a_checkpoint_alone_has_a_card_of_what_it_knows(host, published):
    folder = published(host)
    assert front(folder)["license"] == "other"
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert text.startswith("---\n") and "| croissants | 318 | 44 | 40 of 44 (" in text
    assert "Of 143 validation photos, 136 are answered right." in text and "143 张验证照片中答对 136 张" in text
    assert "did not use the validation photos" not in text


@pytest.mark.parametrize(
    "to, more, said",
    [
        ("full", [], "this folder has files"),
        ("full/mine.txt", [], "a file is in the place of the folder"),
        ("full/mine.txt/new", [], "cannot be written"),
        ("output/new", [], "from which files are taken"),
        (str(ROOT / "inference" / "new"), [], "from which files are taken"),
        ("new", ["--model", "me/dogs"], "--model: only --host xihe takes it"),
        ("new", ["--thumbnails"], "--thumbnails: "),
        ("new", ["--titel", "x"], "did you mean --title?"),
        ("full", ["--model", "x"], "only --host xihe takes it"),
    ],
)
def test_what_cannot_be_published_is_said_and_nothing_is_changed(
    to, more, said, built_in, tmp_path, monkeypatch, caplog
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(built_in, tmp_path / "output")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    before = {name: file.read_bytes() for name, file in files(tmp_path).items()}
    assert publish.main(["output", "--to", to, "--host", "docker", *more]) == 2
    assert said in caplog.text and "Traceback" not in caplog.text
    if to == "full" and more:
        assert "this folder has files" in caplog.text  # all problems at once
    assert {name: file.read_bytes() for name, file in files(tmp_path).items()} == before
    assert not (ROOT / "inference" / "new").exists() and {one.name for one in tmp_path.iterdir()} == {"output", "full"}


@pytest.mark.parametrize("content", [None, b"", b"no checkpoint"])
def test_a_checkpoint_that_cannot_be_used_is_said(content, tmp_path, caplog):
    if content is not None:
        (tmp_path / "mobilenetv2.ckpt").write_bytes(content)
    arguments = [str(tmp_path / "mobilenetv2.ckpt"), "--to", str(tmp_path / "new"), "--host", "spaces"]
    assert publish.main(arguments) == 2 and "mobilenetv2.ckpt: " in caplog.text
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_that_was_not_finished_leaves_nothing(there, tmp_path):
    target = tmp_path / "target"
    if there:
        target.mkdir()
    with pytest.raises(KeyboardInterrupt), publish.written_at_once(target) as stage:
        (stage / "folder").mkdir()
        (stage / "folder" / "file").write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.rglob("*")) == [target] * there


def test_a_file_that_came_meanwhile_is_kept(tmp_path):
    with pytest.raises(UserError, match=r"there is a new b\.txt in it"), publish.written_at_once(tmp_path) as stage:
        for name in ("a.txt", "b.txt"):
            (stage / name).write_text("ours")
        (tmp_path / "b.txt").write_text("mine")
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {"b.txt": "mine"}


def test_an_empty_folder_may_be_the_working_folder(tmp_path, monkeypatch, built_in):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert publish.main([str(built_in), "--to", ".", "--host", "spaces"]) == 0
    assert {one.name for one in (tmp_path / "here").iterdir()} == {
        *("README.md", "app.py", "requirements.txt", "LICENSE", ".gitattributes", ".gitignore", "inference", "train")
    }
