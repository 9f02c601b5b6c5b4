"""What a run says, on consoles of all kinds."""

import shlex
import subprocess
import sys

from conftest import TRAIN, Run


def test_console_that_cannot_show_chinese_or_has_gone_does_not_end_the_run(tmp_path):
    run = Run(["--data_url=狗"], tmp_path, PYTHONIOENCODING="ascii")
    assert run.code == 2 and r"\u72d7: there is no such folder of photos" in run.out and "Traceback" not in run.err
    program = shlex.join([sys.executable, str(TRAIN), "--data_url=狗", "--output_path=o"])
    command = f"{program} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip() == "2" and "Traceback" not in done.stderr
    assert "狗: there is no such folder" in (tmp_path / "o" / "train.log").read_text(encoding="utf-8")
