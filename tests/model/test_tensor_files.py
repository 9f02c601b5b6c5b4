"""Files of tensors that lie about what is in them."""

from hostile import in_a_process, weights


def test_files_of_weights_that_lie_are_refused(tmp_path):
    made = weights()
    for name, (data, _) in made.items():
        (tmp_path / name).write_bytes(data)
    out = in_a_process(
        f"""
files = sorted(Path({str(tmp_path)!r}).iterdir())
start = resource.getrusage(resource.RUSAGE_SELF)
for file in files:
    for read in (read_pretrained, checkpoint.load) if file.suffix == ".ckpt" else (read_pretrained,):
        try:
            read(str(file))
            print(file.name, "|", "loaded")
        except UserError as error:
            print(file.name, "|", str(error).replace("\\n", " "))
print("peak |", (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start.ru_maxrss) // 1024)
""",
        60,
    )
    lines = [line.split(" | ", 1) for line in out.splitlines()]
    expected = {name: words for name, (_, words) in made.items()}
    assert {name for name, _ in lines[:-1]} == set(expected)
    for name, said in lines[:-1]:
        assert expected[name] in said, f"{name}: {said}"
    assert int(lines[-1][1]) < 300
