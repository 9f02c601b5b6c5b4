"""The upload page: a picture in, the answer and what it rests on out.

    python inference/app.py

Host, port and root path come from Gradio's own environment variables (GRADIO_SERVER_NAME, GRADIO_SERVER_PORT, GRADIO_ROOT_PATH).
"""

import logging
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import gradio as gr
import numpy as np
from predictor import Answer, Predictor, find_checkpoint

from mobilenetv2.activation import overlay
from mobilenetv2.checkpoint import Description
from mobilenetv2.errors import UserError
from mobilenetv2.pixels import MAX_BYTES

log = logging.getLogger(__name__)
KEPT = 600  # seconds that an uploaded picture stays on disk
WAITING = 64  # requests; one more is turned away
# Fonts of the visitor's own: none is fetched from elsewhere.
STYLE = {"theme": gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"])}
LAUNCH_TAKES_STYLE = int(gr.__version__.split(".")[0]) >= 6
Output = Tuple[str, Optional[Dict[str, float]], Optional[Any]]


class Page:
    """What the page shows. Without a checkpoint it still opens, and says what to do."""

    def __init__(self):
        self._predictor: Optional[Predictor] = None
        try:
            self._predictor = Predictor(find_checkpoint())
            self.status = about(self._predictor.description, self._predictor.file)
        except UserError as error:
            log.error("%s", error)
            self.status = f"**没有可用的检查点 · No checkpoint to answer with.** {error}"

    def predict(self, file: Optional[str], show_activation: bool = True) -> Output:
        """An uploaded file -> (sentence, confidence per class or None, picture or None)."""
        if self._predictor is None:
            return self.status, None, None
        if not file:
            return "请先选择一张图片。 · Choose a picture first.", None, None
        try:
            data = Path(file).read_bytes()
            answer = self._predictor.answer(data)
        except UserError as error:
            return f"无法读取这张图片 · This picture cannot be read: {error}.", None, None
        preprocessing = self._predictor.description.preprocessing
        strength = answer.activation if show_activation else np.zeros_like(answer.activation)
        return sentence(answer), answer.confidences, overlay(data, strength, preprocessing)

    def predict_batch(self, files: Optional[List[str]]) -> List[List[str]]:
        """Uploaded files -> rows of file name, answer, confidence, what is wrong."""
        if self._predictor is None:
            return [["", "", "", self.status]]
        named = [(Path(file).name, Path(file)) for file in files or []]
        rows = []
        for name, result in self._predictor.answers(named, workers=2):
            good = isinstance(result, Answer)
            confidence = f"{result.confidences[result.label]:.3f}" if good else ""
            rows.append([name, result.label if good else "", confidence, "" if good else str(result)])
        return rows


def sentence(answer: Answer) -> str:
    confidence = answer.confidences[answer.label]
    return (
        f"### {answer.label}　{confidence:.1%}\n{answer.width} × {answer.height} 像素 px · {answer.milliseconds:.0f} ms"
    )


def about(description: Description, file: Path) -> str:
    """Which checkpoint, trained when on what, with what validation accuracy."""
    val = description.metrics["val"]
    photos = sum(description.data["train"].values())
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(file.stat().st_mtime))
    return (
        f"{file.name} · {when} · 训练照片 photos {photos} · 验证正确 validation {val['correct']} / {val['count']} · "
        f"类别 classes: {', '.join(description.classes)}"
    )


def build(page: Page) -> gr.Blocks:
    """The page's layout and its endpoints /predict and /predict_batch."""
    style = {} if LAUNCH_TAKES_STYLE else STYLE
    with gr.Blocks(
        title="狗还是牛角包 · Dog or croissant", analytics_enabled=False, delete_cache=(60, KEPT), **style
    ) as blocks:
        gr.Markdown("# 狗还是牛角包 · Dog or croissant")
        with gr.Tab("一张图片 · One picture"), gr.Row():
            with gr.Column():
                # Not gr.Image: that decodes an upload itself, and fails on a broken one before it could be explained.
                file = gr.File(label="图片 · Picture", type="filepath", height=140)
                ask = gr.Button("识别 · Answer", variant="primary")
                seen = gr.Image(label="网络所见 · What the network sees", interactive=False, format="jpeg")
                activation = gr.Checkbox(True, label="标出依据 · Mark what the answer rests on")
            with gr.Column():
                words = gr.Markdown()
                bars = gr.Label(label="置信度 · Confidence")
            inputs, outputs = [file, activation], [words, bars, seen]
            ask.click(page.predict, inputs, outputs, api_name="predict", concurrency_limit=2)
            gr.on([file.upload, activation.input], page.predict, inputs, outputs, api_name=False, concurrency_limit=2)
        with gr.Tab("多张图片 · Many pictures"):
            many = gr.File(file_count="multiple", type="filepath", label="图片 · Pictures")
            ask_many = gr.Button("识别 · Answer", variant="primary")
            headers = ["文件 · file", "回答 · answer", "置信度 · confidence", "问题 · problem"]
            table = gr.Dataframe(headers=headers, interactive=False, wrap=True)
            ask_many.click(page.predict_batch, many, table, api_name="predict_batch", concurrency_limit=1)
        gr.Markdown(page.status)
    return blocks.queue(max_size=WAITING)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    style = STYLE if LAUNCH_TAKES_STYLE else {}
    build(Page()).launch(max_file_size=MAX_BYTES, **style)


if __name__ == "__main__":
    main()
