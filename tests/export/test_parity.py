"""What is compared, and what is refused."""

import numpy as np
import pytest

from mobilenetv2.export.examples import Examples
from mobilenetv2.export.parity import compare
from mobilenetv2.runtime.errors import UserError

LABELS = np.array([0, 1] * 49 + [0, -1])
EXPECTED = {"logits": np.float32([[1, -1], [-1, 1]] * 50), "neither": np.full(100, -0.1, np.float32)}
EXAMPLES = Examples(np.zeros((100, 1, 1, 3), np.uint8), LABELS, np.zeros((0, 1, 1, 3), np.uint8), "pictures")


def changed(name, rows, by):
    values = EXPECTED[name].copy()
    values[:rows] += np.float32(by)
    return {**EXPECTED, name: values}


def test_what_is_alike():
    parity = compare("f", EXAMPLES, EXPECTED, changed("logits", 100, 9e-5), exact=True)
    assert (parity.pictures, parity.same, parity.known, parity.right, parity.expected) == (100, 100, 99, 99, 99)
    assert parity.difference == pytest.approx(9e-5, rel=0.01)
    large = {**EXPECTED, "logits": 20 * EXPECTED["logits"]}
    assert (
        compare("f", EXAMPLES, large, {**large, "logits": large["logits"] + np.float32(1e-3)}, exact=True).same == 100
    )
    parity = compare("f", EXAMPLES, EXPECTED, changed("logits", 2, [0, 3]), exact=False)
    assert (parity.same, parity.right, parity.expected) == (99, 98, 99)


@pytest.mark.parametrize(
    "found, exact, words",
    [
        (changed("logits", 1, 2e-4), True, "its logits differ by 0.0002, and may by 0.0001"),
        (changed("neither", 1, 2e-4), True, "its neither differ by 0.0002"),
        (changed("logits", 1, np.nan), True, "no finite numbers"),
        (changed("logits", 1, np.inf), False, "no finite numbers"),
        (
            changed("logits", 6, [3, 0]),
            False,
            "of 99 pictures 96 are right in place of 99, and 3 of 100 answers are others",
        ),
        (
            changed("neither", 6, 0.2),
            False,
            "of 99 pictures 99 are right in place of 99, and 6 of 100 answers are others",
        ),
    ],
)
def test_what_is_refused(found, exact, words):
    with pytest.raises(UserError, match=f"^network.onnx: .*{words}.*; so it is not written$"):
        compare("network.onnx", EXAMPLES, EXPECTED, found, exact)
