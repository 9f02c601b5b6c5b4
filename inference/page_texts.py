"""The texts of the page in English and Chinese."""

from typing import Dict

LANGUAGES = {"zh": "中文", "en": "English"}
TEXTS: Dict[str, Dict[str, str]] = {
    "en": {
        "title": "## Dog or croissant?",
        "one": "One picture",
        "many": "Many pictures",
        "picture": "Your picture: drop, paste, upload or take one",
        "examples": "Or one of these drawings",
        "bars": "Confidence",
        "seen": "What the network sees",
        "activation": "Mark what the answer rests on",
        "pictures": "Your pictures",
        "ask": "Answer all",
        "csv": "Answers as CSV",
        "answering": "Answering",
        "file": "file",
        "answer": "answer",
        "none": "Choose a picture, and the answer appears here.",
        "neither": "Neither",
        "refused": "Like nothing in the training photos (score {neither:+.2f}, refused above 0). Closest class: {best}.",
        "nearest": "Most similar training photos",
        "details": "{width} × {height} pixels, answered in {milliseconds:.0f} ms",
        "bad": "⚠️ **This picture cannot be read:** {problem}.",
        "too_many": "At most {most} pictures at a time; these are {count}.",
        "built_in": "The small network that comes with this program; train your own with "
        "`python train/train_dir/train.py`",
        "of_date": "{file} of {date}",
        "about": "{checkpoint} · trained on {train} photos ({classes}) · "
        "{correct} of {count} validation photos right · MobileNetV2, {size} × {size} pixels",
        "replaced": "The file has been changed or removed since then. The answers are still those of the checkpoint named here.",
        "no_checkpoint": "**The checkpoint cannot be used.** The log of this page says what is wrong with it. Mend that and "
        "start the page again; without any checkpoint, it answers with the small network that comes with this program.",
        "no_upload": "This is no upload of this page. Upload the picture first: addresses, other paths and base64 text are not "
        "read.",
        "not_json": "The body of this request is not the JSON that this page expects; see docs/serving.md.",
        "too_deep": "The JSON of this request has too many entries, or too many in one another.",
        "values": 'The request needs "data", a list of length {count}.',
        "too_large": "The request is too large: at most {most} MiB.",
        "too_large_file": "The upload is too large: at most {most} MiB for a file, and {total} MiB in all.",
        "no_files": "The upload cannot be read, or there are too many at the moment. Send at most {files} files as "
        'multipart/form-data, under the name "files".',
        "full": "The page has no space for uploads at the moment. Wait some minutes, then send it again.",
        "too_slow": "The request has not come in time. Send it again.",
        "unknown": "There is nothing here. See docs/serving.md for what this page answers.",
        "wait": "{count} of your questions are waiting already. Wait for their answers, then ask again.",
        "busy": "The page has too many questions to answer. Wait a minute, then ask again.",
        "kept": "Pictures are deleted from this server {time} after the upload.",
        "minutes": "{count:.0f} minutes",
        "seconds": "{count:.0f} seconds",
    },
    "zh": {
        "title": "## 狗还是牛角包？",
        "one": "一张图片",
        "many": "多张图片",
        "picture": "你的图片：拖入、粘贴、上传或拍摄",
        "examples": "或者试试这些图画",
        "bars": "置信度",
        "seen": "网络所见",
        "activation": "标出回答的依据",
        "pictures": "你的图片",
        "ask": "全部识别",
        "csv": "回答（CSV）",
        "answering": "识别中",
        "file": "文件",
        "answer": "回答",
        "none": "选一张图片，回答就会出现在这里。",
        "neither": "都不是",
        "refused": "与训练照片都不相似（得分 {neither:+.2f}，大于 0 即拒绝）。最接近的类别：{best}。",
        "nearest": "最相似的训练照片",
        "details": "{width} × {height} 像素，用时 {milliseconds:.0f} 毫秒",
        "bad": "⚠️ **无法读取这张图片：**{problem}。",
        "too_many": "一次最多 {most} 张图片，这里有 {count} 张。",
        "built_in": "随程序附带的小网络；用 `python train/train_dir/train.py` 训练你自己的",
        "of_date": "{file}（{date}）",
        "about": "{checkpoint} · 用 {train} 张照片训练（{classes}）· "
        "{count} 张验证照片答对 {correct} 张 · MobileNetV2，{size} × {size} 像素",
        "replaced": "此后该文件已被更改或删除。回答仍来自这里所写的检查点。",
        "no_checkpoint": "**检查点无法使用。**原因见本页的日志。修正后请重新启动页面；"
        "没有任何检查点时，本页用随程序附带的小网络回答。",
        "no_upload": "这不是本页收到的上传文件。请先上传图片；网址、其他路径和 base64 文本都不会被读取。",
        "not_json": "请求的内容不是本页所需的 JSON，见 docs/zh/serving.md。",
        "too_deep": "请求的 JSON 条目太多，或嵌套太深。",
        "values": '请求需要 "data"，一个长度为 {count} 的列表。',
        "too_large": "请求太大：最多 {most} MiB。",
        "too_large_file": "上传太大：每个文件最多 {most} MiB，总共最多 {total} MiB。",
        "no_files": "无法读取上传的内容，或目前上传太多。请以 multipart/form-data 发送，名称为 "
        '"files"，最多 {files} 个文件。',
        "full": "本页目前没有空间存放上传的内容，请几分钟后重新发送。",
        "too_slow": "请求没有及时到达，请重新发送。",
        "unknown": "这里没有内容。本页回答什么，见 docs/zh/serving.md。",
        "wait": "你已有 {count} 个问题在等待。请等到回答后再问。",
        "busy": "本页要回答的问题太多，请一分钟后再问。",
        "kept": "上传的图片在{time}后从服务器删除。",
        "minutes": " {count:.0f} 分钟",
        "seconds": " {count:.0f} 秒",
    },
}


def preferred(accept_language: str) -> str:
    """The language, a key of TEXTS, for an Accept-Language header such as "zh-CN,zh;q=0.9,en;q=0.8"."""
    weighed = []
    for entry in accept_language.split(","):
        name, _, quality = entry.strip().partition(";q=")
        try:
            weighed.append((float(quality or 1), name[:2].lower()))
        except ValueError:
            continue
    known = [name for quality, name in sorted(weighed, key=lambda item: -item[0]) if name in TEXTS and quality > 0]
    return known[0] if known else "en"
