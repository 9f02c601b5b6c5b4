"""Which versions of Python, MindSpore and Gradio this project works with.

    python tests/versions.py                             everything that has a wheel, an hour or more
    python tests/versions.py --only 3.9,2.8.0 3.11,2.7.0,4
    python tests/versions.py --table [--chinese]         the table of the README, from what was recorded

Each pair gets a fresh environment with what inference/requirements.txt names, but with its own MindSpore; with a 4 as third part,
with the Gradio of Python 3.9. In a copy of the project it trains by default, answers a folder, opens the page and asks it about a
picture, and exports, if the project can. Its answers are compared with those of the pinned version on Python 3.11: those of a
checkpoint of its own, trained on the same drawings, and those that it gives with that version's checkpoint. What comes out is
recorded in tests/versions.json.

Pythons are taken from the PATH, from pyenv and from uv. One environment takes 3 GB on disk and is removed afterwards.
"""

import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import licences
from conftest import ROOT, free_port
from packaging.requirements import Requirement

RECORD = ROOT / "tests" / "versions.json"
PYTHONS = ("3.9", "3.10", "3.11", "3.12")
MINDSPORES = ("2.7.0", "2.7.1", "2.7.2", "2.8.0", "2.9.0", "2.10.0")
OLD = "3.9"  # the Python whose Gradio is version 4
REFERENCE = "3.11"  # the Python, with its pinned MindSpore, that all others are compared with
LIMIT = 0.01  # of a difference between two confidences
LONGEST = 1800  # seconds, of a step
# What would change a result is left out.
ENVIRONMENT = {name: os.environ[name] for name in os.environ if name not in ("PYTHONPATH", "CHECKPOINT", "ENGINE")}
# In the pair's environment, as docs/serving.md says.
ASK = """
import json, sys
from gradio_client import Client, handle_file
print(json.dumps(Client(sys.argv[1], verbose=False).predict(handle_file(sys.argv[2]), api_name="/predict")))
"""


class Pair(NamedTuple):
    """gradio: "4" where it is not the one that is required for this Python."""

    python: str
    mindspore: str
    gradio: str = ""


class Failed(Exception):
    """A step has failed: its name and the reason."""


def required(python: str, gradio: str = "") -> List[Requirement]:
    """What the requirements files name for this Python."""
    versions = zip(licences.FILES, (python, OLD if gradio else python))
    return [one for file, version in versions for one in licences.required(ROOT / file, version)]


def pinned(python: str) -> str:
    """The version of MindSpore that is required for this Python."""
    return next(str(one.specifier)[2:] for one in required(python) if one.name == "mindspore")


def pairs() -> List[Pair]:
    """All that are tried, the reference first."""
    found = [Pair(python, mindspore) for mindspore in MINDSPORES for python in PYTHONS]
    found += [Pair(python, pinned(python), "4") for python in PYTHONS if python != OLD]
    return sorted(found, key=lambda pair: pair != Pair(REFERENCE, pinned(REFERENCE)))


def interpreter(version: str) -> Optional[str]:
    """The path of a Python of this version."""
    home = Path.home()
    places = [shutil.which(f"python{version}") or ""]
    for pattern in (f".pyenv/versions/{version}.*/bin", f".local/share/uv/python/cpython-{version}.*/bin"):
        places += glob.glob(str(home / pattern / f"python{version}"))
    for place in filter(None, places):
        code = "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([place, "-c", code], capture_output=True, text=True)
        if done.stdout.strip() == version:
            return place
    return None


class Trial:
    """A pair in its environment. folder: an empty one; reference: that of the trial that it is compared with, or its own."""

    def __init__(self, pair: Pair, folder: Path, reference: Path):
        self.pair, self._folder, self._reference = pair, folder, reference
        self._python = str(folder / "environment" / "bin" / "python")
        self.result: Dict[str, Any] = {**pair._asdict(), "steps": [], "failed": None}

    def run(self) -> Dict[str, Any]:
        """All steps, up to the first that fails."""
        for step in (self.install, self.train, self.predict, self.page, self.export):
            started = time.time()
            try:
                if step() is not None:
                    continue
            except Failed as failure:
                self.result["failed"] = [step.__name__, str(failure)]
                break
            self.result["steps"].append(step.__name__)
            print(f"  {step.__name__}: {time.time() - started:.0f} s", flush=True)
        return self.result

    def _call(self, *command: Any) -> "subprocess.CompletedProcess[str]":
        try:
            done = subprocess.run(
                [str(part) for part in command],
                cwd=self._folder,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=LONGEST,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"took more than {LONGEST} seconds") from None
        if done.returncode:
            lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            errors = [line for line in lines if line.startswith("ERROR:")]  # of pip, which goes on with advice
            raise Failed((errors or lines or [f"exit code {done.returncode}"])[-1].strip())
        return done

    def install(self) -> None:
        python = interpreter(self.pair.python)
        if python is None:
            raise Failed(f"there is no Python {self.pair.python} here")
        self._call(python, "-m", "venv", "environment")
        names = [one for one in required(*self.pair[::2]) if one.name != "mindspore"]
        for one in names:
            one.marker = None
        lines = [f"mindspore=={self.pair.mindspore}", *map(str, names)]
        (self._folder / "requirements.txt").write_text("\n".join(lines), encoding="utf-8")
        self._call(self._python, "-m", "pip", "install", "--no-compile", "-r", "requirements.txt")
        self._call(self._python, "-m", "pip", "check")
        found = json.loads(self._call(self._python, "-m", "pip", "list", "--format", "json").stdout)
        versions = {one["name"].lower(): one["version"] for one in found}
        self.result["versions"] = {name: versions[name] for name in ("mindspore", "gradio", "numpy", "pillow")}

    def train(self) -> None:
        for part in ("train", "inference"):
            shutil.copytree(ROOT / part, self._folder / part, ignore=shutil.ignore_patterns("__pycache__", "output"))
        done = self._call(self._python, "train/train_dir/train.py", "--cache_dir", "cache")
        self.result["engine"] = "The CPU engine is not used" not in done.stdout + done.stderr
        metrics = json.loads((self._folder / "output" / "metrics.json").read_text(encoding="utf-8"))
        self.result["right"] = [metrics["val"]["correct"], metrics["val"]["count"]]

    def _pictures(self) -> Path:
        """The drawings that the reference has validated with."""
        return self._reference / "output" / "sample" / "val"

    def _answers(self, checkpoint: Path, pictures: Path) -> Dict[str, Any]:
        """By file."""
        command = ("inference/predict.py", "--checkpoint", checkpoint, "--format", "jsonl", pictures)
        return {one["file"]: one for one in map(json.loads, self._call(self._python, *command).stdout.splitlines())}

    def _trained(self) -> Path:
        """The output of a training on the drawings of the reference: another Pillow draws them a little otherwise."""
        own, reference = (
            json.loads((folder / "output" / "metrics.json").read_text(encoding="utf-8"))["data"]["fingerprint"]
            for folder in (self._folder, self._reference)
        )
        if own == reference:
            return self._folder / "output"
        sample = self._reference / "output" / "sample"
        arguments = ("--data_url", sample, "--output_path", "compared/output", "--cache_dir", "cache")
        self._call(self._python, "train/train_dir/train.py", *arguments)
        return self._folder / "compared" / "output"  # where the page does not find it

    def predict(self) -> None:
        own = self._answers(self._trained(), self._pictures())
        file = self._reference / "answers.json"
        if self._reference == self._folder:
            file.write_text(json.dumps(own), encoding="utf-8")
        expected = json.loads(file.read_text(encoding="utf-8"))
        self.result["trained"] = difference(own, expected)
        answers = self._answers(self._reference / "output", self._pictures())
        self.result["answered"] = difference(answers, expected)

    def page(self) -> None:
        file = min(self._pictures().rglob("*.jpg"))
        expected = self._answers(self._folder / "output", file)
        url, log = f"http://127.0.0.1:{(port := free_port())}", self._folder / "page.log"
        environment = {**ENVIRONMENT, "GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1"}
        with open(log, "wb") as stream:
            page = subprocess.Popen(
                [self._python, "inference/app.py"], cwd=self._folder, env=environment, stdout=stream, stderr=stream
            )
        try:
            wait_for(url, page, log)
            answer = json.loads(self._call(self._python, "-c", ASK, url, file).stdout.splitlines()[-1])
        finally:
            page.terminate()
            page.wait(LONGEST)
        difference({str(file): answer}, expected, 1e-6)

    def export(self) -> Optional[str]:
        """A reason where there is nothing to do."""
        if not (self._folder / "inference" / "export.py").is_file():
            return "this project does not export"
        # With the rest, or else NumPy 2 comes with them, which MindSpore does not take.
        packages = ("onnx", "onnxruntime", "-r", "requirements.txt")
        self._call(self._python, "-m", "pip", "install", "--no-compile", *packages)
        self._call(self._python, "-m", "pip", "check")
        arguments = ("--format", "onnx,onnx-8bit,mindir", "--data_url", "output/sample", "--cache_dir", "cache")
        self._call(self._python, "inference/export.py", "output", *arguments, "--output", "exported")
        return None


def wait_for(url: str, page: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until it answers. Raises Failed where it ends first, or takes too long."""
    for _ in range(10 * LONGEST):
        try:
            urllib.request.urlopen(url, timeout=60).close()
            return
        except OSError:
            if page.poll() is not None:
                raise Failed((log.read_text(encoding="utf-8").splitlines() or ["the page ended"])[-1]) from None
            time.sleep(0.1)
    raise Failed("the page did not open")


def difference(found: Dict[str, Any], expected: Dict[str, Any], limit: float = LIMIT) -> float:
    """The largest between the confidences of two sets of answers. Raises Failed above the limit, and for other labels."""
    if set(found) != set(expected) or any("error" in one for one in found.values()):
        raise Failed("not every picture has an answer")
    most = 0.0
    for file, one in found.items():
        if one["label"] != expected[file]["label"]:
            raise Failed(f"another label than the reference: {one['label']}, not {expected[file]['label']}")
        confidences = expected[file]["confidences"]
        most = max(most, *(abs(one["confidences"][name] - confidences[name]) for name in confidences))
    if most > limit:
        raise Failed(f"confidences differ by {most:.3g}")
    return float(f"{most:.2g}")


class Words(NamedTuple):
    """Of the table, in one language."""

    equal: str
    slower: str
    partly: str
    missing: str
    fails: str
    untried: str
    comma: str


ENGLISH = Words("equal", "{}, slower", "{}, export not tried", "no wheel", "fails: {}", "not tried", ", ")
CHINESE = Words("相同", "{}，较慢", "{}，未试导出", "没有安装包", "失败：{}", "未试", "，")


def table(results: Sequence[Dict[str, Any]], words: Words) -> str:
    """The table of the README: by Python and MindSpore, the largest difference from the reference, or what fails."""
    by_pair = {Pair(one["python"], one["mindspore"], one["gradio"]): one for one in results}
    lines = [["Python", "Gradio", *(f"MindSpore {MINDSPORES[0]}", *MINDSPORES[1:])]]
    lines.append(["---"] * len(lines[0]))
    for python in PYTHONS:
        tried = [by_pair.get(Pair(python, pinned(python), gradio)) for gradio in ("", "4")]
        gradios = words.comma.join(_gradio(one, words) for one in tried if one and "versions" in one)
        row = (by_pair.get(Pair(python, mindspore)) for mindspore in MINDSPORES)
        lines.append([python, gradios, *(_cell(one, words) for one in row)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _gradio(one: Dict[str, Any], words: Words) -> str:
    version = one["versions"]["gradio"]
    return f"{version} {words.fails.format(one['failed'][0])}" if one["failed"] and one["gradio"] else version


def _cell(one: Optional[Dict[str, Any]], words: Words) -> str:
    if one is None:
        return words.untried
    if one["failed"]:
        step, reason = one["failed"]
        return words.missing if "No matching distribution found for mindspore" in reason else words.fails.format(step)
    text = f"{max(one['trained'], one['answered']):.6f}".rstrip("0")
    text = words.equal if text == "0." else text
    text = text if one["engine"] else words.slower.format(text)
    text = text if "export" in one["steps"] else words.partly.format(text)
    return f"**{text}**" if one["mindspore"] == pinned(one["python"]) else text


def recorded() -> List[Dict[str, Any]]:
    return json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else []


def record(result: Dict[str, Any]) -> None:
    """Put it in the place of an earlier one of its pair."""
    key = [result[name] for name in Pair._fields]
    others = [one for one in recorded() if [one[name] for name in Pair._fields] != key]
    results = sorted(
        [*others, result], key=lambda one: [[*map(int, re.findall(r"\d+", one[name]))] for name in Pair._fields]
    )
    text = ",\n".join(json.dumps(one, ensure_ascii=False) for one in results)
    RECORD.write_text(f"[\n{text}\n]\n", encoding="utf-8")


def try_out(wanted: List[Pair], work: Path) -> bool:
    """Try them, and first the reference where the folder has none; record and print what comes out. Returns whether it has one
    now."""
    reference = work / "reference"
    answers = reference / "answers.json"
    if not answers.is_file():
        wanted = [pairs()[0], *(pair for pair in wanted if pair != pairs()[0])]
    for pair in wanted:
        print(f"Python {pair.python}, MindSpore {pair.mindspore}{', Gradio 4' if pair.gradio else ''}", flush=True)
        folder = work / "trial" if answers.is_file() else reference
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        result = Trial(pair, folder, reference).run()
        record(result)
        print(f"  {result['failed'] or 'works'}", flush=True)
        shutil.rmtree(folder / "environment", ignore_errors=True)
        if not answers.is_file():
            return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="PYTHON,MINDSPORE[,4]", help="these alone")
    parser.add_argument(
        "--work", help="folder for environments (default: a temporary one); a reference that is there is used"
    )
    parser.add_argument("--table", action="store_true", help="print the table only")
    parser.add_argument("--chinese", action="store_true", help="the table in Chinese")
    arguments = parser.parse_args()
    works = True
    if not arguments.table:
        wanted = pairs()
        if arguments.only:
            known = {",".join(filter(None, pair)): pair for pair in wanted}
            strange = [text for text in arguments.only if text not in known]
            if strange:
                parser.error(f"--only: not known: {' '.join(strange)}; expected one or more of {' '.join(known)}")
            wanted = [known[text] for text in arguments.only]
        with tempfile.TemporaryDirectory() as folder:
            works = try_out(wanted, Path(arguments.work or folder).resolve())
    print(table(recorded(), CHINESE if arguments.chinese else ENGLISH), end="")
    return 0 if works else 1


if __name__ == "__main__":
    sys.exit(main())
