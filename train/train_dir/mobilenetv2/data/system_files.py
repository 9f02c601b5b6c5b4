"""Files and folders that operating systems, network storage and tools leave among photos: never classes, never errors."""

import unicodedata

# Everything that begins with these: hidden files, as of macOS (._x.jpg), Jupyter and Git; open documents of Office; Kaggle.
PREFIXES = (".", "_ds_store", "~$", "found.0", "__notebook__", "__results__", "__output__")
NAMES = {
    # Windows
    *("thumbs.db", "thumbs.db:encryptable", "ehthumbs.db", "ehthumbs_vista.db", "albumthumbs", "desktop.ini"),
    *("$recycle.bin", "recycler", "recycled", "recovery", "$windows.~bt", "config.msi", "msocache"),
    *("system volume information", "indexervolumeguid"),
    # macOS; the name of a folder's icon ends in a carriage return
    *("__macosx", "icon\r", "network trash folder", "temporary items", "thevolumesettingsfolder"),
    # Python
    "__pycache__",
    # Linux disks, Android
    *("lost+found", "lost.dir", "aquota.user", "aquota.group"),
    # NAS of Synology and QNAP
    *("@eadir", "@tmp", "@__thumb", "@recycle", "@recently-snapshot", "@appstore", "#recycle", "#snapshot"),
    *("synoindex_media_info", "network recycle bin 1"),
    # Kaggle
    *("dataset-metadata.json", "kernel-metadata.json", "kaggle.json"),
    # Marks a folder as a cache: https://bford.info/cachedir/
    "cachedir.tag",
}
STREAM = ":zone.identifier"  # Windows' note that a file was downloaded, as Linux sees it: x.jpg:Zone.Identifier


def is_system_name(name: str) -> bool:
    """Whether a file or folder of this name, without its path, belongs to a system and not to the photos."""
    name = unicodedata.normalize("NFC", name).lower()
    return name.startswith(PREFIXES) or name in NAMES or name.endswith(STREAM)
