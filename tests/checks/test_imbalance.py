"""Far fewer photos of one class."""

from inspected import inspect_folder


def test_imbalance(mine, cache):
    for file in sorted((mine / "train" / "dog").iterdir())[26:]:
        file.unlink()
    said = inspect_folder(mine, cache).says()
    assert list(said) == ["dog"] and said["dog"][0].startswith("26 training photos, croissants has 80")
