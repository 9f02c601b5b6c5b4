"""The table of versions in the README, and how tests/versions.py tells right from wrong. The trials themselves take an hour."""

import pytest
import versions
from conftest import ROOT
from versions import CHINESE, ENGLISH, OLD, PYTHONS, Failed, Pair, difference, pairs, pinned, recorded, required, table

DOG = {"label": "dog", "confidences": {"croissants": 0.25, "dog": 0.75}}
STEPS = ["install", "train", "predict", "page", "export"]
WORKS = {"failed": None, "steps": STEPS, "engine": True, "trained": 0.0, "answered": 0.0}


@pytest.mark.parametrize("file, words", [("README.md", ENGLISH), ("README.zh-CN.md", CHINESE)])
def test_the_table_of_the_readme_is_what_was_recorded(file, words):
    assert f"\n\n{table(recorded(), words)}\n" in (ROOT / file).read_text(encoding="utf-8"), "tests/versions.py --table"


@pytest.mark.parametrize("python", PYTHONS)
def test_what_is_required_works(python):
    one = next(
        one for one in recorded() if (one["python"], one["mindspore"], one["gradio"]) == (python, pinned(python), "")
    )
    assert one["failed"] is None and one["steps"][:4] == STEPS[:4]
    wanted = {requirement.name: requirement.specifier for requirement in required(python)}
    assert all(version in wanted[name] for name, version in one["versions"].items())


def test_requirements_by_python_and_gradio():
    gradio = {python: next(one for one in required(python) if one.name == "gradio") for python in PYTHONS}
    assert "4.44.1" in gradio[OLD].specifier and "6.31.0" not in gradio[OLD].specifier
    assert all("6.31.0" in gradio[python].specifier for python in PYTHONS[1:])
    old = [str(one.specifier) for one in required("3.12", "4") if one.name in ("gradio", "mindspore")]
    assert old == ["==2.7.2", "==4.44.1"]
    assert pairs()[0] == Pair("3.11", "2.7.0") and Pair("3.12", "2.7.2", "4") in pairs() and len(pairs()) == 27


def test_cells(monkeypatch):
    monkeypatch.setattr(versions, "PYTHONS", ("3.11", "3.12"))
    monkeypatch.setattr(versions, "MINDSPORES", ("2.7.0", "2.7.2", "2.8.0", "2.9.0"))
    none = "ERROR: No matching distribution found for mindspore==2.7.0"
    new, old = ({"versions": {"gradio": version}} for version in ("6.31.0", "4.44.1"))
    results = [
        {**Pair("3.11", "2.7.0")._asdict(), **WORKS, **new},
        {**Pair("3.11", "2.7.0", "4")._asdict(), **WORKS, **old},
        {**Pair("3.11", "2.8.0")._asdict(), **WORKS, "steps": STEPS[:-1]},
        {**Pair("3.11", "2.9.0")._asdict(), **WORKS, "engine": False, "answered": 4e-7, "trained": 0.00123},
        {**Pair("3.12", "2.7.0")._asdict(), "failed": ["install", none]},
        {**Pair("3.12", "2.7.2")._asdict(), **WORKS, **new, "answered": 4e-7},
        {**Pair("3.12", "2.7.2", "4")._asdict(), **old, "failed": ["page", "the page ended"]},
        {**Pair("3.12", "2.9.0")._asdict(), "failed": ["export", "exit code 1"]},
    ]
    assert table(results, ENGLISH).splitlines()[2:] == [
        "| 3.11 | 6.31.0, 4.44.1 | **equal** | not tried | equal, export not tried | 0.00123, slower |",
        "| 3.12 | 6.31.0, 4.44.1 fails: page | no wheel | **equal** | not tried | fails: export |",
    ]


def test_difference():
    other = {**DOG, "confidences": {"croissants": 0.255, "dog": 0.745}}
    assert difference({"a": other, "b": DOG}, {"a": DOG, "b": DOG}) == 0.005
    with pytest.raises(Failed, match=r"confidences differ by 0\.005"):
        difference({"a": other}, {"a": DOG}, 1e-6)
    with pytest.raises(Failed, match="another label than the reference: croissants, not dog"):
        difference({"a": {**DOG, "label": "croissants"}}, {"a": DOG})
    for found in ({}, {"b": DOG}, {"a": {"error": "broken"}}):
        with pytest.raises(Failed, match="not every picture"):
            difference(found, {"a": DOG})
