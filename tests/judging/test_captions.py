"""Names on contact sheets: in a font that has their letters, else by number."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from diptych.judging import captions
from diptych.judging.captions import CAPTION, font_for, has, line, numbered

ODD = "\u65e5\u672c \u0645\u0631 \u0928"  # Japanese, Arabic and Devanagari, which no one font of the list has


def drawn(words: str, font: captions.Font | None) -> np.ndarray:
    picture = Image.new("RGB", (120, CAPTION), "white")
    ImageDraw.Draw(picture).text((2, 1), words, fill="black", font=font)
    return np.asarray(picture)


def test_plain_words_are_drawn_as_ever() -> None:
    np.testing.assert_array_equal(line("best: a_1  l1 0.1", "best: picture 1", 120), drawn("best: a_1  l1 0.1", None))


@pytest.mark.parametrize("words", [ODD, "a\nb", "\x1b[31mred", "caf\udce9", "a\u202eb", "\ue123"])
def test_what_no_font_has_is_drawn_by_its_number(words: str) -> None:
    np.testing.assert_array_equal(line(words, "best: picture 3", 120), drawn("best: picture 3", None))


def test_the_first_font_that_has_the_letters_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """DejaVu Sans has Greek, Cyrillic and Arabic, and no Chinese (its own list of Unicode blocks)."""
    try:
        ImageFont.truetype("DejaVuSans.ttf")
    except OSError:
        pytest.skip("DejaVu Sans is not installed")
    monkeypatch.setattr(captions, "FONTS", ("no such font.ttf", "DejaVuSans.ttf"))
    captions.font_at.cache_clear()
    captions.has.cache_clear()
    for words in ("\u03b1\u03b2", "\u041f\u0440", "\u0645\u0631", "caf\xe9 1"):
        font = font_for(words)
        assert isinstance(font, ImageFont.FreeTypeFont)
        assert font.getname()[0] == "DejaVu Sans"
        np.testing.assert_array_equal(line(words, "1", 120), drawn(words, font))
    assert font_for("\u65e5\u672c") is None
    assert not has(1, "a")
    captions.font_at.cache_clear()
    captions.has.cache_clear()


def test_one_sentence_says_that_names_are_numbered() -> None:
    assert numbered(["a", "b_2"], "pictures.csv") == ""
    words = numbered(["a", ODD, "b\n"], "pictures.csv")
    assert words.startswith("2 of 3 names cannot be drawn")
    assert "pictures.csv" in words
    assert "fonts-wqy-microhei" in words
    assert font_for("") is not None
