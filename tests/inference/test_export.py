"""Export, run as its users do; each file is loaded in its own runtime by a program that knows nothing of this project."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import Run
from export import main

from mobilenetv2.classifier import Classifier
from mobilenetv2.data.image import center_crop, decode
from mobilenetv2.export import formats, graph
from mobilenetv2.model import checkpoint

BUILT_IN = str(checkpoint.EMBEDDED)
FILES = {"mobilenetv2.onnx", "mobilenetv2.8bit.onnx", "mobilenetv2.mindir", "mobilenetv2.mindir.json"}
# Read crops u8 [N, S, S, 3], print confidences; without MindSpore, or without this project.
ONNX = """
import json, sys
sys.modules["mindspore"] = sys.modules["mobilenetv2"] = None
import numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == ["croissants", "dog"]
found = session.run(["confidences"], {"image": numpy.load(sys.argv[2])})[0]
print(json.dumps(found.tolist()))
"""
MINDIR = """
import json, sys
sys.modules["mobilenetv2"] = None
import mindspore, numpy
assert json.load(open(sys.argv[1] + ".json", encoding="utf-8"))["classes"] == ["croissants", "dog"]
graph = mindspore.nn.GraphCell(mindspore.load(sys.argv[1]))
print(json.dumps(graph(mindspore.Tensor(numpy.load(sys.argv[2])))[0].asnumpy().tolist()))
"""


def elsewhere(program: str, *arguments: Path) -> np.ndarray:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, cwd=arguments[0].parent
    )
    assert done.returncode == 0, done.stderr
    return np.array(json.loads(done.stdout.splitlines()[-1]))


def test_each_file_answers_in_its_own_runtime(few, tmp_path, capsys, caplog):
    arguments = [BUILT_IN, "--format=onnx,onnx-8bit,mindir", f"--data_url={few}", f"--cache_dir={tmp_path / 'cache'}"]
    assert main([*arguments, "--output", str(tmp_path / "out")]) == 0, caplog.text
    assert {file.name for file in (tmp_path / "out").iterdir()} == FILES
    title, heads, *rows = capsys.readouterr().out.splitlines()
    assert title == "Compared on 10 validation photos:" and heads.split()[:2] == ["format", "kB"]
    assert [row.split()[0] for row in rows] == ["onnx", "onnx-8bit", "mindir"]
    classifier = Classifier(BUILT_IN)
    rule = classifier.description.preprocessing
    files = sorted((few / "val").rglob("*.jpg"))
    crops = np.stack([np.asarray(center_crop(decode(file.read_bytes(), rule.size), rule)) for file in files])
    np.save(tmp_path / "crops.npy", crops)
    expected = np.array([list(classifier.answer(file.read_bytes()).confidences.values()) for file in files])
    for name, program, tolerance in (
        ("mobilenetv2.onnx", ONNX, 1e-4),
        ("mobilenetv2.mindir", MINDIR, 1e-4),
        ("mobilenetv2.8bit.onnx", ONNX, 0.2),
    ):
        found = elsewhere(program, tmp_path / "out" / name, tmp_path / "crops.npy")
        np.testing.assert_allclose(found, expected, atol=tolerance)
    quantized = onnx.load(str(tmp_path / "out" / "mobilenetv2.8bit.onnx"))
    weights = [array for array in quantized.graph.initializer if array.data_type == onnx.TensorProto.INT8]
    assert len(weights) >= 53  # all convolutions and the classifier
    assert (tmp_path / "out" / "mobilenetv2.8bit.onnx").stat().st_size < 0.5 * (
        tmp_path / "out" / "mobilenetv2.onnx"
    ).stat().st_size


def test_one_file_of_floats_compared_on_drawings(tmp_path, capsys, caplog):
    file = tmp_path / "mine.onnx"
    assert main([BUILT_IN, "--input=f32", "--output", str(file)]) == 0, caplog.text
    assert capsys.readouterr().out.startswith("Compared on 40 of this program's drawings:\n")
    (given,) = onnx.load(str(file)).graph.input
    shape = [one.dim_value or one.dim_param for one in given.type.tensor_type.shape.dim]
    assert shape == ["N", 3, 128, 128] and given.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert main([BUILT_IN, "--output", str(file)]) == 0  # its own file is replaced
    assert onnx.load(str(file)).graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8


def test_a_file_that_answers_otherwise_is_not_written(tmp_path, monkeypatch, caplog):
    """As where the exporter folds a batch normalisation wrongly."""
    exact = graph.fold_batch_norm
    monkeypatch.setattr(
        graph, "fold_batch_norm", lambda *given: (exact(*given)[0], exact(*given)[1] + np.float32(0.01))
    )
    assert main([BUILT_IN, "--output", str(tmp_path / "out")]) == 2
    assert re.match(r"mobilenetv2\.onnx: .* its logits differ by .*; so it is not written$", caplog.messages[-1])
    assert not list(tmp_path.rglob("*.onnx"))


@pytest.mark.parametrize(
    "arguments, words",
    [
        (
            ["--format=onnx,tensorrt"],
            "--format=onnx,tensorrt: expected one or more of onnx, onnx-8bit, mindir, tflite, ms",
        ),
        (["--format="], "--format: expected one or more of onnx, onnx-8bit, mindir, tflite, ms"),
        (["--format=onnx-8bit"], "onnx-8bit needs --data_url, the folder of training photos"),
        (["--format=onnx,mindir", "--output=one.onnx"], "--output=one.onnx: one file for 2 formats; name a folder"),
        (
            ["--format=mindir", "--output=taken/mobilenetv2.onnx"],
            "--output=taken/mobilenetv2.onnx: a file; name a folder, or a file that ends in .mindir",
        ),
        (["--fromat=onnx"], "--fromat=onnx: there is no such argument; did you mean --format?"),
        (["--output=taken"], "taken/mobilenetv2.onnx: not written by this program, and would be overwritten"),
    ],
)
def test_what_is_wrong_is_said(arguments, words, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mobilenetv2.onnx").write_text("mine")
    assert main([BUILT_IN, *arguments]) == 2
    assert caplog.messages[-1].startswith(words)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["mobilenetv2.onnx"]


def test_a_file_in_the_place_of_a_description_is_kept(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.mindir.json").write_text('"mine"')
    assert main([BUILT_IN, "--format=mindir", "--output=net.mindir"]) == 2
    assert caplog.messages[-1].startswith("net.mindir.json: not written by this program, and would be overwritten")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("net.mindir.json", '"mine"')]


def test_missing_packages_and_files_are_said_together(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    assert main([str(tmp_path / "gone"), "--output", str(tmp_path)]) == 2
    first, second = caplog.messages[-1].splitlines()
    assert (
        first
        == "--format=onnx: onnx and onnxruntime are not installed; 'pip install onnx onnxruntime \"numpy<2\"' mends it"
    )
    assert "gone" in second


def test_at_training(few, tmp_path, cache):
    """The formats are checked at the start; what an earlier training has exported goes with its checkpoint."""
    arguments = [f"--data_url={few}", "--output_path=out", f"--cache_dir={cache}", "--epochs=2"]
    run = Run([*arguments, "--export=onnx,pdf"], tmp_path)
    assert run.code == 2 and not (tmp_path / "out" / "mobilenetv2.ckpt").exists()
    assert (
        "--export=onnx,pdf: expected one or more of onnx, onnx-8bit, mindir, tflite, ms, separated by commas; not pdf"
        in run.out + run.err
    )
    run = Run([*arguments, "--export=onnx-8bit,mindir"], tmp_path)
    out, lines = tmp_path / "out", (run.out + run.err).splitlines()
    assert run.code == 0, run.err
    assert any("Exported, and compared on 10 validation photos:" in line for line in lines), run.err
    assert {file.name for file in out.iterdir()} & FILES == FILES - {"mobilenetv2.onnx"}
    checked = main(
        [str(out), f"--data_url={few}", f"--cache_dir={cache}", "--format=onnx-8bit", f"--output={tmp_path}"]
    )
    assert checked == 0
    assert (tmp_path / "mobilenetv2.8bit.onnx").read_bytes() == (out / "mobilenetv2.8bit.onnx").read_bytes()
    assert Run(arguments, tmp_path).code == 0
    assert not {file.name for file in out.iterdir()} & FILES
    (out / "mobilenetv2.onnx").write_text("mine")
    run = Run(arguments, tmp_path)
    assert (
        run.code == 2 and "mobilenetv2.onnx in it was not written by this version of the program" in run.out + run.err
    )


@pytest.mark.parametrize("merge", ["dog=狗,croissants=面包", "dog=croissants,croissants=dog"])
def test_photos_have_the_names_that_the_training_gave_them(merge, few, tmp_path, cache, capsys, caplog):
    run = Run(
        [f"--data_url={few}", "--output_path=out", f"--cache_dir={cache}", "--epochs=2", f"--merge={merge}"], tmp_path
    )
    assert run.code == 0, run.err
    right = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))["val"]["correct"]
    source, to = str(tmp_path / "out"), str(tmp_path / "exported")
    assert main([source, f"--data_url={few}", f"--cache_dir={cache}", f"--output={to}"]) == 0, caplog.text
    assert capsys.readouterr().out.count(f"{right} of 10") >= 2 and right > 5
    assert "No photo is of a class" not in caplog.text


def test_of_unknown_classes_no_answer_is_counted_as_right(few, tmp_path, cache, capsys, caplog):
    shutil.copytree(few / "train" / "dog", tmp_path / "animals" / "train" / "cat")
    shutil.copytree(few / "train" / "croissants", tmp_path / "animals" / "train" / "horse")
    arguments = [BUILT_IN, f"--data_url={tmp_path / 'animals'}", f"--cache_dir={cache}", f"--output={tmp_path / 'to'}"]
    assert main(arguments) == 0, caplog.text
    assert "No photo is of a class that the network knows" in caplog.text
    assert re.search(r" of \d+ +– +– +[\d.]+$", capsys.readouterr().out.rstrip())
