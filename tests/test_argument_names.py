"""Typing errors stop a run; what platforms add does not; anything else is handed back."""

from dataclasses import fields

import pytest

from mobilenetv2.argument_names import PLATFORM_ARGUMENTS, is_of_platform, sort_out, suggestion, unknown_arguments
from mobilenetv2.command_line import parse_arguments
from mobilenetv2.config import Settings
from mobilenetv2.runtime.errors import UserError

NAMES = {
    name: setting.type is bool for setting in fields(Settings) for name in (setting.name, *setting.metadata["also"])
}


def meant(*parts):
    """What is suggested for each argument."""
    return [suggestion(one, NAMES, "data_url") for one in unknown_arguments(parts)]


@pytest.mark.parametrize(
    "typed, right",
    [
        *((f"--{name}", "data_url") for name in ("data_ulr", "dat_url", "data-url", "DATA_URL", "dataurl", "data")),
        *((f"--{name}", "data_url") for name in ("data_dir", "data_folder", "train_dir", "date_url", "ｄａｔａ_url")),
        *((f"--{name}", "epochs") for name in ("epoch", "epohcs", "Epochs", "num_epochs", "epcohs")),
        *((f"--{name}", "batch_size") for name in ("batch-size", "batchsize", "bacth_size", "batch")),
        *((f"--{name}", "output_path") for name in ("output", "output_dir", "output-path", "ouput_path", "outputpath")),
        *((f"--{name}", "pretrain_url") for name in ("pretrain", "pretain_url", "weights", "pretrian_url")),
        *(("--unfreez", "unfreeze"), ("--un-freeze", "unfreeze"), ("--learning-rate", "lr"), ("--rl", "lr")),
        *(("--sede", "seed"), ("--wdith", "width"), ("--leak", "leaks"), ("--chekc", "check"), ("--work", "workers")),
        *(
            ("--device", "device_target"),
            ("--num_workers", "workers"),
            ("--cache", "cache_dir"),
            ("--lang", "language"),
        ),
        *(("--img_size", "image_size"), ("--min-accuracy", "min_accuracy"), ("--teacher", "teacher_url")),
        *(("-epochs", "epochs"), ("\u2014epochs", "epochs"), ("\u2013data_url", "data_url"), ("---lr", "lr")),
    ],
)
def test_near_misses(typed, right):
    assert meant(typed) == meant(f"{typed}=3") == meant(typed, "3") == [f"--{right}"]


@pytest.mark.parametrize("typed", ["--hlep", "--hepl", "-hlp", "--halp=x"])
def test_help_may_be_misspelt(typed):
    with pytest.raises(UserError, match=r"there is no such argument; did you mean --help\?$"):
        parse_arguments(Settings, [typed])


def test_help_with_one_dash(capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        parse_arguments(Settings, ["-help"])
    assert "often used:" in capsys.readouterr().out
    assert parse_arguments(Settings, ["-host=x"]) == (Settings(), ["--host=x"])


@pytest.mark.parametrize("typed", ["--no-check", "--no_check", "--nocheck", "--NO-CHECK"])
def test_no_before_a_switch(typed):
    assert meant(typed) == ["--check=no"]


def test_names_without_dashes_and_folders_without_a_name(tmp_path):
    assert meant("epochs=3") == meant("epochs") == ["--epochs"] and meant("3", "word") == ["", ""]
    (tmp_path / "my photos").mkdir()
    assert meant(str(tmp_path / "my photos")) == [f"--data_url='{tmp_path}/my photos'"]
    errors, unknown = sort_out([str(tmp_path), "word"], NAMES, "data_url")
    assert errors == [f"{tmp_path}: nothing before it says what it is; did you mean --data_url={tmp_path}?"]
    assert unknown == ["word"]


@pytest.mark.parametrize("form", ["--{}=x", "--{} x", "--{}"])
def test_what_platforms_add_is_ignored_quietly(form):
    """Xihe, ModelArts and OpenI."""
    assert {"init_method", "rank", "world_size", "num_gpus", "result_url"} <= set(PLATFORM_ARGUMENTS)
    for name in (*PLATFORM_ARGUMENTS, "local-rank"):
        assert parse_arguments(Settings, form.format(name).split()) == (Settings(), [])


def test_no_argument_of_a_platform_is_one_of_ours_or_near_one():
    assert not set(PLATFORM_ARGUMENTS) & set(NAMES)
    assert [name for name in PLATFORM_ARGUMENTS if meant(f"--{name}") != [""]] == []


@pytest.mark.parametrize(
    "name",
    [
        *("foo", "device_id", "device_num", "job_name", "user_name", "log_path", "code_path", "momentum", "optimizer"),
        *("test_url", "eval_url", "config", "port", "task", "name", "x", "", "a" * 10_000, "\x1b[31m", "auto_search"),
    ],
)
def test_other_names_are_not_near(name):
    assert meant(f"--{name}=x") == [""] and sort_out([f"--{name}=x"], NAMES, "data_url")[0] == []


def test_values_go_with_their_names():
    parts = ["--foo", "bar", "baz", "--quux=1", "2", "--neg", "-1.5e3", "--last_"]
    assert [one.text for one in unknown_arguments(parts)] == [
        *("--foo bar", "baz", "--quux=1", "2", "--neg -1.5e3", "--last_")
    ]
    assert not is_of_platform(unknown_arguments(["rank=3"])[0])
