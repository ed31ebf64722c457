"""The translators that the service offers, from the runs that a command names."""

from collections.abc import Sequence
from pathlib import Path

from diptych.data.public.catalog import EMBEDDED, cache_folder
from diptych.data.public.licences import Licence
from diptych.data.shards.reading import is_address
from diptych.errors import DiptychError
from diptych.exporting.engine_cache import cached, with_engine
from diptych.exporting.export import SHOWN, network_of
from diptych.exporting.models import terms_for, trained_on
from diptych.exporting.samples import Sample, samples_or_reason
from diptych.exporting.showcase import showcase
from diptych.exporting.tracing import has_noise
from diptych.judging.subjects import own_examples
from diptych.serving.page.browser_model import BrowserModel, split_model
from diptych.serving.service.listing import Offer, runs_in_browser, unique_name
from diptych.shipped import is_shipped
from diptych.training.checkpoint_choice import checkpoint_note
from diptych.translator.engines import Eager, OnnxRuntime
from diptych.translator.translator import Translator


def offers_of(
    places: Sequence[Path], checkpoint: str, device: str, engine: str, browser: bool
) -> tuple[list[Offer], list[str]]:
    """An offer for each run, model folder or ONNX file, and a line about each.

    Raises:
        DiptychError: when one cannot be loaded.
    """
    offers: list[Offer] = []
    lines = []
    for place in places:
        plain = Translator.load(place, checkpoint=checkpoint, device=device)
        name = unique_name(place, "", [offer.name for offer in offers])
        found, words = with_engine(plain, engine)
        examples = examples_of(place, plain)
        parts, why = network_for_browser(plain, name) if browser else (None, "")
        card, own = plain.card, plain.engine
        remote = is_address(trained_on(place))  # a starting service waits for no other
        terms = Licence(card.licence, card.attribution) if remote else terms_for(place, card)
        noise = len(own.inputs) > 1 if isinstance(own, OnnxRuntime) else has_noise(network_of(plain))
        offers.append(
            Offer(
                name,
                found,
                noise,
                *terms,
                browser=parts,
                **showcase(plain, examples, name),
            )
        )
        where = f"comes with diptych ({card.licence})" if is_shipped(place) else place
        lines.append(" ".join(filter(None, (f"{name}: {where}.", checkpoint_note(place, checkpoint), words + why))))
    return offers, lines


def examples_of(place: Path, translator: Translator) -> list[Sample]:
    """Held-out pictures of the run's own data, where they are on disk; a starting service does not wait for a download."""
    data = trained_on(place)
    if EMBEDDED.fullmatch(data) and not Path(data).is_dir():
        data = str(cache_folder() / data)  # by its name alone it would be rendered now
        return samples_or_reason(place, translator, data, "held-out", SHOWN)[0] if Path(data).is_dir() else []
    on_disk = own_examples(place) or (data and not is_address(data))
    return samples_or_reason(place, translator, "", "held-out", SHOWN)[0] if on_disk else []


def network_for_browser(translator: Translator, name: str) -> tuple[BrowserModel | None, str]:
    if not isinstance(translator.engine, Eager) or not runs_in_browser(translator.card):
        return None, ""
    try:
        return split_model(cached(translator, "float16"), name, "float16"), ""
    except DiptychError as problem:
        return None, f" Not in the browser: {problem}"
