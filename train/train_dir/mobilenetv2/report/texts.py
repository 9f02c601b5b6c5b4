"""The texts of report.html and README.md in English and Chinese. {s}, {es}, {have}, {are} and {were} agree with {count} in
English; other {names} are filled in, escaped."""

from typing import Dict, Tuple

from ..data.kind import PHOTOS, for_kind

LANGUAGES = ("en", "zh")
AS_IT_IS = ("verdict.drawings",)  # speaks of photos and drawings


def load_texts(language: str, kind: str = PHOTOS) -> Dict[str, str]:
    """All texts in "en" or "zh", about pictures of this kind (data/kind.py). Raises ValueError for another language."""
    if language not in LANGUAGES:
        raise ValueError(f"{language}: expected one of {', '.join(LANGUAGES)}")
    number = LANGUAGES.index(language)
    # A no-break space: no line begins with "%".
    texts = {key: pair[number] if key in AS_IT_IS else for_kind(pair[number], kind) for key, pair in PAIRS.items()}
    return {key: text.replace(" %", "\u00a0%") for key, text in texts.items()}


def agreeing(count: int) -> Dict[str, str]:
    """The endings and verbs that agree with a count in English."""
    one = count == 1
    return {
        "s": "" if one else "s",
        "es": "" if one else "es",
        "have": "has" if one else "have",
        "are": "is" if one else "are",
        "were": "was" if one else "were",
    }


PAIRS: Dict[str, Tuple[str, str]] = {
    "code": ("en", "zh-CN"),
    "title": ("Training report", "训练报告"),
    "title.untrained": ("Data check", "数据检查"),
    "subtitle": (
        "MobileNetV2 for {classes}. Starting weights: {start}.",
        "MobileNetV2：{classes}。起始权重：{start}。",
    ),
    "classes.many": ("{count} classes ({names})", "{count} 个类别（{names}）"),
    "and.more": ("{count} more", "另外 {count} 个"),
    "class.name": ("{class_}", "{class_}"),
    "class.right": ("{class_} ({correct} of {count} right: {range})", "{class_}（{correct} / {count}，正确率{range}）"),
    "and": (", ", "、"),
    "colon": (": ", "："),
    # Verdict. A text "range.*" follows a count.
    "of": ("{correct} of {count}", "{correct} / {count}"),
    "range.all": ("above {low} %", "高于 {low} %"),
    "range.none": ("below {high} %", "低于 {high} %"),
    "range.some": ("{low} % to {high} %", "在 {low} % 到 {high} % 之间"),
    "tile.val": ("validation photos right", "验证照片答对"),
    "tile.test": ("test photos right", "测试照片答对"),
    "tile.val.turns": ("right, each left out in turn", "答对（轮流留出）"),
    "tile.val.learned": ("of the learned photos right; nothing was tested", "学过的照片答对；未做检验"),
    "tile.balanced": ("{range}; averaged over the classes {share} %", "{range}；按类别平均 {share} %"),
    "tile.held_out": ("right out of fold", "折外答对"),
    "tile.outliers": ("strangers refused", "外来图片被拒绝"),
    "tile.findings": ("finding{s} to look at", "处发现值得查看"),
    "verdict.nothing": ("Nothing suspicious in the data set.", "数据集中没有可疑之处。"),
    "verdict.drawings": (
        "Trained on {count} drawings that this program makes, not on photos: the figures below are about drawings.",
        "用本程序绘制的 {count} 张图画训练，而不是照片：下面的数字都是关于图画的。",
    ),
    "verdict.untrained": (
        "This page is about the photos alone: nothing has been trained.",
        "本页只涉及照片本身：还没有进行训练。",
    ),
    "verdict.val": (
        "Of {count} validation photos, {correct} are answered right. So many photos prove, with 95 % certainty, this share of "
        "right answers for photos of the same kind: {range}.",
        "{count} 张验证照片中答对 {correct} 张。这个数量的照片有 95 % 的把握证明，同类照片的正确率{range}。",
    ),
    "verdict.balanced": (
        "Averaged over the classes (balanced accuracy), {share} % are right.",
        "按类别平均（平衡准确率），答对 {share} %。",
    ),
    "verdict.balanced.weakest": (
        "Averaged over the classes, {share} % are right; of the weakest, {class_}, {correct} of {count}.",
        "按类别平均，答对 {share} %；最弱的类别是{class_}，{count} 张中答对 {correct} 张。",
    ),
    "verdict.kind.harder": (
        "The validation photos are of another kind than the training photos: {val} % of them are right, and {folds} % of the "
        "training photos out of fold, which is not by chance. Expect the lower figure for photos like the validation photos, and "
        "collect training photos like these.",
        "验证照片与训练照片不是同一类：验证照片答对 {val} %，训练照片折外答对 {folds} %，这不是偶然。对于像验证照片那样的照片，"
        "应预期较低的数字；请收集与它们相像的训练照片。",
    ),
    "verdict.kind.easier": (
        "The validation photos are answered better than the training photos: {val} % of them are right, and only {folds} % of "
        "the training photos out of fold, which is not by chance. They are easier, or much like some training photos, or labels "
        "of training photos are wrong. If no labels are wrong, expect the lower figure for photos like the training photos, and "
        "validate with photos like those that will be answered.",
        "验证照片比训练照片答得好：验证照片答对 {val} %，训练照片折外只答对 {folds} %，这不是偶然。验证照片更容易，或者与某些"
        "训练照片很像，或者有些训练照片的标签有误。如果标签无误，对于像训练照片那样的照片，应预期较低的数字；请用与实际要回答的照片"
        "相像的照片来验证。",
    ),
    "verdict.kind.shares": (
        "{val} % of the validation photos are right, and {folds} % of the training photos out of fold. The reason is that the "
        "classes have other shares of them; compare the figures averaged over the classes.",
        "验证照片答对 {val} %，训练照片折外答对 {folds} %。原因是各类别所占的比例不同；请比较按类别平均的数字。",
    ),
    "verdict.prior": (
        "The classes have different numbers of training photos, which speak for the large ones in every answer; {percent} % of "
        "that is taken back. So much was best on photos set aside in turn: averaged over the classes {after} % right, without it "
        "{before} %.",
        "各类别的训练照片数量不同，这会使每个回答偏向大的类别；其中 {percent} % 已被抵消。这个程度在轮流留出的照片上最好："
        "按类别平均答对 {after} %，不抵消时为 {before} %。",
    ),
    "verdict.prior.none": (
        "The classes have very different numbers of training photos. To take this back in the answers brought no clear gain on "
        "photos set aside in turn, so it is not done.",
        "各类别的训练照片数量相差很大。在轮流留出的照片上，在回答中抵消这种差别没有明显的好处，因此没有抵消。",
    ),
    "verdict.val.turns": (
        "There are too few photos to set some aside. So each of {count} training photos was answered by a classifier that had "
        "not learned from it (leave one out, of each class at a time): {correct} are answered right. So few photos prove no "
        "more, with 95 % certainty, than this share of right answers for photos of the same kind: {range}.",
        "照片太少，无法留出一部分。因此 {count} 张训练照片中的每一张，都由没有学过它的分类器来回答（留一法，每次每类一张）："
        "答对 {correct} 张。这么少的照片有 95 % 的把握证明的，仅仅是同类照片的正确率{range}。",
    ),
    "verdict.val.learned": (
        "Nothing was tested: no class has a photo to spare. {correct} of {count} answers are right, but to the very photos that "
        "were learned, so this says nothing about other photos, and confidences were not checked. Add photos to the classes, or "
        "a folder val/.",
        "没有做任何检验：没有哪一类有多余的照片。{count} 个回答中有 {correct} 个正确，但这些正是学过的照片，所以不能说明对其他"
        "照片的效果，置信度也没有检验过。请给各类别增加照片，或者增加 val/ 文件夹。",
    ),
    "verdict.chosen.folds": (
        "The training did not use the validation photos: the classifier is the one that was tested on photos set aside in turn, "
        "in place of that of the best epoch.",
        "训练没有使用验证照片：分类器是在轮流留出的照片上检验过的那一个，而不是最好的一轮的。",
    ),
    "verdict.chosen.turns": (
        "The classifier in the checkpoint has learned from all of these photos, and itself was tested on none.",
        "检查点中的分类器学过所有这些照片，它本身没有经过任何照片的检验。",
    ),
    "verdict.chosen.best": (
        "The training did not use the validation photos themselves; only its best epoch was chosen by them.",
        "训练没有使用验证照片本身，只用它们来选最好的一轮。",
    ),
    "verdict.chosen.last": (
        "The training did not use the validation photos themselves, and no epoch of the small network was chosen by them; only "
        "the best epoch of its teacher's classifier was.",
        "训练没有使用验证照片本身；小网络没有用它们来选任何一轮，只有教师的分类器用它们选了最好的一轮。",
    ),
    "verdict.chosen.none": (
        "The test photos themselves had no part in the training or in any choice.",
        "测试照片本身没有参与训练，也没有参与任何选择。",
    ),
    "verdict.val.leaked": (
        "Of the validation photos, {count} {have} a copy among the training photos (--leaks allow): this result promises more "
        "than it should.",
        "有 {count} 张验证照片在训练照片中有副本（--leaks allow）：这个结果偏高。",
    ),
    "verdict.test.leaked": (
        "Of the test photos, {count} {have} a copy among the training or validation photos (--leaks allow): this result promises "
        "more than it should.",
        "有 {count} 张测试照片在训练或验证照片中有副本（--leaks allow）：这个结果偏高。",
    ),
    "verdict.seen": (
        "If the starting weights have already learned from these photos, in an earlier training, the results promise more than "
        "they should.",
        "如果起始权重在更早的训练中已经学过这些照片，结果就会偏高。",
    ),
    "verdict.test": (
        "Of {count} test photos, {correct} are answered right. So many photos prove, with 95 % certainty, this share of right "
        "answers: {range}.",
        "{count} 张测试照片中答对 {correct} 张。这个数量的照片有 95 % 的把握证明，正确率{range}。",
    ),
    "verdict.weakest": (
        "The weakest class is {class_}: {correct} of {count} right, {range}.",
        "最弱的类别是{class_}：{count} 张中答对 {correct} 张，正确率{range}。",
    ),
    "verdict.weakest.right": (
        "No class has a wrong answer. The least is proven of {class_}: {correct} of {count} right, {range}.",
        "没有哪一类有错误。照片最少、因而最没有把握的是{class_}：{count} 张中答对 {correct} 张，正确率{range}。",
    ),
    "verdict.equal": (
        "No class has a wrong answer; each has {correct} of {count} right, {range}.",
        "没有哪一类有错误：每一类 {count} 张中答对 {correct} 张，正确率{range}。",
    ),
    "verdict.few.all": (
        "No class has {limit} validation photos or more: so few prove little about a class.",
        "每一类的验证照片都少于 {limit} 张，对单个类别证明不了多少。",
    ),
    "verdict.few": (
        "{count} other class{es} {have} fewer than {limit} validation photos, which prove little: {names}.",
        "另有 {count} 个类别的验证照片少于 {limit} 张，证明不了多少：{names}。",
    ),
    "verdict.absent": (
        "{count} class{es} {have} no validation photo, so nothing is known of the answers to them: {names}.",
        "有 {count} 个类别没有验证照片，对它们的回答一无所知：{names}。",
    ),
    "verdict.refused": (
        "The counts above take the class that fits best, also for {refused} of the {count} validation photos that would be "
        "refused as none of the classes ({right} right, {wrong} wrong).",
        "上面的计数取最接近的类别；{count} 张验证照片中有 {refused} 张会作为不属于任何类别而被拒绝，也这样计数"
        "（{right} 张答对，{wrong} 张答错）。",
    ),
    "verdict.refused.none": (
        "None of these {count} validation photos would be refused as none of the classes.",
        "这 {count} 张验证照片中，没有一张会作为不属于任何类别而被拒绝。",
    ),
    "verdict.known_before": (
        "This network always answers with a class: it knew these classes, or some, before this training, and these photos alone "
        "cannot tell what else belongs to them.",
        "这个网络总是回答某个类别：它在这次训练之前就认识这些类别或其中一些，仅凭这些照片无法说明还有什么属于这些类别。",
    ),
    "verdict.single": (
        "This network always answers with a class: a single photo of a class does not tell what else belongs to it.",
        "这个网络总是回答某个类别：每类只有一张照片，说明不了还有什么属于这一类。",
    ),
    "verdict.no_room": (
        "This network always answers with a class: a compact file has no room for refusing pictures of anything else.",
        "这个网络总是回答某个类别：紧凑的文件没有空间用来拒绝其他图片。",
    ),
    "verdict.held_out": (
        "Out of fold, {correct} of {count} are right: every training photo was answered by a classifier that had learned from "
        "neither it nor a copy of it.",
        "折外 {count} 张中答对 {correct} 张：每张训练照片都由没有学过它及其副本的分类器来回答。",
    ),
    "verdict.guess": (
        "This is not proven to be better than always answering {class_}, which would be right for {share} % of the "
        "validation photos.",
        "这还不能证明比一律回答{class_}更好：那样也能答对 {share} % 的验证照片。",
    ),
    "verdict.wide": (
        "The range is wide because the validation photos are few; more of them would narrow it.",
        "验证照片太少，所以范围很宽；增加验证照片可以缩小它。",
    ),
    "verdict.mistake.val": (
        "The most frequent mistake: {true} is said to be {answer} ({count} validation photo{s}).",
        "最常见的错误：把{true}说成{answer}（{count} 张验证照片）。",
    ),
    "verdict.mistake.held_out": (
        "The most frequent mistake out of fold: {true} is said to be {answer} ({count} training photo{s}).",
        "折外最常见的错误：把{true}说成{answer}（{count} 张训练照片）。",
    ),
    "verdict.outliers": (
        "Of {count} pictures of no class, {refused} are refused rather than called one of the classes.",
        "{count} 张不属于任何类别的图片中，{refused} 张被拒绝，没有被当成某个类别。",
    ),
    "verdict.bad": (
        "{count} file{s} of the data folder cannot be read.",
        "数据文件夹中有 {count} 个文件无法读取。",
    ),
    "verdict.bad.skip": (
        "{count} file{s} that cannot be read {were} left out (--bad_files skip).",
        "有 {count} 个无法读取的文件被排除（--bad_files skip）。",
    ),
    "verdict.conflict": (
        "{count} pair{s} of copies in two classes: of each, one label is wrong.",
        "有 {count} 对副本分别在两个类别中：每一对中有一个标签是错的。",
    ),
    "verdict.leak": (
        "{count} pair{s} of copies in two of train, val and test: the results promise more than they should.",
        "有 {count} 对副本同时在 train、val、test 的两个部分中：结果偏高。",
    ),
    "verdict.leak.untrained": (
        "{count} pair{s} of copies in two of train, val and test: results would promise more than they should.",
        "有 {count} 对副本同时在 train、val、test 的两个部分中：结果会偏高。",
    ),
    "verdict.dropped": (
        "{count} photo{s} {were} left out because of copies in another split or class (--leaks drop); check.json names "
        "all of them.",
        "{count} 张照片因副本在另一部分或另一类别中而被排除（--leaks drop）；check.json 列出了全部名称。",
    ),
    "verdict.findings": (
        "{count} finding{s} about the data set to look at, listed below.",
        "数据集有 {count} 处发现值得查看，见下文。",
    ),
    # Training curves
    "curves": ("Training, epoch by epoch", "训练过程"),
    "curves.note": (
        "The ring marks the epoch that was kept: the one with most validation photos right, among equals the lowest validation "
        "loss; of a small network with a teacher, the last. The loss stays above zero even where every answer is right.",
        "圆圈标出所保留的一轮：验证照片答对最多，相同时取验证损失最低的；由教师教出的小网络则取最后一轮。即使全部答对，损失也大于零。",
    ),
    "stage.head": ("Classifier on fixed features", "固定特征上的分类器"),
    "stage.teacher": ("The teacher's classifier on fixed features", "教师的分类器（固定特征）"),
    "stage.finetune": ("Fine-tuning", "微调"),
    "stage.scratch": ("Training from random numbers", "从随机数开始的训练"),
    "stage.distill": ("Small network, taught by the large one", "由大网络教出的小网络"),
    "loss": ("Loss", "损失"),
    "loss.train": ("training", "训练"),
    "loss.val": ("validation", "验证"),
    "loss.distill": (
        "training: distance from the teacher's features and confidences",
        "训练：与教师的特征和置信度的差距",
    ),
    "accuracy": ("Validation accuracy", "验证准确率"),
    "epoch": ("epoch", "轮"),
    "kept.none": (
        "No epoch was better than what was there before, which was kept.",
        "没有哪一轮比训练前更好，因此保留了训练前的状态。",
    ),
    "kept": (
        "Epoch {epoch}: {correct} of {count} right, validation loss {loss}.",
        "第 {epoch} 轮：{count} 张中答对 {correct} 张，验证损失 {loss}。",
    ),
    # Student and teacher
    "comparison": ("The small network and its teacher", "小网络与它的教师"),
    "comparison.note": (
        "The small network began with random numbers and learned from the large one alone. The time is that of one picture "
        "through the network on this machine, without decoding.",
        "小网络从随机数开始，只向大网络学习。时间是在这台机器上一张图片通过网络所用的时间，不含解码。",
    ),
    "comparison.teacher": ("teacher", "教师"),
    "comparison.student": ("small network", "小网络"),
    "comparison.val": ("validation photos right", "验证照片答对"),
    "comparison.parameters": ("parameters", "参数"),
    "comparison.bytes": ("size in a file", "文件中的大小"),
    "comparison.image_size": ("side of its pictures", "图片边长"),
    "comparison.milliseconds": ("time", "时间"),
    # Confusion and classes
    "confusion": ("Which classes are mixed up", "类别混淆"),
    "confusion.note": (
        "A row is what the photos are, a column what the network says. Ranges are exact 95 % intervals (Clopper and Pearson): "
        "what so few or so many photos prove.",
        "行是照片的真实类别，列是网络的回答。范围是精确的 95 % 置信区间（Clopper–Pearson）：这么多照片能证明的程度。",
    ),
    "confusion.refused": (
        "A photo that would be refused counts by the class that fits best.",
        "会被拒绝的照片按最接近的类别计数。",
    ),
    "confusion.note.many": (
        "The most frequent confusions, then the classes, the weakest first. Ranges are exact 95 % intervals (Clopper and "
        "Pearson): what so few or so many photos prove.",
        "先是最常见的混淆，然后是各个类别，最弱的在前。范围是精确的 95 % 置信区间（Clopper–Pearson）：这么多照片能证明的程度。",
    ),
    "confusion.true": ("What it is", "真实类别"),
    "confusion.answer": ("What the network says", "网络的回答"),
    "confusion.count": ("Photos", "照片数"),
    "confusion.none": ("No photo is answered wrong.", "没有答错的照片。"),
    "confusion.more": (
        "The other {count} wrong answer{s}, of rarer confusions, are in metrics.json.",
        "其余 {count} 个错误回答（较少见的混淆）见 metrics.json。",
    ),
    "counts.more": ("and {count} more, see metrics.json", "另有 {count} 个，见 metrics.json"),
    "classes.more": (
        "Of {count} more class{es}, none weaker than these, see metrics.json.",
        "另有 {count} 个类别，都不比这些弱，见 metrics.json。",
    ),
    "refused.class": ("Refused", "被拒绝"),
    "split.test": ("Test photos", "测试照片"),
    "split.val": ("Validation photos", "验证照片"),
    "split.held_out": ("Training photos, out of fold", "训练照片（折外）"),
    "split.train": ("Training photos, out of fold", "训练照片（折外）"),
    "split.train.seen": ("Training photos, which the network has learned", "训练照片（网络学过）"),
    "split.outliers": ("Strangers", "外来图片"),
    "class": ("Class", "类别"),
    "recall": ("Recognised (recall)", "认出（召回率）"),
    "precision": ("Right when answered (precision)", "回答正确（精确率）"),
    "averaged": ("averaged over the classes", "按类别平均"),
    "never": ("never answered", "从未回答"),
    "absent": ("no photo", "没有照片"),
    # Calibration
    "calibration": ("Do confidences mean what they say?", "置信度可信吗"),
    "calibration.note": (
        "Each dot is a group of photos of similar confidence, larger the more photos; on the diagonal, a confidence of 90 % is "
        "right nine times out of ten. Lines are 95 % intervals. ECE is the mean distance from the diagonal. "
        "Temperature {temperature}: all logits are divided by it, which changes no answer.",
        "每个点是一组置信度相近的照片，点越大照片越多；落在对角线上表示 90 % 的置信度十次里对九次。竖线是 95 % 区间。"
        "ECE 是到对角线的平均距离。温度 {temperature}：所有 logits 除以它，不改变任何回答。",
    ),
    "calibration.folds": (
        "It was fitted on {count} training photo{s}, each answered by a classifier that was trained without it.",
        "温度在 {count} 张训练照片上求得，每张都由没有学过它的分类层回答。",
    ),
    "calibration.unseen": (
        "It was fitted on {count} training photo{s} that a second, shorter training had not seen.",
        "温度在 {count} 张训练照片上求得，另一次较短的训练没有见过它们。",
    ),
    "calibration.learned": (
        "It was fitted on {count} training photo{s} that the network has learned, so it may be too sure.",
        "温度在 {count} 张训练照片上求得，网络已经学过它们，因此置信度可能偏高。",
    ),
    "calibration.none": (
        "It was not fitted: each class has a single training photo, and none could be held out.",
        "没有求温度：每个类别只有一张训练照片，无法留出。",
    ),
    "before": ("Before: ECE {ece}", "校准前：ECE {ece}"),
    "after": ("After: ECE {ece}", "校准后：ECE {ece}"),
    "confidence": ("confidence", "置信度"),
    "right": ("share right", "正确比例"),
    "bin": (
        "{low} to {high} %: {count} photo{s}, {right} % right",
        "{low} 到 {high} %：{count} 张照片，{right} % 答对",
    ),
    # Neither
    "neither": ("Pictures of none of the classes", "不属于任何类别的图片"),
    "neither.note": (
        "The score says how far a picture is from everything that was learned. What lies right of the line at {threshold} is "
        "refused (orange) instead of being called one of the classes.",
        "分数表示一张图片离学过的内容有多远。位于 {threshold} 处竖线右侧的（橙色）会被拒绝，而不会当成某个类别。",
    ),
    "refused": (
        "{refused} of {count} refused, {share} % (exact 95 % interval {low} % to {high} %)",
        "{count} 张中拒绝 {refused} 张，{share} %（精确 95 % 区间 {low} % 到 {high} %）",
    ),
    "score": ("score", "分数"),
    "threshold": ("threshold", "阈值"),
    # Photos
    "photos": ("Wrong and least sure answers", "答错的和最没把握的回答"),
    "photos.note": (
        "Beside each photo, what the network sees of it; the warmer, the more this place speaks for the answer.",
        "照片旁边是网络看到的部分；颜色越暖，该处越支持这个回答。",
    ),
    "photos.more": (
        "{count} more wrong answer{s} {are} in validation.csv.",
        "另有 {count} 个错误回答，见 validation.csv。",
    ),
    "is.refused": ("refused", "被拒绝"),
    "wrong": ("wrong", "答错"),
    "unsure": ("right", "答对"),
    "is.said": ("{true}, said to be {answer}", "{true}，回答为{answer}"),
    "is.right": ("{true}", "{true}"),
    "overlay": ("what speaks for the answer", "支持回答的位置"),
    # Labels
    "labels": ("Labels that may be wrong", "可能有误的标签"),
    "labels.note": (
        "Training photos that look like another class, to a classifier that has not learned from them and by the photos most "
        "similar to them. The percentage is the probability that the label is wrong. So many are listed that the balance of "
        "wrong labels found and false alarms is best.",
        "这些训练照片看起来像另一个类别：依据是没有学过它们的分类器，以及与它们最相似的照片。百分比是标签有误的概率。列出的数量使找出的错误与误报之间达到最好的平衡。",
    ),
    "labels.none": ("No label looks wrong.", "没有哪个标签看起来有误。"),
    "labels.says": ("labelled {label}, looks like {looks_like}", "标签是{label}，看起来像{looks_like}"),
    "labels.more": (
        "{count} more {are} in label_issues.csv.",
        "另有 {count} 个，见 label_issues.csv。",
    ),
    "labels.others": (
        "label_issues.csv also lists {count} difficult photo{s}, for which another class fits better than the label.",
        "label_issues.csv 还列出 {count} 张难以辨认的照片：另一个类别比标签更合适。",
    ),
    # Findings
    "findings": ("What is worth a look in the data set", "数据集中值得查看的地方"),
    "findings.none": ("The check found nothing suspicious.", "检查没有发现可疑之处。"),
    "findings.more": ("and {count} more in check.json", "另有 {count} 处，见 check.json"),
    "kind": ("Kind", "种类"),
    "what": ("Finding", "发现"),
    # Settings
    "run": ("How it was made", "如何得到"),
    "command": ("Command", "命令"),
    "data": ("Photos", "照片"),
    "train": ("training", "训练"),
    "val": ("validation", "验证"),
    "test": ("test", "测试"),
    "layout": ("Folders", "文件夹"),
    "layout.split folders": ("split folders", "分好训练集和验证集的文件夹"),
    "layout.class folders": ("class folders", "类别文件夹"),
    "layout.table": ("classes from a table", "类别来自表格"),
    "layout.share": ("the program chose the validation photos", "验证照片由程序选出"),
    "layout.in turn": ("each training photo was left out in turn to validate", "每张训练照片轮流留出用于验证"),
    "layout.learned": ("no photo could be set aside to validate", "没有照片可以留出用于验证"),
    "layout.unused": ("not used", "未使用"),
    "fingerprint": ("Data fingerprint (SHA-256)", "数据指纹（SHA-256）"),
    "start": ("Starting weights", "起始权重"),
    "start.numbers": ("random numbers", "随机数"),
    "start.built_in": ("the small built-in network of this program", "本程序内置的小网络"),
    "start.own": ("a checkpoint of this program", "本程序的检查点"),
    "start.form": ("a file in the form of {name}", "{name} 格式的文件"),
    "start.taught": ("random numbers, taught by {start}", "随机数，教师为{start}"),
    "start.digest": ("{start} (SHA-256 of its layers {digest})", "{start}（各层的 SHA-256：{digest}）"),
    "start.knew": ("{start}, whose classifier knew {names}", "{start}，其分类层已经认识{names}"),
    "start.new": ("{start}; new to it: {names}", "{start}；新的类别：{names}"),
    "start.left_out": ("{start}; left out of it: {names}", "{start}；不再使用：{names}"),
    "machine": ("Machine and time", "机器与时间"),
    "device": ("Device", "设备"),
    "memory": ("Peak memory", "内存峰值"),
    "seconds": ("{name}, seconds", "{name}，秒"),
    "part.read": ("reading and checking photos", "读取并检查照片"),
    "part.features": ("features", "计算特征"),
    "part.head": ("classifier", "训练分类器"),
    "part.finetune": ("fine-tuning", "微调"),
    "part.scratch": ("training from random numbers", "从随机数开始的训练"),
    "part.teacher": ("the teacher's classifier", "训练教师的分类器"),
    "part.distill": ("the small network", "训练小网络"),
    "part.evidence": ("evidence", "计算依据"),
    "part.total": ("total", "合计"),
    "settings": ("Settings", "设置"),
    "versions": ("Versions", "版本"),
    "nothing": ("none", "无"),
    # README.md. "card.mode.*" are the words of `config.mode`.
    "card.title": ("MobileNetV2: {classes}", "MobileNetV2：{classes}"),
    "card.what": (
        "A network that says which of the classes below a photo shows: MobileNetV2 of width {width}, for pictures of {size} x "
        "{size} pixels, made with MindSpore. {how}",
        "判断一张照片属于下列哪个类别的网络：MobileNetV2，宽度 {width}，输入 {size} x {size} 像素，用 MindSpore 训练。{how}",
    ),
    "card.mode.head": ("Only its last layer was trained.", "只训练了最后一层。"),
    "card.mode.finetune": ("It was fine-tuned: {part}.", "经过微调：{part}。"),
    "card.part.all": ("all of it", "整个网络"),
    "card.part.last": ("the last {count} of its {all} parts", "其 {all} 个部分中的最后 {count} 个"),
    "card.mode.scratch": ("All of it was trained.", "训练了整个网络。"),
    "card.mode.distill": ("It learned from a larger network.", "它由一个更大的网络教出。"),
    "card.start": ("Starting weights: {start}.", "起始权重：{start}。"),
    "card.classes": ("Classes and photos", "类别与照片"),
    "card.right": ("validation photos right (exact 95 % interval)", "验证照片答对（精确 95 % 区间）"),
    "card.right.turns": (
        "right, each left out in turn (exact 95 % interval)",
        "轮流留出时答对（精确 95 % 区间）",
    ),
    "card.right.learned": ("right of the photos that it has learned", "学过的照片答对"),
    "card.accuracy": ("How good it is", "效果"),
    "card.limits": ("Limits", "局限"),
    "card.limits.kind": (
        "The figures hold for photos of the same kind as those that it was measured with. Other cameras, places or styles may "
        "give other results.",
        "以上数字只适用于与所测照片同类的照片。换了相机、地点或风格，结果可能不同。",
    ),
    "card.limits.detector": (
        "Pictures of anything else are refused as none of the classes only where they are unlike the training photos; many "
        "are not.",
        "其他图片只有与训练照片不像时才会被拒绝；很多并不会。",
    ),
    "card.limits.always": (
        "Pictures of anything else are answered with one of the classes.",
        "其他图片也会被回答为某个类别。",
    ),
    "card.limits.people": (
        "Nobody has examined whether it may be used where a wrong answer does harm.",
        "没有人审查过它能否用在答错会造成伤害的场合。",
    ),
    "card.use": ("How to use it", "如何使用"),
    "card.use.text": (
        "The checkpoint has class names, preprocessing and temperature in it. With the program that trained it:",
        "检查点里有类别名称、预处理和温度。使用训练它的程序：",
    ),
    "card.use.files": (
        '`mindspore.load_checkpoint("mobilenetv2.ckpt")["description"]` shows all that it says of itself.',
        '`mindspore.load_checkpoint("mobilenetv2.ckpt")["description"]` 显示它对自己的全部说明。',
    ),
    # Begins as it goes on after the sentence before it, in each language.
    "card.use.results": (
        " `report.html` and `metrics.json` have the results.",
        "结果见 `report.html` 和 `metrics.json`。",
    ),
    "card.licence": ("Licence", "许可证"),
    "card.licence.text": (
        "The line `license` at the top of this file names it; `other` says that nobody has filled it in. The licences of the "
        "photos and of the starting weights may bind you.",
        "见本文件开头的 `license` 一行；`other` 表示还没有人填写。照片和起始权重的许可证可能对您有约束。",
    ),
}
