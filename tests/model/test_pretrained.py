"""Every published naming loads completely; everything else is refused in words that say what it is."""

from dataclasses import replace

import mindspore as ms
import numpy as np
import pytest
import standins
from conftest import SHARED, needs_shared
from safetensors.numpy import save_file

from mobilenetv2.data.image import Preprocessing
from mobilenetv2.model import checkpoint, pretrained
from mobilenetv2.model.architecture import Architecture
from mobilenetv2.model.mobilenet_v2 import MobileNetV2
from mobilenetv2.runtime.errors import UserError

pytestmark = pytest.mark.usefixtures("on_cpu")


def write(file, tensors, **metadata):
    if file.suffix == ".ckpt":
        ms.save_checkpoint([{"name": name, "data": ms.Tensor(value)} for name, value in tensors.items()], str(file))
    elif file.suffix == ".npz":
        np.savez(file, **tensors, **metadata)
    else:
        save_file(tensors, str(file), metadata=metadata or None)
    return file


def network_after(loaded, classes):
    model = MobileNetV2(loaded.architecture, len(classes))
    taken = pretrained.load_pretrained(model, loaded, classes)
    return {parameter.name: parameter.asnumpy() for parameter in model.get_parameters()}, taken


# One tensor of each kind: the file's name and ours.
SAMPLES = {
    "MindCV": {
        "features.0.weight": "features.0.0.weight",
        "features.1.gamma": "features.0.1.gamma",
        "features.3.layers.3.weight": "features.1.conv.1.0.weight",
        "features.4.layers.4.moving_variance": "features.2.conv.1.1.moving_variance",
        "features.19.layers.7.beta": "features.17.conv.2.1.beta",
        "features.21.moving_mean": "features.18.1.moving_mean",
    },
    "MindVision": {
        "backbone.features.0.features.0.weight": "features.0.0.weight",
        "backbone.features.1.conv.0.features.1.gamma": "features.1.conv.0.1.gamma",
        "backbone.features.1.conv.1.weight": "features.1.conv.1.0.weight",
        "backbone.features.2.conv.1.features.0.weight": "features.2.conv.1.0.weight",
        "backbone.features.17.conv.3.beta": "features.17.conv.2.1.beta",
        "backbone.features.18.features.1.moving_mean": "features.18.1.moving_mean",
    },
    "torchvision": {
        "features.0.1.weight": "features.0.1.gamma",
        "features.1.conv.1.weight": "features.1.conv.1.0.weight",
        "features.2.conv.1.1.running_var": "features.2.conv.1.1.moving_variance",
        "features.17.conv.3.bias": "features.17.conv.2.1.beta",
        "features.18.1.running_mean": "features.18.1.moving_mean",
    },
    "timm": {
        "conv_stem.weight": "features.0.0.weight",
        "blocks.0.0.conv_dw.weight": "features.1.conv.0.0.weight",
        "blocks.0.0.bn2.bias": "features.1.conv.1.1.beta",
        "blocks.1.0.conv_pw.weight": "features.2.conv.0.0.weight",
        "blocks.1.1.bn2.running_var": "features.3.conv.1.1.moving_variance",
        "blocks.3.3.conv_dw.weight": "features.10.conv.1.0.weight",
        "blocks.6.0.conv_pwl.weight": "features.17.conv.2.0.weight",
        "bn2.running_mean": "features.18.1.moving_mean",
    },
}


FILES = {
    "MindCV": (standins.mindcv, "w.ckpt"),
    "MindVision": (standins.mindvision, "w.ckpt"),
    "torchvision": (standins.torchvision, "w.npz"),
    "timm": (standins.timm, "w.safetensors"),
}


@pytest.mark.parametrize("naming", FILES)
def test_published_names_load_completely(naming, tmp_path):
    make, name = FILES[naming]
    tensors = make()
    loaded = pretrained.read_pretrained(str(write(tmp_path / name, tensors)))
    assert loaded.naming == naming and loaded.architecture == Architecture()
    assert (loaded.mean, loaded.std) == (Preprocessing.mean, Preprocessing.std)
    values, taken = network_after(loaded, ["a", "b"])
    assert not taken and not values["classifier.weight"].any()
    assert set(values) - set(loaded.backbone) == {"classifier.weight", "classifier.bias"}
    for theirs, ours in SAMPLES[naming].items():
        np.testing.assert_array_equal(values[ours], tensors[theirs])


@pytest.mark.parametrize("naming", FILES)
def test_head_of_as_many_classes_is_taken_over(naming, tmp_path):
    make, name = FILES[naming]
    tensors = make(classes=3)
    values, taken = network_after(pretrained.read_pretrained(str(write(tmp_path / name, tensors))), ["a", "b", "c"])
    head = next(
        value
        for key, value in tensors.items()
        if key.endswith(("classifier.1.weight", "classifier.weight")) and "moments" not in key
    )
    assert taken
    np.testing.assert_array_equal(values["classifier.weight"], head.reshape(3, 1280))


def test_a_head_of_imagenet_is_taken_for_imagenet_only(tmp_path):
    """A thousand other classes are not its classes, although their number is the same."""
    loaded = pretrained.read_pretrained(str(write(tmp_path / "w.npz", standins.torchvision(classes=1000))))
    for names, same in (("n{:08d}", True), ("class_{:04d}", False)):
        values, taken = network_after(loaded, [names.format(number) for number in range(1000)])
        assert taken is same and values["classifier.weight"].any() == same


def test_stated_conventions_are_brought_along(tmp_path):
    expected = (Architecture(padding="same", epsilon=0.25), (0.5, 0.5, 0.5), (0.25, 0.5, 1.0))
    stated = {
        "conventions.padding": "same",
        "conventions.bn_epsilon": 0.25,
        "conventions.mean": 0.5,
        "conventions.std": [0.25, 0.5, 1.0],
    }
    npz = pretrained.read_pretrained(str(write(tmp_path / "w.npz", standins.torchvision(), **stated)))
    assert (npz.architecture, npz.mean, npz.std) == expected
    text = {name: value if isinstance(value, str) else str(value) for name, value in stated.items()}
    safetensors = pretrained.read_pretrained(str(write(tmp_path / "w.safetensors", standins.torchvision(), **text)))
    assert (safetensors.architecture, safetensors.mean, safetensors.std) == expected


def test_senseless_conventions_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"conventions.*make no sense"):
        pretrained.read_pretrained(str(write(tmp_path / "w.npz", standins.torchvision(), **{"conventions.std": 0.0})))


def test_folder_with_one_file_will_do(tmp_path):
    write(tmp_path / "w.npz", standins.torchvision())
    assert pretrained.read_pretrained(str(tmp_path) + "/").naming == "torchvision"
    write(tmp_path / "v.npz", {})
    with pytest.raises(UserError, match=r"expected one file of weights.*v\.npz, w\.npz"):
        pretrained.read_pretrained(str(tmp_path))


def bad_files(folder):
    """File -> words of the error that is its own."""
    lfs = folder / "pointer.ckpt"
    lfs.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 14000000\n")
    empty = folder / "empty.ckpt"
    empty.touch()
    cut = write(folder / "cut.npz", standins.torchvision())
    cut.write_bytes(cut.read_bytes()[:100_000])
    cut_ckpt = write(folder / "cut.ckpt", standins.mindcv())
    cut_ckpt.chmod(0o644)
    cut_ckpt.write_bytes(cut_ckpt.read_bytes()[:1_000_003])
    resnet = write(folder / "resnet.npz", standins.resnet())
    tensors = standins.torchvision()
    del tensors["features.3.conv.1.0.weight"]
    tensors["features.4.se.weight"] = np.zeros((1, 1), np.float32)
    tensors["features.5.conv.0.1.bias"] = np.zeros(7, np.float32)
    other = write(folder / "other.npz", tensors)
    return {
        lfs: "Git LFS pointer",
        empty: "the file is empty",
        cut: "not a complete .npz file",
        cut_ckpt: "not a complete .ckpt file",
        resnet: r"not a MobileNetV2.*8 tensors: layer1\.0\.conv1\.weight",
        other: r"(?s)not complete.*missing: features\.3\.conv\.1\.0\.weight.*unexpected: features\.4\.se\.weight.*"
        r"of another shape: features\.5\.conv\.0\.1\.bias \[7\] instead of \[192\]",
        folder / "no.ckpt": "no such file",
    }


def test_every_wrong_file_has_its_own_error(tmp_path):
    for file, words in bad_files(tmp_path).items():
        with pytest.raises(UserError, match=words) as caught:
            pretrained.read_pretrained(str(file))
        assert str(file) in str(caught.value)


def test_the_shapes_say_the_width(tmp_path):
    half = write(tmp_path / "half.npz", standins.torchvision(width=0.5))
    assert (
        pretrained.read_pretrained(str(half)).architecture.width
        == pretrained.read_pretrained(str(half), 0.5).architecture.width
        == 0.5
    )
    with pytest.raises(UserError, match=r"a MobileNetV2 of --width=0\.5, not 1; leave it out"):
        pretrained.read_pretrained(str(half), 1.0)
    with pytest.raises(UserError, match="a MobileNetV2 of --last=1280, not 640; leave it out"):
        pretrained.read_pretrained(str(half), last=640)


def test_pickle_in_npz_is_not_executed(tmp_path):
    class Evil:
        def __reduce__(self):
            return (tmp_path.joinpath("owned").touch, ())

    np.savez(tmp_path / "w.npz", a=np.array([Evil()], dtype=object))
    with pytest.raises(UserError, match=r"not a complete \.npz file"):
        pretrained.read_pretrained(str(tmp_path / "w.npz"))
    assert not (tmp_path / "owned").exists()


@needs_shared
def test_imagenet_weights_with_conventions_of_their_own():
    loaded = pretrained.read_pretrained(str(SHARED / "weights"))
    assert loaded.architecture.padding == "same" and loaded.architecture.epsilon == pytest.approx(1e-3)
    assert loaded.mean == loaded.std == (0.5, 0.5, 0.5)
    assert loaded.head[0].shape == (1000, 1280) and len(loaded.backbone) == 260


def test_head_of_other_classes_is_left_out(built_in):
    loaded = pretrained.read_pretrained(str(built_in))
    network = MobileNetV2(loaded.architecture, 2)
    assert (
        not pretrained.load_pretrained(network, loaded, ["cat", "dog"])
        and not network.classifier.weight.asnumpy().any()
    )
    assert (
        pretrained.load_pretrained(network, loaded, ["croissants", "dog"]) and network.classifier.weight.asnumpy().any()
    )


def test_the_same_classes_in_another_order():
    """A file names its classes in its own order; answers stay those of the class."""
    network, description, _ = checkpoint.load(str(checkpoint.EMBEDDED))
    found = pretrained.read_pretrained(str(checkpoint.EMBEDDED))
    assert found.classes == description.classes == ("croissants", "dog") and found.neither is None
    turned, taken = pretrained.align_classes(found, ("dog", "croissants"), {})
    assert turned.classes == ("dog", "croissants") and taken.same and taken.rows.all()
    loaded, used = network_after(turned, turned.classes)
    assert used and np.array_equal(loaded["classifier.weight"], network.classifier.weight.asnumpy()[::-1])
    assert np.array_equal(loaded["classifier.bias"], network.classifier.bias.asnumpy()[::-1])
    found = replace(found, naming=pretrained.BUILT_IN)  # two frequent words: for other classes, its head says nothing
    for others in (("cat", "dog"), ("croissants", "dog", "muffin"), ("dog",)):
        assert pretrained.align_classes(found, others, {}) == (found, None)
    assert not network_after(found, ("cat", "dog"))[1]


def weights_of(classes, **fields):
    """Weights of this program. The row of each class has its number, from 1, in the weight, and ten times it in the bias."""
    numbers = np.arange(1, len(classes) + 1, dtype=np.float32)
    head = np.repeat(numbers[:, None], 3, 1), 10 * numbers
    backbone = {"classes": classes, "neither": None, **fields}
    return pretrained.PretrainedWeights({}, head, pretrained.OWN, pretrained.Architecture(), **backbone)


@pytest.mark.parametrize(
    "classes, merges, recorded, rows, left_out",
    [
        (("a", "b", "c", "d"), {}, {}, [1, 2, 3, 0], ()),  # more
        (("b", "c"), {}, {}, [2, 3], ("a",)),  # fewer
        (("b", "x"), {}, {}, [2, 0], ("a", "c")),  # fewer, and a new one
        (("b", "c", "hund"), {"a": "hund"}, {}, [2, 3, 1], ()),  # renamed
        (("a", "b", "c"), {"a": "b", "b": "a"}, {}, [2, 1, 3], ()),  # swapped
        (("a", "b", "c"), {"a": "b", "b": "a"}, {"a": "b", "b": "a"}, [1, 2, 3], ()),  # the same command once more
        (("b", "c"), {"a": "b", "b": "c"}, {"a": "b", "b": "c"}, [2, 3], ("a",)),
        (("a", "b", "x"), {"c": "x", "z": "a"}, {}, [1, 2, 3], ()),
    ],
)
def test_rows_are_kept_by_name(classes, merges, recorded, rows, left_out):
    start = weights_of(("a", "b", "c"), merged=recorded)
    aligned, taken = pretrained.align_classes(start, classes, merges)
    assert aligned.classes == classes and taken.left_out == left_out
    assert aligned.head[0][:, 0].tolist() == rows and aligned.head[1].tolist() == [10 * row for row in rows]
    assert taken.rows.tolist() == [row > 0 for row in rows]
    assert taken.same == (rows == [1, 2, 3] and "x" not in classes)


def test_classes_that_become_one():
    aligned, taken = pretrained.align_classes(weights_of(("a", "b", "c")), ("c", "x"), {"a": "x", "b": "x"})
    assert aligned.head[0][:, 0].tolist() == [3, 1.5] and taken.sources == {"c": ("c",), "x": ("a", "b")}
    np.testing.assert_allclose(aligned.head[1], [30, 15 + np.log(2)], rtol=1e-6)
    assert taken.to_json() == {"known": {"c": ["c"], "x": ["a", "b"]}, "left_out": []}


def test_weights_that_know_none_of_the_classes_stay_as_they_are():
    for start in (weights_of(("a", "b")), replace(weights_of(("x", "y")), classes=None)):
        assert pretrained.align_classes(start, ("x", "y"), {}) == (start, None)
