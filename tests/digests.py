"""What every kind of training leaves, as digests: a change that must not change results prints the same before and after.

    python tests/digests.py FOLDER > before.txt        # FOLDER is made anew and is for what the runs leave

Prints a line for each run and file: SHA-256 of mobilenetv2.ckpt, check.json, validation.csv and README.md as they are, of
metrics.json, history.csv and report.html without times, memory and the command. The photos are drawings, with a few planted
defects.
"""

import hashlib
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train" / "train_dir"))

import mindspore as ms
import numpy as np
from PIL import Image, ImageOps

import train

SMALL = ["--image_size=64", "--batch_size=8", "--epochs=2", "--bad_files=skip", "--leaks=drop"]
STUDENT = ["--teacher_url=start.ckpt", "--image_size=32", "--last=64"]
RUNS: Dict[str, List[str]] = {
    "head": ["--pretrain_url=start.ckpt", "--epochs=20", "--language=zh"],
    "head, other weights": ["--pretrain_url=weights.npz", "--image_size=128"],
    "head, compact": ["--pretrain_url=start.ckpt", "--compact"],
    "unfreeze 2": ["--pretrain_url=start.ckpt", "--unfreeze=2"],
    "unfreeze all": ["--pretrain_url=start.ckpt", "--unfreeze=all"],
    "random": ["--pretrain_url=random"],
    "teacher": STUDENT,
    "teacher, compact": [*STUDENT, "--compact"],
    "check": ["--check", "--pretrain_url=weights.npz", "--image_size=128"],
    "check, no weights": ["--check", "--pretrain_url=random", "--language=zh"],
    "check, stopped": ["--check", "--leaks=stop", "--bad_files=stop"],
}
FILES: Dict[str, Callable[[bytes], bytes]] = {
    "mobilenetv2.ckpt": lambda content: content,
    "check.json": lambda content: content,
    "validation.csv": lambda content: content,
    "README.md": lambda content: content,
    "history.csv": lambda content: history_without_times(content.decode()).encode(),
    "metrics.json": lambda content: json.dumps(without_times(json.loads(content))).encode(),
    "report.html": lambda content: report_without_times(content.decode()).encode(),
}


def without_times(value: Any) -> Any:
    """A JSON value without what is measured by a clock, or of memory."""
    if isinstance(value, list):
        return [without_times(entry) for entry in value]
    if isinstance(value, dict):
        measured = ("seconds", "step_ms", "milliseconds", "peak_memory_mib")
        return {name: without_times(entry) for name, entry in value.items() if name not in measured}
    return value


def report_without_times(page: str) -> str:
    page = re.sub(r"\d+(\.\d+)? (ms|MiB)<", r"\2<", page)
    page = re.sub(r'<span class="number">\d+\.\d</span><span class="meter" style="[^"]*">', "", page)
    return re.sub(r'<pre dir="ltr">[^<]*', "", page)


def history_without_times(table: str) -> str:
    """Without the columns "seconds" and "step ms", the last but two."""
    return "\n".join(re.sub(r"(,[^,]*){2}(?=,[^,]*$)", "", line) for line in table.splitlines())


def run(output: str, arguments: List[str]) -> int:
    """The exit code of train.py, run in a process that is forked from this one: nothing has to be imported again."""
    pid = os.fork()
    if pid == 0:
        log = os.open(f"{output}.log", os.O_WRONLY | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os._exit(train.main([*arguments, f"--output_path={output}", "--cache_dir=cache"]))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def as_torchvision(parameters: Dict[str, Any]) -> Dict[str, np.ndarray]:
    """Labels are only questioned with weights that are not of this program."""
    parts = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
    found = {}
    for name, parameter in parameters.items():
        if not name.startswith("features."):
            continue
        place, _, part = name.rpartition(".")
        pair = re.fullmatch(r"(features\.(\d+)\.conv)\.(\d)\.(\d)", place)
        if pair and int(pair[3]) == (1 if pair[2] == "1" else 2):  # the last pair of a block has no folder of its own
            place = f"{pair[1]}.{int(pair[3]) + int(pair[4])}"
        found[f"{place}.{parts.get(part, part)}"] = parameter.asnumpy()
    return found


def prepare() -> None:
    """A network to start from, the same under torchvision's names, and photos with a defect of each kind."""
    assert run("start", ["--epochs=2", "--thumbnails=0"]) == 0
    shutil.copy("start/mobilenetv2.ckpt", "start.ckpt")
    np.savez("weights.npz", **as_torchvision(ms.load_checkpoint("start.ckpt")))
    for split, count in (("train", 30), ("val", 5)):
        for class_ in ("croissants", "dog"):
            Path("photos", split, class_).mkdir(parents=True)
            for file in sorted(Path("start/sample", split, class_).iterdir())[:count]:
                shutil.copy(file, Path("photos", split, class_))
    dogs, drawing = Path("photos/train/dog"), Image.open("photos/train/dog/dog_000.jpg")
    ImageOps.mirror(drawing).save(dogs / "mirrored.jpg")
    drawing.resize((96, 96)).save(dogs.parent / "croissants" / "conflict.png")
    Image.open("photos/val/dog/dog_001.jpg").save(dogs / "leak.png")
    shutil.copy(dogs / "dog_003.jpg", dogs / "wrong_name.png")
    shutil.copy("start/sample/train/dog/dog_060.jpg", dogs.parent / "croissants" / "wrong_class.jpg")
    (dogs / "broken.jpg").write_bytes(b"no picture")
    (dogs / "notes.txt").write_text("a stray")
    Image.new("RGB", (200, 200), "red").save(dogs / "red.png")
    drawing.resize((30, 30)).save(dogs / "tiny.png")
    for file in sorted((dogs.parent / "croissants").glob("croissants_*")):
        if file.stem > "croissants_007":  # so that there are far fewer croissants than dogs
            file.unlink()
        else:  # so that the size gives them away
            Image.open(file).resize((150, 150)).save(file)
    (dogs.parent / "neither").mkdir()
    for number in range(6):
        Image.effect_noise((80, 60), 20 + 10 * number).save(dogs.parent / "neither" / f"{number}.png")


def main(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.chdir(folder)
    prepare()
    for name, arguments in RUNS.items():
        output = name.replace(" ", "_").replace(",", "")
        print(f"{name}: exit code", run(output, ["--data_url=photos", *arguments, *SMALL]))  # the first value counts
        for file, reduced in FILES.items():
            place = Path(output, file)
            digest = hashlib.sha256(reduced(place.read_bytes())).hexdigest()[:32] if place.exists() else "none"
            print(f"{name}: {file}", digest, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
