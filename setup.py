"""What pyproject.toml cannot say: the packages lie in two folders, and their dependencies stand in the requirements of these."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
REQUIREMENTS = (
    "train/train_dir/pip-requirements.txt",
    "inference/requirements.txt",
)  # the second one includes the first

lines = [line for name in REQUIREMENTS for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
setup(
    packages=[*find_packages("train/train_dir"), "mobilenetv2_page"],
    install_requires=[line for line in lines if line and not line.startswith(("#", "-"))],
    license="Apache-2.0",
)
