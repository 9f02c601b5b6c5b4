"""What visitors send as JSON: it is checked here, before Gradio sees it.

Gradio fetches any address that it finds as the path of a file, and version 4.44.1, the last one for Python 3.9, from inside the
server's own network. So no entry reaches Gradio as a file that is not an upload of this page.
"""

import json
import re
from typing import Any, Dict, List, Optional

import gradio as gr
from uploads import MOST, uploaded

DEEPEST = 8  # arrays and objects in one another
ENTRIES = 20_000  # in all of them; a batch of 500 pictures has 5,000
FILE = {"_type": "gradio.FileData"}  # what makes an object a file for Gradio


class Refused(Exception):
    """A request that is not worked on. status: of HTTP; key: of TEXTS, whose fields `values` fill."""

    def __init__(self, status: int, key: str, **values: int):
        super().__init__(key)
        self.status = status
        self.key = key
        self.values = values


def any_json(like: Any) -> gr.JSON:
    """An input of a function for programs: any JSON reaches the function. Gradio's documentation describes it as `like`."""
    component = gr.JSON()  # not a subclass: for one, Gradio writes a file beside this one
    component.api_info = like.api_info  # type: ignore[method-assign]
    component.example_payload = like.example_payload  # type: ignore[method-assign]
    return component


def read(body: bytes) -> Dict[str, Any]:
    """A body of a request -> the object that it is. Raises Refused."""
    try:
        value = json.loads(body, parse_int=_integer, parse_constant=_integer)
    except (ValueError, RecursionError):
        raise Refused(400, "not_json") from None
    level, depth, count = [value], 0, 0
    while level:
        depth, count = depth + 1, count + len(level)
        if depth > DEEPEST or count > ENTRIES:
            raise Refused(400, "too_deep")
        lists = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list))]
        level = [entry for entries in lists for entry in entries]
    if not isinstance(value, dict):
        raise Refused(400, "not_json")
    return value


def _integer(digits: str) -> int:
    if len(digits) > 20 or not digits.lstrip("-").isdecimal():  # NaN is no JSON, and long numbers take long
        raise ValueError
    return int(digits)


def rebuilt(body: Dict[str, Any], function: Any) -> Dict[str, Any]:
    """The body of a call of a function of Gradio's, with nothing in it but what that function takes. Raises Refused."""
    data = body.get("data")
    if not isinstance(data, list) or len(data) != len(function.inputs):
        raise Refused(400, "values", count=len(function.inputs))
    return {**identity(body), "data": [_value(entry, component) for entry, component in zip(data, function.inputs)]}


def identity(body: Dict[str, Any]) -> Dict[str, Any]:
    """What says which function, event and session a request is about. Raises Refused."""
    found: Dict[str, Any] = {}
    for name in ("fn_index", "trigger_id"):
        number = body.get(name)
        if number is not None:
            if type(number) is not int:
                raise Refused(400, "not_json")
            found[name] = number
    for name in ("session_hash", "event_id"):
        text = body.get(name)
        if text is not None:
            if not isinstance(text, str) or not re.fullmatch(r"[\w-]{1,64}", text, re.ASCII):
                raise Refused(400, "not_json")
            found[name] = text
    return found


def _value(entry: Any, component: Any) -> Any:
    if isinstance(component, gr.JSON):
        if not isinstance(entry, list):
            return _plain(entry)
        return [_plain(one) for one in entry] if len(entry) <= MOST else [None] * len(entry)
    if isinstance(component, gr.Image):
        return None if entry is None else _file(entry)
    if isinstance(component, gr.File):
        entries = [] if entry is None else entry
        if not isinstance(entries, list):
            raise Refused(400, "no_upload")
        if len(entries) > MOST:
            raise Refused(413, "too_many", most=MOST, count=len(entries))
        return [_file(one) for one in entries]
    valid = (
        isinstance(entry, bool)
        if isinstance(component, gr.Checkbox)
        else entry in [value for _, value in component.choices]
        if isinstance(component, gr.Radio)
        else type(entry) is int and 0 <= entry < len(component.samples)
        if isinstance(component, gr.Dataset)
        else False
    )
    if not valid:
        raise Refused(400, "not_json")
    return entry


def _plain(entry: Any) -> Optional[Dict[str, Any]]:
    """The object that stands for an upload, and is no file for Gradio; an empty one for what is no upload."""
    path = uploaded(entry)
    return None if entry is None else {"path": path} if path else {}


def _file(entry: Any) -> Dict[str, Any]:
    path = uploaded(entry)
    if path is None:
        raise Refused(400, "no_upload")
    return {"path": path, "meta": FILE}


def paths(payload: Any) -> List[Optional[str]]:
    """The value of `any_json` for one or more pictures -> the path of each; None for what is no upload."""
    entries = payload if isinstance(payload, list) else [] if payload is None else [payload]
    return [uploaded(entry) for entry in entries]
