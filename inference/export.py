"""A checkpoint in other formats, for programs without MindSpore. Each file is run, and compared with the checkpoint.

    python inference/export.py output --format onnx --output network.onnx
    python inference/export.py output --format onnx,onnx-8bit,mindir --data_url photos --output exported
    python inference/export.py output --format web --output site --download

Exit code 0: all files are written. 2: something is missing, or a file would answer otherwise than the checkpoint.
"""

import location  # noqa: F401 (puts the package on the path)

from mobilenetv2.runtime import starting

with starting.guarded():
    import argparse
    from typing import List

    import web_page

    from mobilenetv2.argument_names import refuse_all
    from mobilenetv2.checkpoint_search import CHECKPOINT_HELP, find_checkpoint
    from mobilenetv2.data.cache import FOLDER
    from mobilenetv2.export import as_table, export
    from mobilenetv2.export.formats import FORMATS
    from mobilenetv2.export.metadata import SHAPES
    from mobilenetv2.runtime import logs
    from mobilenetv2.runtime.commands import command, run
    from mobilenetv2.runtime.streams import open_standard_streams


@command()
def main(arguments: List[str]) -> int:
    """Export what the command line names. Returns the exit code."""
    parser = argparse.ArgumentParser(description="A checkpoint in other formats.", allow_abbrev=False)
    parser.add_argument("checkpoint", nargs="?", metavar="CHECKPOINT", help=CHECKPOINT_HELP)
    parser.add_argument("--checkpoint", dest="named", metavar="PATH", help="another way to write it, as for predict.py")
    parser.add_argument(
        "--format",
        default="onnx",
        metavar="NAMES",
        help=f"one or more of {', '.join(FORMATS)}, separated by commas (default: onnx); or "
        f"{' or '.join(web_page.FORMATS)}, a static page that answers in the visitor's browser, in a folder of its own",
    )
    parser.add_argument(
        "--output",
        default=".",
        metavar="PATH",
        help="folder, or the file where there is one format (default: this folder)",
    )
    parser.add_argument(
        "--input",
        choices=tuple(SHAPES),
        default="u8",
        help="; ".join(f"{name}: {text.format(size='S')}" for name, text in SHAPES.items()) + " (default: u8)",
    )
    parser.add_argument(
        "--data_url",
        default="",
        metavar="PATH",
        help="folder or archive of photos, as for train.py: the validation photos are compared, and onnx-8bit is calibrated on "
        "the training photos (default: drawings of this program, for the comparison)",
    )
    parser.add_argument("--cache_dir", default=FOLDER, metavar="PATH", help=f"as for train.py (default: {FOLDER})")
    parser.add_argument(
        "--download", action="store_true", help=f"for a static page: get {web_page.PACKAGE} from npm, which it needs"
    )
    options, rest = parser.parse_known_args(arguments)
    open_standard_streams()
    logs.log_to_stderr()
    refuse_all(rest, {name: name == "download" for name in vars(options) if name != "named"}, folder="data_url")
    web = web_page.network_format(options.format, options.input)
    folder = web_page.check_folder(options.output, options.download) if web else None
    found = export(
        find_checkpoint(options.checkpoint or options.named),
        web or options.format,
        str(folder / web_page.NETWORK) if folder else options.output,
        options.input,
        options.data_url,
        options.cache_dir,
    )
    if folder:
        web_page.write_page(folder)
    if folder and options.download and web_page.missing_files(folder):
        web_page.fetch_runtime(folder)
    print(f"Compared on {found[0].parity.pictures} {found[0].what}:\n{as_table(found)}")
    if folder:
        print("\n".join(web_page.next_steps(folder)))
    return 0


if __name__ == "__main__":
    run(main)
