"""Writes docs/arguments.md and docs/zh/arguments.md from the settings of train.py.

python docs/make_arguments.py
"""

import sys
from dataclasses import Field
from pathlib import Path
from typing import Dict

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent / "train" / "train_dir"))

from mobilenetv2.argument_names import PLATFORM_ARGUMENTS
from mobilenetv2.command_line import by_group, default_value, expected_values, value_type
from mobilenetv2.config import DEFAULTS, Settings

HEAD, FINETUNE, SCRATCH, DISTILL = (DEFAULTS[kind] for kind in ("head", "finetune", "scratch", "distill"))
# What each setting is, and what "auto" comes to, in Chinese.
CHINESE: Dict[str, str] = {
    "output_path": "结果文件夹",
    "data_url": "照片文件夹：每类一个文件夹；或 train/、val/（以及 test/）里各有这样的文件夹；或一个图片文件夹加一张类别表；"
    "或这些的 .zip 或 .tar 压缩包；或（加上 download）其 http(s) 网址。默认：程序自己画的图画",
    "pretrain_url": "起始权重，文件或其所在文件夹：MindCV、MindVision 或本程序的 .ckpt，使用 torchvision 或 timm 名称的 .npz 或 .safetensors；"
    "或其压缩包或网址，同 data_url；`random` 表示随机数。默认：随程序附带的小网络",
    "download": "把 data_url、pretrain_url、teacher_url 所写的网址下载到 cache_dir；没有网址时，下载教程的照片和 ImageNet 权重（data_url 和 pretrain_url "
    "没有指定的那些）",
    "teacher_url": "大网络的权重：它先学习照片，再教给一个从随机数开始的小网络",
    "classes": "只训练这些类别，用逗号分隔，写 --merge 之后的名称。默认：全部",
    "merge": "类别的其他名称，写作 旧=新，用逗号分隔：旧类别的照片归入新类别，权重对它的了解也一样；文件夹不变",
    "unfreeze": "微调网络 19 个部分中的最后多少个；0 只训练分类器，`all` 训练整个网络",
    "epochs": "最多训练多少轮",
    "batch_size": "训练网络时每步的照片数；分类器和由教师教出的小网络总是 64",
    "lr": "最高学习率",
    "patience": "验证结果连续多少轮没有变好就提前停止",
    "views": "分类器从每张照片的多少个不同视图学习，包括原图",
    "image_size": "网络输入（正方形）的边长，像素",
    "width": "网络通道数的倍数",
    "last": "网络最后一层的通道数，也就是分类器所用的特征数",
    "compact": "文件中的权重为 8 位，大小为四分之一；没有“都不是”和最相似的照片",
    "bad_files": "对无法读取的文件怎么办",
    "leaks": "对同时在两个类别中、或同时在 train/、val/、test/ 之二中的图片怎么办：停止；丢弃（前者全部丢弃，后者只留最后一处）；或允许，结果会偏高",
    "mirror": "图片和它的镜像是否属于同一类：是则训练视图会随机镜像，镜像的副本也算副本；auto：某一类的镜像照片大多在另一类中，"
    "或镜像使留出照片的准确率下降时为 no（由固定特征上的分类器判断；有教师时由教师的分类器判断；从随机数开始时不作此判断），否则为 yes",
    "check": "只检查照片并报告问题，不训练",
    "refused": "允许有多大比例的类别图片被回答为“都不是”",
    "min_accuracy": "验证准确率低于它时，写完所有文件后以退出码 3 结束",
    "thumbnails": "页面上作为“最相似”显示的训练照片缩略图的边长，像素；0 表示不保留",
    "language": "report.html 的语言",
    "seed": "所有随机选择都由它决定",
    "device_target": "auto 使用 MindSpore 所支持的设备，否则使用 CPU",
    "workers": "读取照片的线程数",
    "cache_dir": "存放计算好的特征、下载文件和解压内容的文件夹；随时可以删除",
    "export": "另外以哪些格式写出网络：onnx、onnx-8bit、mindir、tflite、ms 中的一个或几个，用逗号分隔；各需要什么见 docs/zh/export.md",
    "track": "记录每一轮的跟踪工具，aim、tensorboard、swanlab、mlflow 中的一个或几个，用逗号分隔；须已安装；写入结果文件夹的 tracking 文件夹，不用网络",
    "aim_repo": "Aim 仓库，用来记录这次运行（需要安装 aim 包）",
}


def _each(name: str) -> str:
    return f"分类器 {HEAD[name]}，微调 {FINETUNE[name]}，从随机数开始 {SCRATCH[name]}，有教师时 {DISTILL[name]}"


CHINESE_AUTO: Dict[str, str] = {
    "epochs": _each("epochs"),
    "lr": _each("lr"),
    "views": f"{HEAD['total_views']} 除以照片数，至少 1，最多 {HEAD['views']}；如果留出的照片不能几乎全部答对，则为 1 加 {HEAD['more_views']} 除以照片数",
    "image_size": f"权重所用的大小，没有说明时 224；从随机数开始 {SCRATCH['image_size']}，有教师时 {DISTILL['image_size']}",
    "width": f"权重所用的倍数，没有说明时 1.0；从随机数开始或有教师时 {SCRATCH['width']}",
    "last": f"权重所用的通道数，没有说明时 1280；有教师时 {DISTILL['last']}",
    "workers": "处理器数",
}
ENGLISH = """# Arguments of train.py

[中文](zh/arguments.md) · made by `python docs/make_arguments.py` from `Settings` in `config.py`; `train.py --help` says the same.

Every argument may be left out or empty; it then has its default. Values may be HTML-escaped.

A name that is almost one of these, such as `--data_ulr`, `--epoch` or `--data-url`, stops the run with exit code 2 and the name
that was probably meant. What platforms add by themselves is ignored: {platforms}.
Any other unknown argument is ignored with a warning, at the start and again at the end.
"""
INTRODUCTION_ZH = """# train.py 的参数

[English](../arguments.md) · 由 `python docs/make_arguments.py` 根据 `config.py` 中的 `Settings` 生成；`train.py --help` 的内容相同（英文）。

所有参数都可以不写或留空，此时使用默认值。值可以是 HTML 转义的。

与这些名称几乎相同的名称，例如 `--data_ulr`、`--epoch` 或 `--data-url`，会使程序以退出码 2 停止，并指出可能想写的名称。平台自己添加的参数会被忽略：
{platforms}。
其他不认识的参数会被忽略，并在开始和结束时各给出一次警告。
"""
HEADER = """
## {title}

| name | other names | default | values | what |
|---|---|---|---|---|
"""
HEADER_ZH = """
## {title}

| 名称 | 其他名称 | 默认值 | 取值 | 说明 |
|---|---|---|---|---|
"""


def english(one: Field) -> str:
    """The row of a setting."""
    return _row(one, default_value(one), "" if _free(one) else expected_values(one), one.metadata["text"])


def chinese(one: Field) -> str:
    """The same in Chinese."""
    limits = one.metadata
    default = f"auto：{CHINESE_AUTO[one.name]}" if limits["auto"] else default_value(one).replace("none", "无")
    if _free(one):
        values = ""
    elif one.type is bool:
        values = "yes 或 no"
    elif limits["choices"]:
        values = "、".join(limits["choices"])
    else:
        number = {int: "整数", float: "数"}[value_type(one)]
        values = f"{number}，{limits['low']:g} 到 {limits['high']:.10g}"
        values += "".join(f"，或 {word}" for word in (["auto"] if limits["auto"] else []) + list(limits["words"]))
    return _row(one, default, values, CHINESE[one.name])


def _free(one: Field) -> bool:
    """Whether any text is a value."""
    return value_type(one) is str and not one.metadata["choices"]


def _row(one: Field, default: str, values: str, text: str) -> str:
    also = ", ".join(f"`{name}`" for name in one.metadata["also"])
    return f"| `{one.name}` | {also} | {default} | {values} | {text} |\n"


def pages() -> Dict[Path, str]:
    """The two pages, by file."""
    names = [f"`{name}`" for name in PLATFORM_ARGUMENTS]
    text = ENGLISH.format(platforms=", ".join(names))
    text_zh = INTRODUCTION_ZH.format(platforms="、".join(names))
    for group, settings in by_group(Settings).items():
        text += HEADER.format(title=str(group.title).capitalize()) + "".join(map(english, settings))
        text_zh += HEADER_ZH.format(title=group.title.zh) + "".join(map(chinese, settings))
    return {DOCS / "arguments.md": text, DOCS / "zh" / "arguments.md": text_zh}


if __name__ == "__main__":
    for file, text in pages().items():
        file.write_text(text, encoding="utf-8")
