"""Light and dark: one accent per meaning, after Okabe and Ito, each also a shape or a dash."""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import MappingProxyType

from xenexplore.errors import MachineError

__all__ = ["THEMES", "Theme", "dark_rules", "theme_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Colours by role, as ``#rrggbb``.

    Attributes:
        name: ``"light"`` or ``"dark"``.
        ink: text.
        quiet: text that steps back; 4.5:1 on paper.
        paper: the background.
        line: rules and outlines.
        faint: what is still to come.
        tint: the fill of regions, and of the current row.
        now: the current step (blue).
        good: done, registered, right (green).
        bad: a miss, a hazard, wrong bytes (vermillion).
        band: what a registered range joins.
    """

    name: str
    ink: str
    quiet: str
    paper: str
    line: str
    faint: str
    tint: str
    now: str
    good: str
    bad: str
    band: str

    def colour(self, role: str) -> str:
        """The colour of a role; ``"none"`` is itself."""
        return "none" if role == "none" else str(getattr(self, role))


THEMES = MappingProxyType(
    {
        "light": Theme(
            name="light",
            ink="#17191c",
            quiet="#5d6470",
            paper="#ffffff",
            line="#c9ced6",
            faint="#dfe3e9",
            tint="#f4f6f9",
            now="#0068a8",
            good="#00734f",
            bad="#b54400",
            band="#e9f3ef",
        ),
        "dark": Theme(
            name="dark",
            ink="#e8eaed",
            quiet="#a2a9b4",
            paper="#14171b",
            line="#3d434c",
            faint="#2c3138",
            tint="#1c2027",
            now="#63b8ef",
            good="#45c79b",
            bad="#ff9a5c",
            band="#192a29",
        ),
    }
)


def theme_of(name: str) -> Theme:
    """A theme by name.

    Raises:
        MachineError: there is none of that name.
    """
    if name not in THEMES:
        raise MachineError(f"no theme {name!r}: there are {' and '.join(THEMES)}")
    return THEMES[name]


def dark_rules(svg: str) -> str:
    """Rules of a style sheet that give a light drawing the colours of the dark theme.

    Args:
        svg: the drawing; only the colours that are in it get a rule.

    >>> dark_rules('<rect fill="#ffffff"/>')
    '[fill="#ffffff"]{fill:#14171b}'
    """
    light, dark = THEMES["light"], THEMES["dark"]
    rules = (
        (f'{paint}="{light.colour(role.name)}"', f"{paint}:{dark.colour(role.name)}")
        for role in fields(Theme)
        if role.name != "name"
        for paint in ("fill", "stroke")
    )
    return "".join(f"[{painted}]{{{rule}}}" for painted, rule in rules if painted in svg)
