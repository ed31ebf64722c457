"""``diptych export``."""

from pathlib import Path
from typing import Annotated

from diptych.commands.parameters import OUT, Checkpoint, RunPlace, Way
from diptych.commands.places import require_outside_runs


def export(
    run: RunPlace,
    *,
    to: str,
    out: Annotated[Path, OUT],
    way: Way = "",
    checkpoint: Checkpoint = "latest",
    precision: str = "",
    processing: str = "outside",
    noise: bool = True,
    style_input: bool = False,
    data: str = "",
    licence: str = "",
    attribution: str = "",
    runtime: Path | None = None,
    title: str = "",
    address: str = "",
) -> int:
    """Hand a run on: as a model folder, an ONNX file, a torch.export program, or a web page that needs no server.

    Example: diptych export runs/facades --to onnx --out facades.onnx

    What is written is run and compared with the network that it comes from; the worst difference is printed.

    Parameters
    ----------
    run
        A run folder or a model folder.
    to
        model: card, weights and README. onnx: one file, of any batch, height and width. pt2: a torch.export program, which
        needs torch alone. web: a folder for any web host, the page with the network inside.
    out
        The folder or the file to make.
    precision
        float32, float16 (weights of half the size), bfloat16 (model folders), or int8 (calibrated on the training pictures).
    processing
        Of ONNX files: outside takes and gives values in [-1, 1]; inside takes and gives the pixels of pictures of any size.
    noise
        Of networks with dropout at test time or styles: take a seed. --no-noise leaves the noise out.
    style_input
        Of ONNX files of networks whose styles are vectors, such as BicycleGAN's: take a style, (batch, n), in place of a seed.
    data
        A folder of examples, for a model folder or where the run's own data are gone.
    licence
        Of the training data, for the card; by default what the data set says.
    attribution
        Sentences on whose pictures were trained on; by default what the data set says.
    runtime
        Folder of onnxruntime-web, where it did not come with diptych.
    title
        Of a web page; by default what is made of what, where the data set is a known one.
    address
        Where a web page will be, such as https://example.org/page/: a posted link shows its picture only if that is known.
    """
    from diptych.exporting.export import ExportSettings
    from diptych.exporting.export import export as carry_out

    require_outside_runs(out, f"exported{out.suffix}", one_file=to in ("onnx", "pt2"))
    options = (
        way,
        checkpoint,
        precision,
        processing,
        noise,
        data,
        licence,
        attribution,
        runtime,
        title,
        address,
        style_input,
    )
    for sentence in carry_out(ExportSettings(run, to, out, *options)):
        print(sentence)
    return 0
