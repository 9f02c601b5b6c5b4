"""Titles from classes."""

import pytest
from titles import none_of, title_of

MANY = ("What is in your picture?", "你的图片里是什么？")


@pytest.mark.parametrize(
    "classes, english, chinese",
    [
        (("croissants", "dog"), "Dog or croissant?", "狗还是牛角包？"),
        (("dog", "croissants"), "Dog or croissant?", "狗还是牛角包？"),
        (("cat", "guinea_pig"), "Cat or guinea pig?", "Cat 还是 guinea pig？"),
        (("猫", "狗"), "猫 or 狗?", "猫 还是 狗？"),
        (("cat", "dog", "horse"), "Cat, dog or horse?", "Cat、dog 还是 horse？"),
        (("a", "b", "c", "d"), "A, b, c or d?", "A、b、c 还是 d？"),
        (("a", "b", "c", "d", "e"), *MANY),
        (("a" * 40, "b" * 40), *MANY),
        (tuple(map(str, range(300))), *MANY),
        ((), *MANY),
        (("\u202ecat", "dog"), "\\u202ecat or dog?", "\\u202ecat 还是 dog？"),
    ],
)
def test_titles_name_few_classes(classes, english, chinese):
    assert (title_of(classes, "en"), title_of(classes, "zh")) == (english, chinese)


def test_a_title_that_is_given_wins():
    assert title_of(("croissants", "dog"), "zh", "My <b>\u202e dogs") == "My <b>\\u202e dogs"
    assert title_of(("croissants", "dog"), "zh", "") == "狗还是牛角包？"


def test_neither_is_said_of_two():
    assert [none_of(2, "en"), none_of(3, "en"), none_of(300, "en")] == ["Neither", "None of these", "None of these"]
    assert [none_of(2, "zh"), none_of(3, "zh")] == ["都不是", "都不是"]
