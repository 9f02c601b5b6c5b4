"""What was typed comes to one word for the mode, and to a config in which nothing is left open."""

from dataclasses import fields, replace

import pytest

from mobilenetv2.command_line import parse_arguments
from mobilenetv2.config import DEFAULTS, Config, Settings, mode, resolve
from mobilenetv2.model import checkpoint
from mobilenetv2.model.pretrained import read_pretrained
from mobilenetv2.stages import MODES


def parse(arguments):
    return parse_arguments(Settings, arguments)


def test_few_photos_are_seen_more_often_than_many():
    photos = (10, 100, 250, 500, 636, 10_000)
    assert [resolve(Settings(), None).views_of_each(count) for count in photos] == [10, 10, 4, 2, 1, 1]
    assert {resolve(Settings(views=7), None).views_of_each(count) for count in photos} == {7}


@pytest.mark.parametrize(
    "arguments, word",
    [
        ([], "head"),
        (["--unfreeze=2"], "finetune"),
        (["--pretrain_url=random"], "scratch"),
        (["--pretrain_url=random", "--unfreeze=2"], "scratch"),
        (["--teacher_url=x"], "distill"),
        (["--check"], "check"),
        (["--check", "--teacher_url=x"], "check"),
        (["--check", "--unfreeze=all"], "check"),
        (["--check", "--pretrain_url=random"], "check_files"),
    ],
)
def test_one_word_for_the_mode(arguments, word):
    settings, _ = parse(arguments)
    assert mode(settings) == word and word in MODES
    assert resolve(settings, None).mode == word


@pytest.mark.parametrize("arguments", [[], ["--unfreeze=2"], ["--pretrain_url=random"], ["--teacher_url=x"]])
def test_nothing_is_left_open(arguments):
    config = resolve(parse(arguments)[0], None)
    assert not [one.name for one in fields(Config) if getattr(config, one.name) is None]
    assert [name for name, value in config.recorded.items() if value is None] == ["views"]
    plan, training = (config.classifier_plan if config.mode == "head" else config.network_plan), DEFAULTS[config.mode]
    assert (plan.epochs, plan.weight_decay, plan.warmup) == tuple(
        training[name] for name in ("epochs", "weight_decay", "warmup")
    )


def test_small_pictures_are_cut_where_the_weights_know_them_so():
    """A checkpoint of an earlier version goes on as it began; its student begins anew."""
    start = read_pretrained(str(checkpoint.EMBEDDED))
    rules = [resolve(parse(more)[0], start) for more in (["--pretrain_url=x"], ["--unfreeze=2"], ["--teacher_url=x"])]
    assert [config.preprocessing.whole for config in rules] == [False] * 3
    assert [config.student_preprocessing.whole for config in rules[2:]] == [True]
    other = resolve(parse(["--image_size=160"])[0], replace(start, whole=True)).preprocessing
    assert (other.size, other.least_crop) == (160, 160)
    assert resolve(Settings(), None).preprocessing.least_crop == 224


def test_what_is_typed_belongs_to_the_last_training():
    typed = ["--epochs=3", "--lr=0.5", "--batch_size=4", "--patience=2"]
    head, finetune, distill = (
        resolve(parse([*typed, *more])[0], None) for more in ([], ["--unfreeze=2"], ["--teacher_url=x"])
    )
    assert (
        head.classifier_plan.epochs,
        head.classifier_plan.lr,
        head.classifier_plan.batch_size,
        head.classifier_plan.patience,
    ) == (3, 0.5, 64, 2)
    assert (finetune.classifier_plan.epochs, finetune.classifier_plan.lr, finetune.classifier_plan.patience) == (
        60,
        0.001,
        2,
    )
    assert (finetune.network_plan.epochs, finetune.network_plan.lr, finetune.network_plan.batch_size) == (3, 0.5, 4)
    assert (distill.network_plan.epochs, distill.network_plan.lr, distill.network_plan.batch_size) == (3, 0.5, 64)
