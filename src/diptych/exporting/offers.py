"""From runs that a command names to what the service offers."""

from collections.abc import Sequence
from pathlib import Path

from diptych.data.public.catalog import EMBEDDED, cache_folder
from diptych.data.public.licences import Licence
from diptych.data.shards.reading import is_address
from diptych.errors import DiptychError
from diptych.exporting.export import EXAMPLES
from diptych.exporting.fastest import cached, faster
from diptych.exporting.models import terms_for
from diptych.exporting.samples import Sample, at_hand
from diptych.exporting.traced import noisy
from diptych.machine.runtimes import session_of
from diptych.serving.page.browser_model import Parts, cut
from diptych.serving.service.listing import Offer, drawing, in_browser, name_for
from diptych.training.checkpoint_choice import taken
from diptych.training.run import read_recipe
from diptych.translator.engines import Eager
from diptych.translator.translator import Translator


def offers_of(
    places: Sequence[Path], checkpoint: str, device: str, engine: str, browser: bool
) -> tuple[list[Offer], list[str]]:
    """One for each run, model folder or ONNX file, and what is to be said of each.

    Raises:
        DiptychError: when one cannot be loaded.
    """
    offers: list[Offer] = []
    told = []
    for place in places:
        plain = Translator.load(place, checkpoint=checkpoint, device=device)
        name = name_for(place, "", [offer.name for offer in offers])
        found, words = faster(plain, engine)
        examples = examples_of(place, plain)
        parts, why = network_for_browser(plain, name) if browser else (None, "")
        terms = terms_for(place, "", "") if place.is_dir() and not is_address(trained_on(place)) else Licence()
        facts = plain.card.provenance
        offers.append(
            Offer(
                name,
                found,
                noise_of(plain, place),
                terms.licence or str(facts.get("licence of the data", "")),
                terms.attribution or str(facts.get("attribution", "")),
                [drawing(plain.card.source, one.source[0]) for one in examples],
                parts,
            )
        )
        told.append(" ".join(filter(None, (f"{name}: {place}.", taken(place, checkpoint), words + why))))
    return offers, told


def noise_of(translator: Translator, place: Path) -> bool:
    if isinstance(translator.engine, Eager):
        return noisy(translator.engine.network)
    return len(session_of(place).get_inputs()) > 1


def examples_of(place: Path, translator: Translator) -> list[Sample]:
    """Held-out pictures of the run's own data, where they are here already: a service that starts waits for none."""
    data = trained_on(place)
    if EMBEDDED.fullmatch(data) and not Path(data).is_dir():
        data = str(cache_folder() / data)  # by its name it would be drawn now
        return at_hand(place, translator, data, "held-out", EXAMPLES)[0] if Path(data).is_dir() else []
    return at_hand(place, translator, "", "held-out", EXAMPLES)[0] if data and not is_address(data) else []


def trained_on(place: Path) -> str:
    """What the recipe of a run names as its data; empty where there is none."""
    return read_recipe(place).data.folder if (place / "recipe.toml").is_file() else ""


def network_for_browser(translator: Translator, name: str) -> tuple[Parts | None, str]:
    if not isinstance(translator.engine, Eager) or not in_browser(translator.card):
        return None, ""
    try:
        return cut(cached(translator, "float16"), name, "float16"), ""
    except DiptychError as problem:
        return None, f" Not in the browser: {problem}"
