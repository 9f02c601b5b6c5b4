"""Text from elsewhere."""

from mobilenetv2.runtime.text import spreadsheet_cell


def test_cells():
    assert [spreadsheet_cell(name) for name in ("=a", "+1", "-rf", "@x", "\tx", "a=b", "")] == (
        ["'=a", "'+1", "'-rf", "'@x", "'\tx", "a=b", ""]
    )
