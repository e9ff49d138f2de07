"""What is replayed: an option of the registry with its parameters, under a label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from xenexplore.errors import MachineError
from xenexplore.options.registry import make_option, option_class

__all__ = ["DESIGNS", "Design", "design"]

# Parameters that a replay of recorded accesses can follow.  The others are
# about what happens between hypercalls, in a second vCPU, or in frames that were not recorded.
_TABLE = frozenset({"entries", "policy", "search", "scope", "miss", "straddle"})
_FOLLOWED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "software-tlb": _TABLE | {"register"},
        "gfn-lists": _TABLE | {"register"},
        "giant-map": _TABLE | {"second"},
        "number-bit": frozenset({"privcmd"}),
        "sg-policy": frozenset({"policy"}),
        "bounce": frozenset({"mode"}),
    }
)

_NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Design:
    """An option to replay.

    Attributes:
        label: for people.
        option: its name in :data:`xenexplore.options.registry.OPTIONS`.
        values: its parameters, as scenarios spell them; ``register`` holds
            words of :data:`xenexplore.analysis.replay.registrations.WORDS`.
        encrypted: the guest's tables cannot be walked.

    Raises:
        MachineError: a parameter that the option does not have, or that a replay
            cannot follow.
    """

    label: str
    option: str
    values: Mapping[str, object] = field(default_factory=lambda: _NOTHING)
    encrypted: bool = False

    def __post_init__(self) -> None:
        made = make_option(self.option, dict(self.values))
        defaults = {parameter.name: parameter.default for parameter in made.parameters}
        followed = _FOLLOWED.get(self.option, frozenset())
        for key, value in made.values.items():
            if key not in followed and value != defaults[key]:
                takes = ", ".join(sorted(followed)) or "none"
                raise MachineError(
                    f"replay of {self.option!r} cannot follow {key}={value!r}: "
                    f"it follows {takes}; run a scenario for the rest"
                )

    @property
    def words(self) -> tuple[str, ...]:
        """What is registered before the first call."""
        if self.option == "giant-map":
            second = self.values.get("second", "none")
            return ("directmap",) if second == "none" else ("directmap", str(second))
        words = self.values.get("register", ())
        assert isinstance(words, tuple | list)
        return tuple(str(word) for word in words)


DESIGNS: tuple[Design, ...] = (
    Design("linear-walk", "linear-walk"),
    Design("domain-mode", "domain-mode"),
    Design("number-bit", "number-bit"),
    Design("address-bits", "address-bits"),
    Design("sg-policy", "sg-policy"),
    Design("abi-v2", "abi-v2"),
    Design("packets", "packets"),
    Design("giant-map", "giant-map"),
    Design("giant-map+image", "giant-map", {"second": "kernel-image"}),
    Design("software-tlb", "software-tlb", {"register": ("directmap", "kernel-image", "stacks")}),
    Design("gfn-lists", "gfn-lists", {"register": ("directmap", "kernel-image", "stacks")}),
    Design("bounce", "bounce"),
    Design("fastabi", "fastabi"),
    Design("phys-twins", "phys-twins"),
)
"""Every option of the registry; registered buffers in the forms that the thread names."""


def design(text: str) -> Design:
    """A design by its label, or an option's name with ``key=value`` parameters after colons.

    ``"software-tlb:register=directmap+stacks:entries=4"``.

    Raises:
        MachineError: no such option or parameter.
    """
    for known in DESIGNS:
        if known.label == text:
            return known
    name, *settings = text.split(":")
    option = option_class(name)
    kinds = {parameter.name: parameter.default for parameter in option.parameters}
    values: dict[str, object] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise MachineError(
                f"design {text!r}: expected key=value after a colon, not {setting!r}"
            )
        default = kinds.get(key)
        if isinstance(default, bool):
            values[key] = value.lower() in ("true", "yes", "1")
        elif isinstance(default, int):
            if not value.isdecimal():
                raise MachineError(f"design {text!r}: {key} takes a number, not {value!r}")
            values[key] = int(value)
        elif isinstance(default, tuple):
            values[key] = tuple(word for word in value.split("+") if word)
        else:
            values[key] = value
    return Design(text, option.name, values)
