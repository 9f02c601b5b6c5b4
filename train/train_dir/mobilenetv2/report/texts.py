"""The texts of report.html in English and Chinese. {s} is an English plural; other {names} are filled in, escaped."""

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


PAIRS: Dict[str, Tuple[str, str]] = {
    "code": ("en", "zh-CN"),
    "title": ("Training report", "训练报告"),
    "subtitle": ("MobileNetV2 for {classes}", "MobileNetV2：{classes}"),
    "and": (", ", "、"),
    "colon": (": ", "："),
    # Verdict. A text "range.*" follows a count.
    "of": ("{correct} of {count}", "{correct} / {count}"),
    "range.all": ("above {low} %", "高于 {low} %"),
    "range.none": ("below {high} %", "低于 {high} %"),
    "range.some": ("{low} % to {high} %", "在 {low} % 到 {high} % 之间"),
    "tile.val": ("validation photos right", "验证照片答对"),
    "tile.test": ("test photos right", "测试照片答对"),
    "tile.held_out": ("right out of fold", "折外答对"),
    "tile.outliers": ("strangers refused", "外来图片被拒绝"),
    "tile.findings": ("finding{s} to look at", "处发现值得查看"),
    "verdict.nothing": ("Nothing suspicious in the data set.", "数据集中没有可疑之处。"),
    "verdict.drawings": (
        "Trained on {count} drawings that this program makes, not on photos: the figures below are about drawings.",
        "用本程序绘制的 {count} 张图画训练，而不是照片：下面的数字都是关于图画的。",
    ),
    "verdict.val": (
        "Of {count} validation photos, {correct} are answered right. The network did not learn from them; only its best "
        "epoch was chosen by them. So many photos prove, with 95 % certainty, this share of right answers for photos of "
        "the same kind: {range}.",
        "{count} 张验证照片（网络没有学过，只用来选最好的一轮）中答对 {correct} 张。"
        "这个数量的照片有 95 % 的把握证明，同类照片的正确率{range}。",
    ),
    "verdict.test": (
        "Of {count} test photos, {correct} are answered right. They had no part in any choice. So many photos prove, with 95 % "
        "certainty, this share of right answers: {range}.",
        "{count} 张测试照片中答对 {correct} 张。测试照片没有参与任何选择。这个数量的照片有 95 % 的把握证明，正确率{range}。",
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
    "verdict.mistake": (
        "The most frequent mistake: {true} is said to be {answer} ({count} time{s}).",
        "最常见的错误：把{true}说成{answer}（{count} 次）。",
    ),
    "verdict.outliers": (
        "Of {count} pictures of no class, {refused} are refused rather than called one of the classes.",
        "{count} 张不属于任何类别的图片中，{refused} 张被拒绝，没有被当成某个类别。",
    ),
    "verdict.leak": (
        "{count} picture{s} in two splits: the results promise more than they should.",
        "有 {count} 张图片同时在两个部分中：结果偏高。",
    ),
    "verdict.dropped": (
        "{count} photo{s} left out because of copies in another split or class (--leaks drop); check.json names all of them.",
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
    "stage.finetune": ("Fine-tuning", "微调"),
    "stage.distill": ("Small network, taught by the large one", "由大网络教出的小网络"),
    "loss": ("Loss", "损失"),
    "loss.train": ("training", "训练"),
    "loss.val": ("validation", "验证"),
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
        "A row is what the photos are, a column what the network says. Ranges are exact 95 % intervals "
        "(Clopper and Pearson): what so few or so many photos prove.",
        "行是照片的真实类别，列是网络的回答。范围是精确的 95 % 置信区间（Clopper–Pearson）：这么多照片能证明的程度。",
    ),
    "split.test": ("Test photos", "测试照片"),
    "split.val": ("Validation photos", "验证照片"),
    "split.held_out": ("Training photos, out of fold", "训练照片（折外）"),
    "split.train": ("Training photos, out of fold", "训练照片（折外）"),
    "split.outliers": ("Strangers", "外来图片"),
    "class": ("Class", "类别"),
    "recall": ("Recognised (recall)", "认出（召回率）"),
    "precision": ("Right when answered (precision)", "回答正确（精确率）"),
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
    "before": ("Before: ECE {ece}", "校准前：ECE {ece}"),
    "after": ("After: ECE {ece}", "校准后：ECE {ece}"),
    "confidence": ("confidence", "置信度"),
    "right": ("share right", "正确比例"),
    "bin": (
        "{low} to {high} %: {count} photo{s}, {right} % right",
        "{low} 到 {high} %：{count} 张照片，{right} % 答对",
    ),
    # Neither
    "neither": ("Pictures of neither class", "不属于任何类别的图片"),
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
    "wrong": ("wrong", "答错"),
    "unsure": ("right", "答对"),
    "is.said": ("{true}, said to be {answer}", "{true}，回答为{answer}"),
    "is.right": ("{true}", "{true}"),
    "overlay": ("what speaks for the answer", "支持回答的位置"),
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
    "layout.class folders": (
        "class folders; the program chose the validation photos",
        "类别文件夹；验证照片由程序选出",
    ),
    "layout.table": ("classes from a table", "类别来自表格"),
    "layout.unused": ("not used", "未使用"),
    "fingerprint": ("Data fingerprint (SHA-256)", "数据指纹（SHA-256）"),
    "machine": ("Machine and time", "机器与时间"),
    "device": ("Device", "设备"),
    "memory": ("Peak memory", "内存峰值"),
    "seconds": ("{name}, seconds", "{name}，秒"),
    "part.read": ("reading and checking photos", "读取并检查照片"),
    "part.features": ("features", "计算特征"),
    "part.head": ("classifier", "训练分类器"),
    "part.finetune": ("fine-tuning", "微调"),
    "part.distill": ("the small network", "训练小网络"),
    "part.evidence": ("evidence", "计算依据"),
    "part.total": ("total", "合计"),
    "settings": ("Settings", "设置"),
    "versions": ("Versions", "版本"),
    "nothing": ("none", "无"),
}
