"""The report's charts."""

from mobilenetv2.report.charts import Axis, axis


def test_axis_ends_are_round():
    assert axis(0, 0.93, 170, 12) == Axis(0, 1.0, 170, 12, (0, 0.2, 0.4, 0.6, 0.8, 1.0))
    assert axis(0, 3, 0, 1, 4, whole=True).ticks == (0, 1, 2, 3)
    assert axis(5, 5, 0, 1).high > axis(5, 5, 0, 1).low
    assert axis(0, 1, 100, 0).at(0.25) == 75.0 and axis(0, 1, 100, 0).at(7) == 0.0
