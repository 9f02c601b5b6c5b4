"""The command line: names, aliases, platform habits, and all mistakes in one report."""

import random
import re
import shlex
import string
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from conftest import Run

from mobilenetv2.command_line import by_group, parse_arguments, settings_of
from mobilenetv2.config import Settings
from mobilenetv2.runtime.errors import UserError


def parse(arguments):
    return parse_arguments(Settings, arguments)


def test_names_fit_the_platforms_form():
    names = [name for setting in fields(Settings) for name in (setting.name, *setting.metadata["also"])]
    assert len(names) == len(set(names)) and max(map(len, names)) <= 20
    for setting in fields(Settings):
        assert len(str(setting.default)) <= 40


@pytest.mark.parametrize(
    "name, also",
    [
        ("output_path", ["out_path", "train_url"]),
        ("data_url", ["data_path", "dataset_path", "multi_data_url"]),
        ("pretrain_url", ["pretrained_path", "pretrain_model_path", "ckpt_url", "model_url"]),
    ],
)
def test_other_names_of_a_setting(name, also):
    for alias in [name, *also]:
        settings, unknown = parse([f"--{alias}=/cache/x"])
        assert getattr(settings, name) == "/cache/x" and not unknown


def test_values():
    settings, unknown = parse(
        ["--lr", "0.002", "--unfreeze=all", "--epochs=auto", "--device_target=cpu", "--width=0.5", "--seed", ""]
    )
    assert (settings.lr, settings.unfreeze, settings.epochs, settings.device_target, settings.width, settings.seed) == (
        0.002,
        19,
        None,
        "CPU",
        0.5,
        0,
    )
    assert isinstance(settings.lr, float) and not unknown


def test_values_of_a_program():
    given = {"lr": 0.002, "unfreeze": "all", "epochs": np.int64(3), "check": True, "download": False, "seed": None}
    settings = settings_of(
        Settings, {**given, "data_url": Path("a b"), "output_path": "[x] &amp; y", "track": ["aim", "mlflow"]}
    )
    expected = Settings("[x] &amp; y", "a b", lr=0.002, unfreeze=19, epochs=3, check=True, track="aim,mlflow")
    assert settings == expected and type(settings.epochs) is int
    given = {"classes": ["dog", "a, b", 'say "x"'], "merge": {"x=y": "a, b"}, "export": ("onnx", "mindir")}
    expected = Settings(classes='"a, b",dog,"say ""x"""', merge='"x=y"="a, b"', export="onnx,mindir")
    assert settings_of(Settings, given) == expected
    assert settings_of(Settings, {"merge": ["b=c", "a=c"], "classes": []}) == Settings(merge="a=c,b=c")
    with pytest.raises(UserError, match=r"merge=.*expected OLD=NEW"):
        settings_of(Settings, {"merge": ["b"]})
    with pytest.raises(UserError, match=r"epochs=\[1\]: expected a whole number"):
        settings_of(Settings, {"epochs": [1]})


def test_html_escaped_values_are_what_was_meant():
    assert parse(["--data_url=/a &amp; b/&#39;x&#39;"])[0].data_url == "/a & b/'x'"


def test_unknown_arguments_are_handed_back_with_their_values():
    assert parse(["--foo", "bar", "--seed=3", "--quux=-1", "baz", "--bool"])[1] == [
        "--foo bar",
        "--quux=-1",
        "baz",
        "--bool",
    ]


def test_misspelt_names_and_wrong_values_in_one_error():
    with pytest.raises(UserError) as caught:
        parse(["--data_ulr", "photos", "--epoch=3", "--foo=1", "--lr=fast", "--seed"])
    assert str(caught.value).split("\n") == [
        "--data_ulr photos: there is no such argument; did you mean --data_url?",
        "--epoch=3: there is no such argument; did you mean --epochs?",
        "--lr=fast: expected a number from 1e-07 to 10 or 'auto'",
        "--seed: its value is missing; a whole number from 0 to 2147483647",
    ]


def test_a_misspelt_name_stops_the_run_before_anything_is_written(tmp_path):
    run = Run(["--data_ulr", "photos"], tmp_path)
    assert run.code == 2 and run.err == "--data_ulr photos: there is no such argument; did you mean --data_url?\n"
    assert list(tmp_path.iterdir()) == []


def test_all_wrong_values_in_one_error():
    with pytest.raises(UserError) as caught:
        parse(["--lr=fast", "--epochs=0", "--unfreeze=20", "--bad_files=eat", "--width=0.01"])
    assert str(caught.value).split("\n") == [
        "--unfreeze=20: expected a whole number from 0 to 19 or 'all'",
        "--epochs=0: expected a whole number from 1 to 10000 or 'auto'",
        "--lr=fast: expected a number from 1e-07 to 10 or 'auto'",
        "--width=0.01: expected a number from 0.1 to 2 or 'auto'",
        "--bad_files=eat: expected one of stop, skip",
    ]


def test_help_explains_every_setting(tmp_path):
    run = Run(["--help"], tmp_path, COLUMNS="200")
    assert run.code == 0
    for setting in fields(Settings):
        assert run.out.count(f"  --{setting.name} ") == 1 and "(default: " in run.out
        assert all(f"--{name}" in run.out for name in setting.metadata["also"])
    assert "auto: 0.001 for the classifier, 0.0001 when fine-tuning, 0.01 from random numbers" in run.out
    assert "README" not in run.out


def test_help_has_groups_and_examples_that_are_right(tmp_path):
    out = Run(["--help"], tmp_path, COLUMNS="80").out
    assert re.findall(r"^(\w.*):$", out, re.MULTILINE) == [
        *("options", "often used", "fine-tuning", "small networks", "checks of photos and answers", "this machine"),
        "examples",
    ]
    groups = {str(group.title): [one.name for one in settings] for group, settings in by_group(Settings).items()}
    assert sum(map(len, groups.values())) == len(fields(Settings)) and "data_url" in groups["often used"]
    examples = re.findall(r"^  python (.*)$", out, re.MULTILINE)
    assert len(examples) == 3
    for words in map(shlex.split, examples):
        assert words[0].endswith("train.py") and parse(words[1:])[1] == []


def test_wrong_value_ends_with_exit_code_2_and_no_stack(tmp_path):
    run = Run(["--epochs=many"], tmp_path)
    assert run.code == 2 and "--epochs=many: expected a whole number" in run.err and "Traceback" not in run.err
    assert list(tmp_path.iterdir()) == []


def test_first_value_that_is_not_empty_counts():
    settings, ignored = parse(["--multi_data_url=", "--data_url=/x", "--data_path=/x", "--dataset_path=/y"])
    assert settings.data_url == "/x" and ignored == ["--data_url=/y (a second value)"]


def test_an_ampersand_is_not_always_html():
    assert parse(["--data_url=cats&notes"])[0].data_url == "cats&notes"


def test_command_lines_of_nonsense():
    """Settings within their limits, or an error in words."""
    chance = random.Random(0)
    names = [setting.name for setting in fields(Settings)] + ["nonsense", "", "-", "x y", "\x1b"]
    values = [
        "",
        "auto",
        "all",
        "yes",
        "nan",
        "inf",
        "-1",
        "1e999",
        "9" * 5000,
        "0x10",
        "１２",
        "None",
        "[]",
        "&amp;lt;",
        "\udcff",
    ]
    values += ["<b>", "../../etc/passwd", "/", "\n", "%s%n{}", "a" * 10_000]
    refused = 0
    for _ in range(3000):
        parts = []
        for _ in range(chance.randrange(1, 5)):
            value = chance.choice(values) if chance.random() < 0.8 else "".join(chance.choices(string.printable, k=8))
            name = f"--{chance.choice(names)}"
            parts += [f"{name}={value}"] if chance.random() < 0.7 else [name, value]
        try:
            chosen, _ = parse_arguments(Settings, parts)
        except UserError:
            refused += 1
        except SystemExit as end:  # argparse's own: a value is missing
            assert end.code == 2
        else:
            for setting in fields(Settings):
                value = getattr(chosen, setting.name)
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    assert setting.metadata["low"] <= value <= setting.metadata["high"]
    assert 1000 < refused < 2900
