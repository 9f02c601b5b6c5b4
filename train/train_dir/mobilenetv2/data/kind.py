"""What the pictures of a data set are: photos, or the drawings that this program makes.

Texts speak of photos. What was trained on drawings says so: checkpoint, metrics.json, log, report and page take the word from
here."""

PHOTOS, DRAWINGS = "photos", "drawings"  # as the checkpoint records them
WORDS = (("photo", "drawing"), ("Photo", "Drawing"), ("照片", "图画"))


def for_kind(text: str, kind: str) -> str:
    """A text that speaks of photos, in English or Chinese -> the same about drawings, if these are of that kind."""
    if kind == DRAWINGS:
        for photo, drawing in WORDS:
            text = text.replace(photo, drawing)
    return text
