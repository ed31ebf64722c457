"""What systems share: their sources, the discriminator's accuracy, and gradients computed before an update."""

import pytest
import torch
from building import LABELS, domains_of
from torch import Tensor, nn

from diptych.errors import UsageError
from diptych.pictures.kinds import Kind
from diptych.systems import Domains
from diptych.systems.parts.detached_loss import detached_loss
from diptych.systems.system import accuracy

IN_OUT = {"channels_in": 3, "channels_out": 3}
HOLED = Kind(colour="holed")


@pytest.mark.parametrize(
    ("source", "colours", "fits"),
    [
        (Kind(), (), True),
        (Kind(colour="grey"), (), True),
        (LABELS, (), False),
        (HOLED, (), False),
        (LABELS, ("labels", "pictures"), True),
        (Kind(), ("labels", "pictures"), True),
        (HOLED, ("labels", "pictures"), False),
        (HOLED, ("holed",), True),
        (Kind(), ("holed",), False),
        (LABELS, ("holed",), False),
    ],
)
def test_what_a_system_is_made_for(source: Kind, colours: tuple[str, ...], fits: bool) -> None:
    domains = Domains(source, Kind(), (16, 16))
    if fits:
        domains.require_source("it", *colours)
        return
    with pytest.raises(UsageError, match=f"the source here is {source.colour}; choose another system or data.task"):
        domains.require_source("it", *colours)


def test_what_a_system_is_made_for_is_said_in_words() -> None:
    plain, shrunk = (Domains(Kind(), Kind(), (16, 24), factor) for factor in (1, 2))
    for domains, words, enlarging in [
        (Domains(LABELS, Kind(), (8, 8)), "it needs plain pictures, and", False),
        (plain, 'it needs data.task = "shrunk"; choose another', True),
        (shrunk, "it needs a source as large as the target; choose another", False),
    ]:
        with pytest.raises(UsageError, match=words):
            domains.require_source("it", enlarging=enlarging)
    with pytest.raises(UsageError, match=r'it needs data\.task = "labelled" or data\.task = "holed", and'):
        plain.require_source("it", "labels", "holed")
    shrunk.require_source("it", enlarging=True)


def test_arguments_of_what_takes_labels_or_pictures() -> None:
    maps = {**IN_OUT, "channels_in": LABELS.network_channels, "classes": 5, "unknown": True, "boundary": True}
    assert domains_of("spade").network_arguments() == maps
    assert domains_of("pix2pix").network_arguments() == IN_OUT
    plain = Domains(Kind(colour="labels", classes=4), Kind(), (8, 8)).network_arguments()
    assert (plain["classes"], plain["unknown"], plain["boundary"]) == (4, False, False)
    zero = Domains(Kind(colour="labels", classes=4, unknown=0), Kind(), (8, 8)).network_arguments()
    assert zero["unknown"]


@pytest.mark.parametrize(("adversary", "middle"), [("vanilla", 0.0), ("least-squares", 0.5), ("hinge", 0.0)])
def test_accuracy_is_the_share_of_right_calls(adversary: str, middle: float) -> None:
    real, fake = torch.tensor([0.1, -0.1, 0.3, 2.0]) + middle, torch.tensor([-1.0, 0.2, 0.0, -0.1, -0.2]) + middle
    assert accuracy(adversary, real, fake)["accuracy"].item() == pytest.approx((3 / 4 + 3 / 5) / 2)
    assert accuracy("wasserstein", real, fake) == {}
    assert accuracy(adversary, torch.full((2,), middle), torch.full((2,), middle))["accuracy"] == 0


def test_a_gradient_that_was_taken_before_goes_on() -> None:
    torch.manual_seed(0)
    critic, maker = nn.Linear(3, 2), nn.Linear(4, 3)
    noise = torch.randn(5, 4)

    def terms_of(pictures: Tensor) -> dict[str, Tensor]:
        judged = critic(pictures)
        return {"one": judged.square().mean(), "other": 3 * judged.exp().sum()}

    plain = terms_of(maker(noise))
    expected = torch.autograd.grad(2 * sum(plain.values(), torch.zeros(())), list(maker.parameters()))
    pictures = maker(noise)
    seen = pictures.detach().requires_grad_()
    terms = terms_of(seen)
    given = detached_loss(terms, seen, pictures)
    assert {name: term.item() for name, term in given.items()} == {name: term.item() for name, term in terms.items()}
    assert seen.grad is None
    assert all(parameter.grad is None for parameter in critic.parameters())
    sum(terms.values(), torch.zeros(())).backward(inputs=list(critic.parameters()))  # the graph is still there
    with torch.no_grad():
        critic.weight.zero_()
    (2 * sum(given.values(), torch.zeros(()))).backward()
    for parameter, gradient in zip(maker.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
