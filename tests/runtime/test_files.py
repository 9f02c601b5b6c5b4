"""Places that users name."""

from conftest import Run


def test_home_that_is_not_known(tmp_path):
    run = Run(["--data_url=~nobody_here/x"], tmp_path)
    assert run.code == 2 and "~nobody_here/x: the home folder that ~ stands for is not known" in run.out
