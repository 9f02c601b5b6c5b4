"""What is left of what a visitor sent, for every function of the page."""

import itertools
import json

import pytest
from api_inputs import DEEPEST, ENTRIES, Refused, identity, read, rebuilt
from page import Page, build

EVIL = "http://127.0.0.1:1/evil.jpg"
FILE = {"_type": "gradio.FileData"}


@pytest.fixture(scope="module")
def functions():
    return build(Page(None, 600), [], 600).fns.values()


@pytest.fixture
def sent(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return {"path": str(tmp_path / "a" / "dog.jpg"), "url": EVIL, "orig_name": EVIL, "is_stream": True, "meta": FILE}


def test_depth_and_entries_have_limits():
    """The object itself is one of them."""
    for body, more in (
        (
            b'{"data": %s}' % (b"[" * (DEEPEST - 1) + b"]" * (DEEPEST - 1)),
            b'{"data": %s}' % (b"[" * DEEPEST + b"]" * DEEPEST),
        ),
        (b'{"data": [%s0]}' % (b"0," * (ENTRIES - 3)), b'{"data": [%s0]}' % (b"0," * (ENTRIES - 2))),
    ):
        assert list(read(body)) == ["data"]
        with pytest.raises(Refused, match="too_deep"):
            read(more)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "1e5", "{'a': 1}", '{"a": Infinity}', '{"a": 111111111111111111111}']
)
def test_what_is_no_object_is_refused(text):
    with pytest.raises(Refused, match="not_json"):
        read(text.encode())
    assert read(b'{"a": [1, -5, 0.5, "x", null]}') == {"a": [1, -5, 0.5, "x", None]}


def test_no_function_gets_a_file_that_is_no_upload(functions, sent):
    """Every value in every place: refused, or gone."""
    odd = (
        EVIL,
        {"path": EVIL, "meta": FILE},
        [{"path": EVIL, "meta": FILE}],
        {"a": {"path": EVIL, "meta": FILE}},
        5,
        True,
        {},
    )
    passed = 0
    for function, values in itertools.product(functions, itertools.product((*odd, sent, [sent], "en", None), repeat=3)):
        body = {"data": list(values[: len(function.inputs)]), "fn_index": 1, "event_data": {"path": EVIL, "meta": FILE}}
        try:
            result = rebuilt(body, function)
        except Refused:
            continue
        passed += 1
        assert "evil" not in json.dumps(result) and set(result) == {"data", "fn_index"}
        if function.api_name in ("predict", "predict_batch"):
            assert FILE not in [entry.get("meta") for entry in result["data"] if isinstance(entry, dict)]
    assert passed > 50


def test_the_pages_own_values_pass(functions, sent):
    plain = {"path": sent["path"], "meta": FILE}
    by_name = {function.fn.__name__: function for function in functions if function.fn}
    assert rebuilt({"data": [sent, True, "zh"]}, by_name["show"])["data"] == [plain, True, "zh"]
    assert rebuilt({"data": [[sent, sent], "en"]}, by_name["show_batch"])["data"] == [[plain, plain], "en"]
    assert rebuilt({"data": ["zh"]}, by_name["translate"])["data"] == ["zh"]
    assert rebuilt({"data": [[sent, 5]]}, by_name["predict_batch"])["data"] == [[{"path": sent["path"]}, {}]]
    for function, data in (
        ("show", [sent, 1, "en"]),
        ("show", [sent, True, "fr"]),
        ("show_batch", [[sent] * 501, "en"]),
    ):
        with pytest.raises(Refused):
            rebuilt({"data": data}, by_name[function])


@pytest.mark.parametrize(
    "body",
    [{"fn_index": "1"}, {"fn_index": True}, {"session_hash": 5}, {"event_id": "a/b"}, {"session_hash": "x" * 65}],
)
def test_identities_of_another_kind_are_refused(body):
    with pytest.raises(Refused, match="not_json"):
        identity(body)
    kept = {"fn_index": 1, "session_hash": "a-b_1"}
    assert identity({**kept, "event_id": None, "other": 5}) == kept
