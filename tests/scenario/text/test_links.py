from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xenexplore.errors import InputError
from xenexplore.scenario.library.builtin import builtin_names, builtin_text
from xenexplore.scenario.text.links import END, Link, decode_link, encode_link

WORDS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30)
LINKS = st.builds(
    lambda where, option, column, step: Link(**where, option=option, column=column, step=step),
    st.one_of(WORDS.map(lambda w: {"scenario": w}), WORDS.map(lambda w: {"text": w})),
    st.just("") | WORDS,
    st.just("") | WORDS,
    st.none() | st.just(END) | st.integers(0, 999_999_999),
)

# Links that were sent in mails: they lead to the same place for ever.
SENT = {
    "#s=wrong-vcpu&o=software-tlb&step=5": Link(
        scenario="wrong-vcpu", option="software-tlb", step=5
    ),
    "#s=wrong-vcpu&o=tlb%2C%20subject&step=end": Link(
        scenario="wrong-vcpu", option="tlb, subject", step=END
    ),
    "#s=straddle&c=giant-map": Link(scenario="straddle", column="giant-map"),
    # Other zlibs pack the same text into other letters: this one is only read.
    "#z=eNrLS8xNVbBVUMo7vFKJCwAe_wRH": Link(text='name = "n\u00e9"\n'),
}


@settings(max_examples=50)
@given(LINKS)
def test_round_trip(link: Link) -> None:
    made = encode_link(link)
    assert decode_link(made) == link
    assert decode_link(f"https://host/below/view.html{made}") == link
    assert made.isascii()
    assert not set(made) & set(' "<>\\^`{|}')


@pytest.mark.parametrize("link", SENT)
def test_links_are_stable(link: str) -> None:
    assert decode_link(link) == SENT[link]
    if SENT[link].scenario:
        assert encode_link(SENT[link]) == link


def test_built_in_texts_fit_into_a_link() -> None:
    for name in builtin_names():
        text = builtin_text(name)
        made = encode_link(Link(text=text))
        assert decode_link(made).text == text
        assert len(made) < 4000


@settings(max_examples=50)
@given(st.data())
def test_a_damaged_link_is_refused(data: st.DataObject) -> None:
    whole = encode_link(Link(text=builtin_text("straddle")))
    if data.draw(st.booleans()):
        damaged = whole[: data.draw(st.integers(3, len(whole) - 1))]
    else:
        at = data.draw(st.integers(3, len(whole) - 2))
        damaged = whole[:at] + data.draw(st.sampled_from("Aa0-_.%=")) + whole[at + 1 :]
    if damaged != whole and not same_text(damaged):
        with pytest.raises(InputError, match="link"):
            decode_link(damaged)


def same_text(link: str) -> bool:
    """Whether a change is none: of the bits that pad the last letter, say."""
    with suppress(InputError):
        return decode_link(link).text == builtin_text("straddle")
    return False


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("", "s=NAME or z=TEXT after the #, got neither"),
        ("#s=a&z=b", "got both"),
        ("#s=a&s=b", "s: expected each key once"),
        ("#s=", "s: expected a name, got nothing"),
        ("#s=%ff", "UTF-8"),
        ("#s=a&step=-1", "step: expected a number from 0, or end, got '-1'"),
        ("#s=a&step=1e3", "step"),
        ("#s=a&step=\u0661", "step"),
        ("#z=", "nothing"),
        ("#z=a+b", "characters that do not belong there"),
        ("#z=abcde", "a part of one, or a changed one"),
    ],
)
def test_what_is_wrong_is_said(link: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        decode_link(link)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_text_that_unfolds_without_end_is_refused() -> None:
    bomb = encode_link(Link(text="x" * (5 << 20)))
    with pytest.raises(InputError, match="at most 4 MiB"):
        decode_link(bomb)
