"""What is wrong with photos and with weights is said at once."""

from conftest import Run


def test_data_and_weights_are_reported_together(tmp_path):
    run = Run(["--data_url=nowhere", "--pretrain_url=nothing.ckpt", "--output_path=out"], tmp_path)
    assert run.code == 2 and "Traceback" not in run.out + run.err
    assert "nowhere: there is no such folder of photos" in run.out
    assert "nothing.ckpt: there is no such file or folder of weights" in run.out
