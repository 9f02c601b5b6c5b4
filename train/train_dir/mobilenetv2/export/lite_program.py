"""Run by lite.py, in the Python that has mindspore_lite and NumPy, 3.7 or later; it imports nothing of this project.

convert SOURCE.onnx TARGET SIDE: writes TARGET.ms. run FILE.ms: pictures from standard input, logits to standard output, both as
`send` sends them, until the input ends.
"""

import io
import os
import sys
from typing import BinaryIO, Optional

import numpy as np


def send(stream: BinaryIO, array: np.ndarray) -> None:
    """Its length in bytes, a line feed, the array in NumPy's format."""
    content = io.BytesIO()
    np.lib.format.write_array(content, array, allow_pickle=False)
    stream.write(b"%d\n" % len(content.getvalue()) + content.getvalue())
    stream.flush()


def receive(stream: BinaryIO) -> Optional[np.ndarray]:
    """What `send` has sent; None at the end of the stream."""
    length = stream.readline()
    if not length:
        return None
    return np.lib.format.read_array(io.BytesIO(stream.read(int(length))), allow_pickle=False)


def convert(source: str, target: str, side: str) -> None:
    import mindspore_lite as lite

    converter = lite.Converter()
    converter.input_shape = {"image": [1, int(side), int(side), 3]}
    converter.save_type = lite.ModelType.MINDIR_LITE
    converter.convert(lite.FmkType.ONNX, source, target)


def run(file: str) -> None:
    import mindspore_lite as lite

    context = lite.Context()
    context.target = ["cpu"]
    model = lite.Model()
    model.build_from_file(file, lite.ModelType.MINDIR_LITE, context)
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # what libraries print there
        while True:
            pictures = receive(sys.stdin.buffer)
            if pictures is None:
                return
            found = []
            for picture in pictures:
                inputs = model.get_inputs()
                inputs[0].set_data_from_numpy(picture[None])
                found.append(model.predict(inputs)[0].get_data_to_numpy().copy())
            send(answers, np.concatenate(found))


if __name__ == "__main__":
    if sys.argv[1] == "convert":
        convert(*sys.argv[2:])
    else:
        run(*sys.argv[2:])
