"""``diptych options``, and options of other toolkits on the command line."""

from commanding import Typed, refused


def test_one_option_in_full(typed: Typed) -> None:
    said = typed("options", "training.seed")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "training.seed"
    assert [line.split()[0] for line in lines[1:]] == ["values", "default", "meaning", "change", "also"]
    assert lines[2].split() == ["default", "0"]
    assert "reproducible" in said.out


def test_another_toolkits_name_is_answered_with_ours(typed: Typed) -> None:
    said = typed("options", "lambda_L1")
    assert said.out.startswith("lambda_L1 of pytorch-CycleGAN-and-pix2pix: `options.l1`.\noptions.l1 (pix2pix)\n")


def test_a_wish_is_answered_without_an_empty_line(typed: Typed) -> None:
    assert typed("options", "weight", "decay").out.startswith("weight decay: nothing: Adam without weight decay")
    assert typed("options", "optimizer").out.splitlines() == [
        "optimizer of SPADE: nothing: Adam, with `training.beta1` and `training.beta2`."
    ]


def test_a_name_may_have_its_dashes(typed: Typed) -> None:
    assert typed("options", "--direction").out == typed("options", "direction").out
    refused(typed("options", "lamda_L1"), 2, 'did you mean "lambda_L1"?')


def test_all_options_are_listed(typed: Typed) -> None:
    out = typed("options").out
    for line in ("data.crop_size = 256", "training.beta1 = 0.5", "options.identity (cyclegan) = 0.0"):
        assert line in out.splitlines()
    assert max(map(len, out.splitlines())) <= 120


def test_what_is_not_there_is_said(typed: Typed) -> None:
    refused(typed("options", "reproducibel"), 2, 'did you mean "reproducible"?')
    refused(typed("options", "seed", "--markdown"), 2, "leave the words away")


def test_flags_of_other_toolkits_are_answered_with_ours(typed: Typed) -> None:
    refused(typed("train", "pix2pix", "--lambda_L1", "10"), 2, "key=value, without dashes; here it is `options.l1`.")
    refused(typed("train", "pix2pix", "--batch_size", "4"), 2, "here it is training.batch_size.")
    refused(typed("train", "pix2pix", "--pyramid"), 2, "Unknown option: --pyramid.")
