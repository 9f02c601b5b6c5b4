"""What a run is told, and what that comes to.

`Settings` is what was typed. `mode` makes one word of it. `DEFAULTS` has the hyper-parameters of each kind of training, each
with its reason. `resolve` makes a `Config` of both, in which nothing is left open. stages/ says what each mode does."""

import logging
import sys
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

from .command_line import Group, setting
from .data.cache import FOLDER
from .data.class_choice import write_classes, write_merges
from .data.image import Preprocessing
from .model.architecture import NUM_BLOCKS, Architecture
from .runtime.environment import usable_cpus
from .runtime.i18n import Bilingual
from .runtime.own_files import EXPORTED, TRACKERS
from .training.plan import Plan, Teaching

if TYPE_CHECKING:
    from .model.pretrained import PretrainedWeights

log = logging.getLogger(__name__)

# The hyper-parameters of each kind of training. `Plan` and `Teaching` in training/plan.py say what each is. batch_size of a
# network from random weights is that of "finetune", patience is that of "head" everywhere. The ranges of random augmentation
# stand with the augmentation: data/augment.py, training/distill_targets.py, training/distill.py.
DEFAULTS: Dict[str, Dict[str, Any]] = {
    # The classifier alone, on frozen features. The problem is convex, so a high rate and many epochs do no harm.
    "head": {
        "epochs": 60,
        "lr": 0.001,
        "batch_size": 64,
        # Of a new class. `choose_penalty` takes one of `penalties` in its place, where there are photos to hold out. The
        # cross-validation solves the same problem, by L-BFGS, and finds the classifier that the training ends with.
        "weight_decay": 3e-2,
        "penalties": (3e-1, 1e-1, 3e-2, 1e-2, 3e-3, 1e-3),
        "warmup": 0.1,
        # None: with 0.1, no penalty gains, and weak ones lose up to 4 points (docs/training.md).
        "label_smoothing": 0.0,
        "patience": 10,
        # Augmented views: few photos get more of them than many. total_views is for all photos, views the most for each. Where
        # more than 1 % of the held-out photos are answered wrong, views are worth their time: more_views in addition to the
        # plain ones, which take up to ten seconds.
        "total_views": 1000,
        "views": 10,
        "more_views": 3000,
        "solved": 0.01,
        "folds": 5,
        # A classifier that knows these classes already is pulled to where it started, by more than the weight decay of a new
        # one. Means over five draws of the views, right of 40 drawings and of 143 photos: 6e-3 40.0 and 135.6, 0.03 40.0 and
        # 137.0, 0.06 40.0 and 136.6, 0.1 39.2 and 136.4; before training 37 and 136. Between 0.03 and 0.06 these photos decide
        # nothing: 0.06 was taken because the default seed has 137 with it, and 135 with 0.03. So 137 is a chosen figure. That
        # was with label smoothing and without spoiled views; now draws with 0.06 have 133 to 137, mean 135.4, and 40 drawings.
        "pull": 6e-2,
    },
    # The last blocks of a pretrained network, or all. A low rate keeps what it has learned.
    "finetune": {
        "epochs": 10,
        "lr": 0.0001,
        "batch_size": 16,
        "weight_decay": 1e-4,
        "warmup": 0.1,
        "label_smoothing": 0.1,
    },
    # A network from random weights, small enough to learn the drawings in under a minute.
    "scratch": {
        "epochs": 15,
        "lr": 0.01,
        "weight_decay": 1e-4,
        "warmup": 0.1,
        "label_smoothing": 0.1,
        "image_size": 64,
        "width": 0.25,
    },
    # A small network that a large one teaches. With these sizes it takes less than 200 kB in 8 bits.
    "distill": {
        "epochs": 28,
        "lr": 0.003,
        "batch_size": 64,
        "weight_decay": 0.02,
        "warmup": 0.05,
        # Its targets are the teacher's confidences, not labels.
        "label_smoothing": 0.0,
        "image_size": 128,
        "width": 0.25,
        "last": 384,
        # Views of each photo that the teacher labels, at most, and about how many bytes all views may take in memory.
        "teacher_views": 30,
        "view_bytes": 1_550_000_000,
        # Weight of the confidences in the loss; that of the features is 1.
        "soft_weight": 1.0,
        # The first 80 % of the epochs use pictures with 75 % of the side: half the time, hardly a difference in accuracy.
        "early_epochs": 0.8,
        "early_size": 0.75,
    },
}


# Modes that train nothing but the classifier: --epochs and --lr are its own.
CLASSIFIER_ONLY = ("head",)


def _auto(name: str) -> str:
    head, finetune, scratch, distill = (DEFAULTS[kind][name] for kind in ("head", "finetune", "scratch", "distill"))
    return f"{head} for the classifier, {finetune} when fine-tuning, {scratch} from random numbers, {distill} with a teacher"


# The headings of --help.
OFTEN = Group(0, Bilingual("often used", "常用"))
TUNING = Group(1, Bilingual("fine-tuning", "微调"))
SMALL = Group(2, Bilingual("small networks", "小网络"))
CHECKS = Group(3, Bilingual("checks of photos and answers", "对照片和答案的检查"))
MACHINE = Group(4, Bilingual("this machine", "本机"))


@dataclass(frozen=True)
class Settings:
    """What was typed; None stands for "auto". The order is that in which a checkpoint records them."""

    output_path: str = setting(
        OFTEN, "output", "folder for the checkpoint, the metrics and the log", ("out_path", "train_url")
    )
    data_url: str = setting(
        OFTEN,
        "",
        "folder of photos: one folder per class, or train/, val/ and perhaps test/ with such folders, or one folder of "
        "pictures with a table of classes; or a .zip or .tar archive of that; or, with download, its http(s) address; none: "
        "drawings made by this program",
        ("data_path", "dataset_path", "multi_data_url"),
    )
    pretrain_url: str = setting(
        OFTEN,
        "",
        "weights to start from, a file or the folder that holds it: .ckpt of MindCV, MindVision or this program, "
        ".npz or .safetensors with the names of torchvision or timm; or an archive or address of it, as for data_url; or "
        "'random', for random numbers; none: the small network that comes with the program",
        ("pretrained_path", "pretrain_model_path", "ckpt_url", "model_url"),
    )
    download: bool = setting(
        OFTEN,
        False,
        "get into cache_dir the addresses that data_url, pretrain_url and teacher_url name; without an address, the "
        "tutorial's photos and ImageNet weights, where data_url and pretrain_url do not name others",
    )
    teacher_url: str = setting(
        SMALL,
        "",
        "weights, as for pretrain_url, of a large network that learns the photos first and then teaches them to a small "
        "one, which starts from random numbers",
        ("teacher_path",),
    )
    classes: str = setting(
        OFTEN,
        "",
        "names of the classes to train on, separated by commas, as they are after --merge; none: all",
        shown_as="NAMES",
        form=write_classes,
    )
    merge: str = setting(
        OFTEN,
        "",
        "other names for classes, as OLD=NEW, separated by commas: the photos of OLD are then of the class NEW, and so is what "
        "the weights know of OLD; the folders stay as they are",
        shown_as="OLD=NEW",
        form=write_merges,
    )
    unfreeze: int = setting(
        TUNING,
        0,
        f"how many of the network's {NUM_BLOCKS} parts to fine-tune, counted from the last; 0 trains the classifier "
        "alone, 'all' the whole network",
        low=0,
        high=NUM_BLOCKS,
        words={"all": NUM_BLOCKS},
    )
    epochs: Optional[int] = setting(
        TUNING, None, "passes over the photos, at most", low=1, high=10_000, auto=_auto("epochs")
    )
    batch_size: int = setting(
        TUNING,
        DEFAULTS["finetune"]["batch_size"],
        "photos per step of the network's training; the classifier and a small network with a teacher always take 64",
        low=2,
        high=1024,
    )
    lr: Optional[float] = setting(TUNING, None, "highest learning rate", low=1e-7, high=10, auto=_auto("lr"))
    patience: int = setting(
        TUNING,
        DEFAULTS["head"]["patience"],
        "epochs without a better validation result before stopping early",
        low=1,
        high=10_000,
    )
    views: Optional[int] = setting(
        TUNING,
        None,
        "how many different views of each photo the classifier learns from, the plain one included",
        low=1,
        high=100,
        auto="{total_views:,} divided by the number of photos, at least 1, at most {views}; where photos that are set aside are "
        "not almost all answered right, 1 more than {more_views:,} divided by it".format(**DEFAULTS["head"]),
    )
    image_size: Optional[int] = setting(
        SMALL,
        None,
        "side of the network's square input in pixels",
        low=32,
        high=1024,
        auto=f"what the weights were made for, 224 where they do not say; {DEFAULTS['scratch']['image_size']} from random "
        f"numbers, {DEFAULTS['distill']['image_size']} with a teacher",
    )
    width: Optional[float] = setting(
        SMALL,
        None,
        "multiplier of the network's channel counts",
        low=0.1,
        high=2,
        auto=f"what the weights say, 1.0 where they do not; {DEFAULTS['scratch']['width']} from random numbers or with a "
        "teacher",
    )
    last: Optional[int] = setting(
        SMALL,
        None,
        "channels of the network's last layer, the features that the classifier works on",
        low=8,
        high=1280,
        auto=f"what the weights say, 1280 where they do not; {DEFAULTS['distill']['last']} with a teacher",
    )
    compact: bool = setting(
        SMALL,
        False,
        "weights of 8 bits in the file, a quarter of its size; without the answer 'neither' and the nearest photos",
    )
    bad_files: str = setting(CHECKS, "stop", "what to do about files that cannot be read", choices=("stop", "skip"))
    leaks: str = setting(
        CHECKS,
        "stop",
        "what to do about pictures that are in two classes, or in two of train/, val/ and test/: stop; drop the former "
        "everywhere and the latter from all but the last; or allow them, and with them results that promise too much",
        choices=("stop", "drop", "allow"),
    )
    mirror: str = setting(
        CHECKS,
        "auto",
        "whether a picture and its mirror image are of one class: views to train on are then mirrored or not, and a mirrored "
        "copy is a copy; auto: no where mirror images of one class lie in another as a rule, or where mirroring costs accuracy "
        "on held-out photos (asked of the classifier on fixed features, with a teacher of the teacher's, and not from random "
        "numbers), yes elsewhere",
        choices=("auto", "yes", "no"),
    )
    check: bool = setting(OFTEN, False, "only look at the photos and report what is wrong with them, without training")
    refused: float = setting(
        CHECKS,
        0.02,
        "share of pictures of the classes that may be answered with 'neither', so that pictures of anything else are",
        low=0,
        high=0.5,
    )
    min_accuracy: float = setting(
        CHECKS,
        0.0,
        "validation accuracy below which the run ends with exit code 3, after writing everything",
        low=0,
        high=1,
    )
    thumbnails: int = setting(
        CHECKS,
        64,
        "side in pixels of the training photos' thumbnails that the page shows as nearest; 0 keeps none",
        low=0,
        high=128,
    )
    language: str = setting(OFTEN, "en", "language of report.html", choices=("en", "zh"))
    seed: int = setting(MACHINE, 0, "every random choice follows from it", low=0, high=2**31 - 1)
    device_target: str = setting(
        MACHINE,
        "auto",
        "auto takes the device MindSpore was built for, or else the CPU",
        choices=("auto", "CPU", "Ascend", "GPU"),
    )
    workers: Optional[int] = setting(
        MACHINE, None, "threads that read photos", low=1, high=256, auto="the number of processors"
    )
    cache_dir: str = setting(
        MACHINE,
        FOLDER,
        "folder for computed features, downloads and unpacked archives; may be deleted at any time",
    )
    export: str = setting(
        OFTEN,
        "",
        f"other formats to write the network in, one or more of {', '.join(EXPORTED)}, separated by commas; docs/export.md has "
        "what each needs",
        shown_as="NAMES",
    )
    track: str = setting(
        MACHINE,
        "",
        f"trackers that record every epoch, one or more of {', '.join(TRACKERS)}, separated by commas; each has to be installed, "
        "and writes into the folder 'tracking' of the output folder, without the network",
        shown_as="NAMES",
    )
    aim_repo: str = setting(MACHINE, "", "Aim repository to record the run in, where the package aim is installed")


# What `resolve` chooses where it is "auto". The number of views is chosen later, when the photos are counted.
AUTO = ("image_size", "width", "last", "epochs", "lr", "workers")
# Settings that a checkpoint does not record: paths, and how much of the machine is used. What lies at the paths is recorded by
# content, in `data.fingerprint` and `origin`.
LOCAL = (
    *(
        "output_path",
        "data_url",
        "pretrain_url",
        "teacher_url",
        "device_target",
        "workers",
        "cache_dir",
        "export",
        "track",
        "aim_repo",
    ),
    *("download", "check", "min_accuracy", "language"),
)


def mode(settings: Settings) -> str:
    """What the run is to do, in one word. stages.MODES has the steps of each.

    "head": train the classifier alone. "finetune": train the classifier, then the last blocks of the network with it.
    "scratch": train a whole network from random weights. "distill": train the classifier of a large network, which then teaches
    a small one. "check": only look at the photos, with the network's help. "check_files": the same without a network."""
    scratch = settings.pretrain_url == "random" and not settings.teacher_url
    if settings.check:
        return "check_files" if scratch else "check"
    if settings.teacher_url:
        return "distill"
    return "scratch" if scratch else "finetune" if settings.unfreeze else "head"


@dataclass(frozen=True)
class Config:
    """Everything that a run depends on, resolved.

    training: the mode of the training that a check is made for, and otherwise the mode itself. architecture, preprocessing: of
    the network at the start. student, student_preprocessing: of the network that the run leaves, another one in mode "distill"
    only. classifier_plan, network_plan: hyper-parameters of the classifier's training, and of the network's, which a mode in
    CLASSIFIER_ONLY does not use. unfreeze: number of blocks to train, from the last. views: of each photo for the classifier, at
    most; total_views: of all photos; more_views, solved: as in `views_of_each`. penalties: to choose from, for new classes;
    pull: of known ones. recorded: what the checkpoint says of the settings; Run.recorded adds the number of views and what
    --mirror comes to. The rest is as in `Settings` and `DEFAULTS`."""

    mode: str
    training: str
    architecture: Architecture
    preprocessing: Preprocessing
    student: Architecture
    student_preprocessing: Preprocessing
    classifier_plan: Plan
    network_plan: Plan
    unfreeze: int
    compact: bool
    views: int
    total_views: int
    more_views: int
    solved: float
    folds: int
    penalties: Tuple[float, ...]
    pull: float
    teaching: Teaching
    bad_files: str
    leaks: str
    mirror: str
    rejection_rate: float
    min_accuracy: float
    thumbnails: int
    language: str
    seed: int
    workers: int
    cache_dir: str
    recorded: Dict[str, Any]

    def views_of_each(self, photos: int, right: int = 0, held_out: int = 0) -> int:
        """How many views of each of so many training photos the classifier learns from. right: how many of the held-out photos
        a classifier answers right that has learned from the plain view of the others."""
        wrong = held_out - right > self.solved * held_out
        return min(self.views, max(1, self.total_views // photos, 1 + wrong * self.more_views // photos))


def resolve(settings: Settings, weights: "Optional[PretrainedWeights]") -> Config:
    """weights: those that the run starts from, or those of the teacher; None: random weights. A check is resolved as the
    training that the same settings would start."""
    kind = mode(replace(settings, check=False))
    if kind == "scratch":
        if settings.unfreeze not in (0, NUM_BLOCKS):
            log.warning(
                "--unfreeze=%d needs weights: from random numbers, the whole network is trained.", settings.unfreeze
            )
        settings = replace(settings, unfreeze=NUM_BLOCKS)

    # What is chosen where nothing is typed: what the weights were made for, or what the mode needs.
    made_for = {"image_size": Preprocessing.size, "width": Architecture.width, "last": Architecture.last}
    if weights and kind != "distill":
        made_for.update(width=weights.architecture.width, last=weights.architecture.last)
        made_for.update({"image_size": weights.size} if weights.size else {})
    typed = {name: value for name, value in asdict(settings).items() if value is not None}
    chosen = {"workers": usable_cpus(), **made_for, **DEFAULTS[kind], **typed}

    # The network that the run leaves, and the one that it starts with: the teacher is another one.
    left = Architecture(chosen["width"], last=chosen["last"]), Preprocessing(chosen["image_size"])
    start = left
    if weights:
        size = weights.size or Preprocessing.size if kind == "distill" else chosen["image_size"]
        start = weights.architecture, Preprocessing(size, weights.mean, weights.std, weights.whole)

    # What is typed belongs to the last training of the mode. --patience belongs to all, --batch_size to the network's.
    last_training = {name: chosen[name] for name in ("epochs", "lr")}
    classifier = DEFAULTS[kind if kind in CLASSIFIER_ONLY else "head"]
    network = DEFAULTS["finetune" if kind in CLASSIFIER_ONLY else kind]
    batch = {} if kind == "distill" else {"batch_size": settings.batch_size}
    patience = {"patience": settings.patience}
    recorded = {
        name: chosen[name] if name in AUTO else value for name, value in asdict(settings).items() if name not in LOCAL
    }
    return Config(
        mode=mode(settings),
        training=kind,
        architecture=start[0],
        preprocessing=start[1],
        student=left[0],
        student_preprocessing=left[1],
        classifier_plan=_plan(classifier, **patience, **(last_training if kind in CLASSIFIER_ONLY else {})),
        network_plan=_plan(network, **patience, **batch, **({} if kind in CLASSIFIER_ONLY else last_training)),
        unfreeze=settings.unfreeze,
        compact=settings.compact,
        views=settings.views or classifier["views"],
        total_views=sys.maxsize if settings.views else classifier["total_views"],
        more_views=classifier["more_views"],
        solved=classifier["solved"],
        folds=classifier["folds"],
        penalties=classifier["penalties"],
        pull=classifier["pull"],
        teaching=Teaching(**{one.name: DEFAULTS["distill"][one.name] for one in fields(Teaching)}),
        bad_files=settings.bad_files,
        leaks=settings.leaks,
        mirror=settings.mirror,
        rejection_rate=settings.refused,
        min_accuracy=settings.min_accuracy,
        thumbnails=settings.thumbnails,
        language=settings.language,
        seed=settings.seed,
        workers=chosen["workers"],
        cache_dir=settings.cache_dir,
        recorded=recorded,
    )


def _plan(defaults: Dict[str, Any], **typed: Any) -> Plan:
    chosen = {**defaults, **typed}
    return Plan(**{one.name: chosen[one.name] for one in fields(Plan)})
