"""What each host wants beside the program: its files, as texts.

Hugging Face Spaces: https://huggingface.co/docs/hub/spaces-config-reference (front matter),
https://huggingface.co/docs/hub/spaces-sdks-docker (port 7860, user 1000). A Space reads only one requirements.txt, which can
include no other, and installs Gradio with extras, uvicorn and spaces in the same step
(https://github.com/huggingface/blog/pull/2553, https://discuss.huggingface.co/t/71840). "gradio[mcp]" needs older versions of
some packages than Gradio alone, so only the packages that this program names itself have exact versions there.

ModelScope: https://www.modelscope.cn/docs/studios/studio-card (front matter),
https://www.modelscope.cn/docs/studios/quick-create (ms_deploy.json).

Xihe: docs/platform.md.
"""

import json
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

PYTHON = "3.11"  # for which the exact versions are
PORT = 7860  # on all hosts
LARGEST = 200 * 1000  # bytes of a file in a project of Xihe
CHECKPOINT = "inference/mobilenetv2.ckpt"  # beside app.py, where config.json looks for it
THUMBNAILS = "inference/mobilenetv2.thumbnails.jpg"
TAGS = ("image-classification", "mindspore", "mobilenetv2")


class Content(NamedTuple):
    """title: of the page in English. given: the title that was asked for. front, card: of the model card. licence: as it says.
    versions: lines `name==version` of the packages that the program names, and of all. files: CHECKPOINT, and THUMBNAILS where
    they are published. model: owner/repository on Xihe that has these files, or "" where the folder has them."""

    title: str
    given: Optional[str]
    front: str
    card: str
    licence: str
    versions: Tuple[List[str], List[str]]
    files: Tuple[str, ...]
    model: str


APP = '''"""Opens the page of inference/app.py."""

import runpy
import sys
from pathlib import Path

INFERENCE = Path(__file__).resolve().parent / "inference"
sys.path.insert(0, str(INFERENCE))
runpy.run_path(str(INFERENCE / "app.py"), run_name="__main__")
'''
IGNORED = "__pycache__/\n*.pyc\nkernel_meta/\nrank_*/\n"
LFS = "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in ("*.ckpt", "*.jpg"))
DOCKERFILE = f"""FROM python:{PYTHON}-slim-bookworm

# MindSpore's own library of threads. It is not in the slim image.
RUN apt-get update \\
    && apt-get install -y --no-install-recommends libgomp1 \\
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 page
WORKDIR /home/page/app

# Before the program, which changes more often: this step takes the longest.
COPY requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check -r requirements.txt

COPY train ./train
COPY inference ./inference
COPY app.py LICENSE README.md ./
# The user may not write here, so Python could not keep what it compiles.
RUN python -m compileall -q app.py inference train

USER page
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT={PORT} PYTHONUNBUFFERED=1
EXPOSE {PORT}
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \\
    CMD ["python", "-c", "import os, urllib.request; \\
urllib.request.urlopen('http://127.0.0.1:' + os.environ['GRADIO_SERVER_PORT'], timeout=9)"]
# As a list, so that the page itself gets SIGTERM. It then answers what was asked, which takes up to 20 seconds:
# docker stop --time 25
CMD ["python", "app.py"]
"""
DOCKERIGNORE = ".git\n**/__pycache__\n**/*.pyc\n"


def _packages(lines: List[str]) -> str:
    return "\n".join([f"# The versions that were tried, with Python {PYTHON}. CPU only.", *lines, ""])


def _config(content: Content, paths: List[str]) -> str:
    values: Dict[str, Any] = {"model_path": paths}
    if content.given:
        values["title"] = content.given
    return json.dumps(values, ensure_ascii=False) + "\n"


def _gradio(content: Content) -> str:
    return next(line for line in content.versions[0] if line.startswith("gradio==")).partition("==")[2]


def spaces(content: Content) -> Dict[str, str]:
    """A Space of the kind Gradio."""
    front = f"""---
title: {json.dumps(content.title, ensure_ascii=False)}
emoji: 📷
colorFrom: blue
colorTo: green
sdk: gradio
sdk_version: {_gradio(content)}
python_version: "{PYTHON}"
app_file: app.py
pinned: false
license: {content.licence}
tags:
{_listed(TAGS)}---
"""
    return {
        "README.md": front + content.card,
        "app.py": APP,
        "requirements.txt": _packages(content.versions[0]),
        "inference/config.json": _config(content, list(content.files)),
        ".gitattributes": LFS,
        ".gitignore": IGNORED,
    }


def modelscope(content: Content) -> Dict[str, str]:
    """A studio (创空间) of the kind Gradio."""
    front = f"""---
domain:
- cv
tags:
{_listed(TAGS)}license: {content.licence}
deployspec:
  entry_file: app.py
---
"""
    # sdk_version and base_image: the newest that its documents name. requirements.txt then brings Gradio to the version that was
    # tried.
    deploy = {
        "$schema": "https://modelscope.cn/api/v1/studios/deploy_schema.json",
        "sdk_type": "gradio",
        "sdk_version": "6.2.0",
        "base_image": "ubuntu22.04-py311-torch2.9.1-modelscope1.35.0",
        "resource_configuration": "platform/2v-cpu-16g-mem",
    }
    return {
        "README.md": front + content.card,
        "app.py": APP,
        "requirements.txt": _packages(content.versions[0]),
        "ms_deploy.json": json.dumps(deploy, indent=2) + "\n",
        "inference/config.json": _config(content, list(content.files)),
        ".gitattributes": LFS,
        ".gitignore": IGNORED,
    }


def xihe(content: Content) -> Dict[str, str]:
    """A project with inference/. It has Python 3.9, so inference/requirements.txt stays as it is in the program."""
    paths = [f"{content.model}/{name.rpartition('/')[2]}" for name in content.files if content.model]
    return {
        "README.md": content.front + content.card,
        "inference/config.json": _config(content, paths),
        ".gitignore": IGNORED,
    }


def docker(content: Content) -> Dict[str, str]:
    """A folder for `docker build`."""
    return {
        "README.md": content.front + content.card,
        "app.py": APP,
        "requirements.txt": _packages(content.versions[1]),
        "inference/config.json": _config(content, list(content.files)),
        "Dockerfile": DOCKERFILE,
        ".dockerignore": DOCKERIGNORE,
        ".gitignore": IGNORED,
    }


def _listed(values: Tuple[str, ...]) -> str:
    return "".join(f"- {value}\n" for value in values)


HOSTS: Dict[str, Callable[[Content], Dict[str, str]]] = {
    "spaces": spaces,
    "modelscope": modelscope,
    "xihe": xihe,
    "docker": docker,
}
