"""label_issues.csv, as a spreadsheet reads it."""

import csv
from pathlib import Path

from mobilenetv2.checks.mislabelled import LabelIssue
from mobilenetv2.data.dataset import Photo
from mobilenetv2.report.label_file import write_label_issues
from mobilenetv2.runtime.own_files import is_own_file


def issue(name, label, looks_like, likely):
    return LabelIssue(Photo(Path(), name, 0, "train"), label, looks_like, 0.0123456789, 0.75, 0.9, likely)


def test_it_opens_right_in_a_spreadsheet(tmp_path):
    file, other = tmp_path / "label_issues.csv", tmp_path / "other" / "label_issues.csv"
    write_label_issues(
        file, [issue("train/狗/照片.jpg", "狗", "牛角包", True), issue("=1+1.jpg", "@b", "\u202e-c", False)]
    )
    data = file.read_bytes()
    assert data.startswith(b"\xef\xbb\xbfrank,photo,label,") and data.count(b"\n") == data.count(b"\r\n") == 3
    rows = list(csv.reader(data.decode("utf-8-sig").splitlines()))
    numbers = ["self_confidence", "looks_like_confidence", "probability_wrong"]
    assert rows[0] == ["rank", "photo", "label", "looks_like", *numbers, "likely"]
    assert rows[1] == ["1", "train/狗/照片.jpg", "狗", "牛角包", "0.012346", "0.750000", "0.900000", "yes"]
    assert rows[2][:4] == ["2", "'=1+1.jpg", "'@b", r"'\u202e-c"] and rows[2][7] == "no"
    other.parent.mkdir()
    other.write_text("photo,label\na.jpg,dog\n", encoding="utf-8")
    assert is_own_file(file) and not is_own_file(other)


def test_without_any_there_are_headings(tmp_path):
    write_label_issues(tmp_path / "label_issues.csv", [])
    assert (tmp_path / "label_issues.csv").read_bytes().count(b"\n") == 1
