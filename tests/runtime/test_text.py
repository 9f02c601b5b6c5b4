"""Text from elsewhere."""

import csv
import io
import json
import sys
import unicodedata

import pytest

from mobilenetv2.runtime.text import columns, printable, printable_json, spreadsheet_cell, table

# Characters that are not seen, and what is shown for each.
HIDDEN = {
    "\0": r"\x00",
    "\x1b": r"\x1b",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\x7f": r"\x7f",
    "\x85": r"\x85",
    "\x9b": r"\x9b",  # begins a command to a terminal, as ESC [
    "\xad": r"\xad",
    "\u034f": r"\u034f",
    "\u061c": r"\u061c",
    "\u115f": r"\u115f",
    "\u180e": r"\u180e",
    "\u200b": r"\u200b",
    "\u200e": r"\u200e",
    "\u200f": r"\u200f",
    "\u2028": r"\u2028",
    "\u2029": r"\u2029",
    "\u202a": r"\u202a",
    "\u202e": r"\u202e",
    "\u2060": r"\u2060",
    "\u2066": r"\u2066",
    "\u2069": r"\u2069",
    "\u206f": r"\u206f",
    "\u3164": r"\u3164",  # a letter of Hangul that is empty
    "\udcff": r"\udcff",
    "\ufeff": r"\ufeff",
    "\ufff9": r"\ufff9",
    "\U0001d173": r"\U0001d173",
    "\U000e0041": r"\U000e0041",
}
# What must be shown as it is.
SEEN = (
    "dog.jpg",
    "C:\\new\\table.jpg",
    "牛角包　狗.jpg",
    "葛\U000e0100.jpg",  # a variant of a Chinese character
    "👩\u200d🍳 ❤\ufe0f.jpg",  # emoji of two, joined
    "می\u200cخواهم.jpg",  # Persian, with a non-joiner
    "כלב.jpg",
    "e\u0301t\u00e9.jpg",
    "Bildschirmfoto 10.30\u202fUhr.jpg",
    "100\xa0%.jpg",
)


@pytest.mark.parametrize("letter", HIDDEN, ids=HIDDEN.values())
def test_what_is_not_seen_is_escaped(letter):
    assert printable(f"a{letter}b{letter}") == f"a{HIDDEN[letter]}b{HIDDEN[letter]}"
    assert printable(printable(letter)) == HIDDEN[letter]  # once
    assert printable(f"{letter}x", keep=letter) == f"{letter}x"


def test_every_control_format_and_separator_character():
    kinds = {}
    for code in range(sys.maxunicode + 1):
        kinds.setdefault(unicodedata.category(chr(code)), []).append(chr(code))
    for kind in ("Cc", "Cs", "Zl", "Zp"):
        assert [letter for letter in kinds[kind] if printable(letter) == letter] == []
    shown = {letter for letter in kinds["Cf"] if printable(letter) == letter}
    assert {"\u200c", "\u200d"} < shown  # the others are seen: signs of Arabic, Syriac, Kaithi and hieroglyphs
    assert {unicodedata.name(letter).split()[0] for letter in shown} <= {
        "ZERO",
        "ARABIC",
        "SYRIAC",
        "KAITHI",
        "EGYPTIAN",
    }


@pytest.mark.parametrize("text", SEEN)
def test_what_is_seen_stays(text):
    assert printable(text) == spreadsheet_cell(text) == printable_json(text) == text


def test_json_says_the_same():
    for letter in HIDDEN:
        text = json.dumps({f"a{letter}": f"{letter}\\n狗"}, ensure_ascii=False)
        shown = printable_json(text)
        assert json.loads(shown) == json.loads(text) and letter not in shown and "狗" in shown
        shown.encode()  # UTF-8 has no lone surrogates


@pytest.mark.parametrize("sign", "=+-@＝＋－＠﹦⁺−")
@pytest.mark.parametrize(
    "before",
    ["", " ", "\n", "\r", "\t", "\r\n", "\xa0", "\u3000", "\u2028", '"', "'", "''", "“", "＂", "\u200b", "\u202e", "\ufeff",
     "\u200d", "\ufe0f", "\x00", '\n "\u2066', "\n" * 1000],
    ids=ascii,
)  # fmt: skip
def test_a_formula_becomes_text(before, sign):
    name = f"{before}{sign}1+1"
    assert spreadsheet_cell(name) == f"'{printable(name)}"


def test_what_is_no_formula_stays():
    for name in ("", "a=b", "dog-1", " a", "'a'", "1-2", "狗＝犬", "(=1)"):
        assert spreadsheet_cell(name) == name
    assert spreadsheet_cell("\tx\r\ny") == r"\tx\r\ny"
    assert spreadsheet_cell("\n" * 100_000 + "x") == r"\n" * 100_000 + "x"  # at once


def test_a_cell_is_one_line_of_a_table():
    names = [f'{letter},"{letter}' for letter in HIDDEN]
    stream = io.StringIO()
    csv.writer(stream).writerows([[spreadsheet_cell(name)] for name in names])
    assert [row for (row,) in csv.reader(stream.getvalue().splitlines())] == [printable(name) for name in names]


def test_a_table_is_aligned_whatever_the_names_are():
    rows = [
        ["Photos", "to train"],
        ["  狗", "1,234"],
        ["  cafe\u0301", "5"],
        ["  a\nb\u202e", "60"],
        ["  " + "x" * 50, "7"],
    ]
    lines = table(rows, longest=12).split("\n")
    assert lines == [
        "Photos        to train",
        "  狗             1,234",
        "  cafe\u0301               5",
        "  a\\nb\\u202e        60",
        "  xxxxxxxxx…         7",
    ]
    assert [columns(line) for line in lines] == [22] * 5


def test_wide_names_are_cut_to_columns_not_letters():
    assert table([["狗" * 30, "1"]], longest=11) == "狗狗狗狗狗…  1"
