"""The speed of this project against others', side by side in one run.

    pip install -r tests/benchmarks/requirements.txt
    python tests/benchmarks/run.py --photos PHOTOS --weights mobilenetv2_imagenet.npz [--only forward,step] [--quick]

PHOTOS has train/ and val/; the weights are a .npz of torchvision's names and TensorFlow's conventions. Writes benchmark.txt, .svg
and .json into --output. All competitors have the same weights, pictures, number of threads and time; each has a process of its
own, and they take turns, round by round. They must compute the same numbers before they are timed. CPU is the time that all
threads of a process worked, in the same unit as the median.
"""

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import List

from bench import CPUS, Bench, say
from jobs import first, growth, job, unfreeze
from page import page
from process import QUIET
from table import Part, svg, text
from turns import forward, step

PARTS = {
    "job": job,
    "unfreeze": unfreeze,
    "first": first,
    "forward": forward,
    "step": step,
    "page": page,
    "growth": growth,
}
QUIETENED = (
    f"Idle threads sleep, for all alike: {' '.join(f'{name}={value}' for name, value in QUIET.items())}, "
    "and ONNX Runtime's session.intra_op.allow_spinning=0."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", default="../shared/photos")
    parser.add_argument("--weights", default="../shared/weights/mobilenetv2_imagenet.npz")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, by comma (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="of every part, instead of its own number")
    parser.add_argument(
        "--quick", action="store_true", help="without what takes more than five minutes: fine-tunings end at 99 %%"
    )
    parser.add_argument(
        "--threads",
        default=",".join(map(str, Bench.threads)),
        help="of forward passes and training steps, by comma (default: %(default)s)",
    )
    parser.add_argument("--spin", action="store_true", help="leave it to each framework how threads wait for work")
    parser.add_argument("--output", default=".", help="folder of benchmark.txt, .svg and .json (default: here)")
    arguments = parser.parse_args()
    threads = [int(count) for count in arguments.threads.split(",")]
    if not all(1 <= count <= CPUS for count in threads):
        parser.error(f"--threads: 1 to {CPUS}")
    Path(arguments.output).mkdir(parents=True, exist_ok=True)
    parts: List[Part] = []
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(
            arguments.photos, arguments.weights, Path(work), arguments.rounds, arguments.quick, threads, arguments.spin
        )
        say(QUIETENED if not arguments.spin else "Threads without work wait as each framework likes it.")
        for name in arguments.only.split(","):
            parts += PARTS[name](bench)
            results = {
                ".txt": text(parts),
                ".svg": svg(parts),
                ".json": json.dumps([asdict(part) for part in parts], indent=1),
            }
            for ending, content in results.items():
                Path(arguments.output, f"benchmark{ending}").write_text(content, encoding="utf-8")
    print(text(parts), end="")


if __name__ == "__main__":
    main()
