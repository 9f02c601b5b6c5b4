"""What a run is told, and what that comes to.

`Settings` is what was typed. `mode` makes one word of it, `DEFAULTS` has the hyper-parameters of each kind of training, and
`resolve` puts them together into a `Config`, in which nothing is left open. stages.py says what each mode does.
"""

import logging
import sys
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Dict, Optional

from .command_line import setting
from .data.image import Preprocessing
from .model.mobilenet_v2 import NUM_BLOCKS, Architecture
from .model.pretrained import PretrainedWeights
from .runtime.device import usable_cpus
from .training.distill import Teaching
from .training.loop import Plan

log = logging.getLogger(__name__)

# The hyper-parameters of each kind of training. Ranges of random changes to photos stand with these changes, in views.py,
# lessons.py and distill.py.
DEFAULTS: Dict[str, Dict[str, Any]] = {
    # The classifier alone, on features that stay as they are: convex, so it may learn fast and long.
    "head": {
        "epochs": 60,
        "lr": 0.001,
        "batch_size": 64,
        # Strong: there are fewer photos than weights.
        "weight_decay": 6e-3,
        "warmup": 0.1,
        "label_smoothing": 0.1,
        "patience": 10,
        # Few photos are seen more often than many: so many views in all, and at most so many of each.
        "total_views": 1000,
        "views": 10,
        # Cross-validation. Its classifier is the same, found in another way; with this penalty, its logits are those of the
        # training above: on 143 real validation photos they correlate by 0.998, slope 1.03.
        "folds": 5,
        "fold_penalty": 2e-2,
    },
    # The last blocks, or all, of a network that has seen photos: small steps, so that it does not forget them.
    "finetune": {
        "epochs": 10,
        "lr": 0.0001,
        "batch_size": 16,
        "weight_decay": 1e-4,
        "warmup": 0.1,
        "label_smoothing": 0.1,
        "patience": 10,
    },
    # A network from random numbers: small enough to learn the drawings in under a minute.
    "scratch": {
        "epochs": 15,
        "lr": 0.01,
        "batch_size": 16,
        "weight_decay": 1e-4,
        "warmup": 0.1,
        "label_smoothing": 0.1,
        "patience": 10,
        "image_size": 64,
        "width": 0.25,
    },
    # A small network that a large one teaches: under 200 kB when compact.
    "distill": {
        "epochs": 28,
        "lr": 0.003,
        "batch_size": 64,
        "weight_decay": 0.02,
        "warmup": 0.05,
        # It learns confidences, not labels, and keeps its last epoch.
        "label_smoothing": 0.0,
        "image_size": 128,
        "width": 0.25,
        "last": 384,
        # Views of each photo that the large network is asked about, at most, and bytes of them in memory, about.
        "views": 30,
        "view_bytes": 1_550_000_000,
        # Weight of the confidences in the loss, beside that of the features, 1.
        "soft_weight": 1.0,
        # For this share of the epochs, pictures have this share of their side: half the time, little lost.
        "early_epochs": 0.8,
        "early_size": 0.75,
    },
}


def _auto(name: str) -> str:
    head, finetune, scratch, distill = (DEFAULTS[kind][name] for kind in ("head", "finetune", "scratch", "distill"))
    return f"{head} for the classifier, {finetune} when fine-tuning, {scratch} from random numbers, {distill} with a teacher"


@dataclass(frozen=True)
class Settings:
    """What was typed; None stands for "auto"."""

    output_path: str = setting(
        "output", "folder for the checkpoint, the metrics and the log", ("out_path", "train_url")
    )
    data_url: str = setting(
        "",
        "folder of photos: train/ and val/ with one folder per class each, or one level of class folders; "
        "none: drawings made by this program",
        ("data_path", "dataset_path", "multi_data_url"),
    )
    pretrain_url: str = setting(
        "",
        "weights to start from, a file or the folder that holds it: .ckpt of MindCV, MindVision or this program, "
        ".npz or .safetensors with torchvision's names; or 'random', for random numbers; none: the small network that "
        "comes with the program",
        ("pretrained_path", "pretrain_model_path", "ckpt_url", "model_url"),
    )
    download: bool = setting(
        False,
        "get the tutorial's photos and ImageNet weights from MindSpore's servers into cache_dir, where data_url and "
        "pretrain_url do not name others",
    )
    teacher_url: str = setting(
        "",
        "weights, as for pretrain_url, of a large network that learns the photos first and then teaches them to a small "
        "one, which starts from random numbers",
        ("teacher_path",),
    )
    unfreeze: int = setting(
        0,
        f"how many of the network's {NUM_BLOCKS} blocks to fine-tune, counted from the last; 0 trains the classifier "
        "alone, 'all' the whole network",
        low=0,
        high=NUM_BLOCKS,
        words={"all": NUM_BLOCKS},
    )
    epochs: Optional[int] = setting(None, "passes over the photos, at most", low=1, high=10_000, auto=_auto("epochs"))
    batch_size: int = setting(DEFAULTS["finetune"]["batch_size"], "photos per fine-tuning step", low=2, high=1024)
    lr: Optional[float] = setting(None, "highest learning rate", low=1e-7, high=10, auto=_auto("lr"))
    patience: int = setting(
        DEFAULTS["head"]["patience"],
        "epochs without a better validation result before stopping early",
        low=1,
        high=10_000,
    )
    views: Optional[int] = setting(
        None,
        "how many different views of each photo the classifier learns from, the plain one included",
        low=1,
        high=100,
        auto="{total_views:,} divided by the number of photos, at least 1, at most {views}".format(**DEFAULTS["head"]),
    )
    image_size: Optional[int] = setting(
        None,
        "side of the network's square input in pixels",
        low=32,
        high=1024,
        auto=f"what the weights were made for, 224 where they do not say; {DEFAULTS['scratch']['image_size']} from random "
        f"numbers, {DEFAULTS['distill']['image_size']} with a teacher",
    )
    width: Optional[float] = setting(
        None,
        "multiplier of the network's channel counts",
        low=0.1,
        high=2,
        auto=f"what the weights say, 1.0 where they do not; {DEFAULTS['scratch']['width']} from random numbers or with a "
        "teacher",
    )
    last: Optional[int] = setting(
        None,
        "channels of the network's last layer, the features that the classifier works on",
        low=8,
        high=1280,
        auto=f"what the weights say, 1280 where they do not; {DEFAULTS['distill']['last']} with a teacher",
    )
    compact: bool = setting(
        False,
        "weights of 8 bits in the file, a quarter of its size; without the answer 'neither' and the nearest photos",
    )
    bad_files: str = setting("stop", "what to do about files that cannot be read", choices=("stop", "skip"))
    leaks: str = setting(
        "stop",
        "what to do about pictures that are in two classes, or both in train/ and val/: stop; drop the former everywhere and "
        "the latter from train/; or allow them, and with them results that promise too much",
        choices=("stop", "drop", "allow"),
    )
    check: bool = setting(False, "only look at the photos and report what is wrong with them, without training")
    refused: float = setting(
        0.02,
        "share of pictures of the classes that may be answered with 'neither', so that pictures of anything else are",
        low=0,
        high=0.5,
    )
    min_accuracy: float = setting(
        0.0, "validation accuracy below which the run ends with exit code 3, after writing everything", low=0, high=1
    )
    thumbnails: int = setting(
        64,
        "side in pixels of the training photos' thumbnails that the page shows as nearest; 0 keeps none",
        low=0,
        high=128,
    )
    language: str = setting("en", "language of report.html", choices=("en", "zh"))
    seed: int = setting(0, "every random choice follows from it", low=0, high=2**31 - 1)
    device_target: str = setting(
        "auto",
        "auto takes the device MindSpore was built for, or else the CPU",
        choices=("auto", "CPU", "Ascend", "GPU"),
    )
    workers: Optional[int] = setting(None, "threads that read photos", low=1, high=256, auto="the number of processors")
    cache_dir: str = setting(
        "~/.cache/mobilenetv2-photos", "folder for computed features and downloads; may be deleted at any time"
    )
    aim_repo: str = setting("", "Aim repository to record the run in, where the package aim is installed")


# What `resolve` chooses where it is "auto", but for the views: these depend on the number of photos.
AUTO = ("image_size", "width", "last", "epochs", "lr", "workers")
# What does not belong to the result: the places on this machine, and how much of the machine is used.
LOCAL = (
    *("output_path", "data_url", "pretrain_url", "teacher_url", "device_target", "workers", "cache_dir", "aim_repo"),
    *("download", "check", "min_accuracy", "language"),
)


def mode(settings: Settings) -> str:
    """What the run is to do, in one word; stages.MODES has the steps of each.

    "check_files" and "check": only look at the photos, without a network and with one. "head": train the classifier.
    "finetune": and then blocks of the network. "scratch": train all of a network from random numbers. "distill": train the
    classifier of a large network, which then teaches a small one."""
    scratch = settings.pretrain_url == "random" and not settings.teacher_url
    if settings.check:
        return "check_files" if scratch else "check"
    if settings.teacher_url:
        return "distill"
    return "scratch" if scratch else "finetune" if settings.unfreeze else "head"


@dataclass(frozen=True)
class Config:
    """All that decides how a run goes.

    architecture, preprocessing: of the network that it begins with. student, student_preprocessing: of the small network, in
    mode "distill" alone another one. head, training: how the classifier is trained, and then the network, where it is.
    unfreeze: blocks that are trained. views, total_views: of each photo for the classifier, and of all. recorded: what the
    checkpoint says of the settings, with "views" left to fill in. The rest is as in `Settings` and `DEFAULTS`."""

    mode: str
    architecture: Architecture
    preprocessing: Preprocessing
    student: Architecture
    student_preprocessing: Preprocessing
    head: Plan
    training: Plan
    unfreeze: int
    compact: bool
    views: int
    total_views: int
    folds: int
    fold_penalty: float
    teaching: Teaching
    bad_files: str
    leaks: str
    rejection_rate: float
    min_accuracy: float
    thumbnails: int
    language: str
    seed: int
    workers: int
    cache_dir: str
    aim_repo: str
    recorded: Dict[str, Any]

    def views_of_each(self, photos: int) -> int:
        """How many views of each of so many training photos the classifier learns from."""
        return min(self.views, max(1, self.total_views // photos))


def resolve(settings: Settings, weights: Optional[PretrainedWeights]) -> Config:
    """weights: to begin with, a teacher's among them; None: random numbers."""
    kind = mode(replace(settings, check=False))
    head = DEFAULTS["head"]
    training = DEFAULTS["finetune"] if kind == "head" else DEFAULTS[kind]
    if kind == "scratch":
        if settings.unfreeze not in (0, NUM_BLOCKS):
            log.warning("--unfreeze=%d needs weights: from random numbers, all blocks are trained.", settings.unfreeze)
        settings = replace(settings, unfreeze=NUM_BLOCKS)

    made_for = {"image_size": Preprocessing.size, "width": Architecture.width, "last": Architecture.last}
    if weights and kind != "distill":
        made_for.update(width=weights.architecture.width, last=weights.architecture.last)
        made_for.update({"image_size": weights.size} if weights.size else {})
    typed = {name: value for name, value in asdict(settings).items() if value is not None}
    chosen = {"workers": usable_cpus(), **made_for, **DEFAULTS[kind], **typed}
    own = Architecture(chosen["width"], last=chosen["last"]), Preprocessing(chosen["image_size"])
    first = own
    if weights:
        size = weights.size or Preprocessing.size if kind == "distill" else chosen["image_size"]
        first = weights.architecture, Preprocessing(size, weights.mean, weights.std)
    steps = {name: chosen[name] for name in ("epochs", "lr", "patience")}
    batch = {} if kind == "distill" else {"batch_size": settings.batch_size}
    recorded = {
        name: chosen[name] if name in AUTO else value for name, value in asdict(settings).items() if name not in LOCAL
    }
    return Config(
        mode=mode(settings),
        architecture=first[0],
        preprocessing=first[1],
        student=own[0],
        student_preprocessing=own[1],
        head=_plan(head, **(steps if kind == "head" else {"patience": settings.patience})),
        training=_plan(training, **({} if kind == "head" else steps), **batch),
        unfreeze=settings.unfreeze,
        compact=settings.compact,
        views=settings.views or head["views"],
        total_views=sys.maxsize if settings.views else head["total_views"],
        folds=head["folds"],
        fold_penalty=head["fold_penalty"],
        teaching=Teaching(**{one.name: DEFAULTS["distill"][one.name] for one in fields(Teaching)}),
        bad_files=settings.bad_files,
        leaks=settings.leaks,
        rejection_rate=settings.refused,
        min_accuracy=settings.min_accuracy,
        thumbnails=settings.thumbnails,
        language=settings.language,
        seed=settings.seed,
        workers=chosen["workers"],
        cache_dir=settings.cache_dir,
        aim_repo=settings.aim_repo,
        recorded=recorded,
    )


def _plan(defaults: Dict[str, Any], **typed: Any) -> Plan:
    chosen = {**defaults, **typed}
    return Plan(**{one.name: chosen[one.name] for one in fields(Plan)})
