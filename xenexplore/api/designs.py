"""The designs, as a list and for tab completion."""

from __future__ import annotations

from xenexplore.guest.spec import no_such
from xenexplore.hypervisor.design import Design
from xenexplore.options.registry import OptionList, known_designs, list_options

__all__ = ["Designs", "designs"]


class Designs:
    """The designs: ``designs()`` lists them; each is an attribute, for tab completion.

    >>> designs("O7", "linear-walk")
    <OptionList: software-tlb, linear-walk>
    >>> designs.software_tlb.name
    'software-tlb'
    """

    def __call__(self, *chosen: str | type[Design]) -> OptionList:
        """The designs, as ``xenexplore options`` lists them.

        Args:
            chosen: names or numbers (``"O7"``), files (``"my.py:LastWalk"``), or classes;
                none: every one, those of installed packages, and those offered (``offer``).

        Raises:
            MachineError: there is no such design; the nearest is named.
        """
        return list_options(*chosen)

    def __dir__(self) -> list[str]:
        return [name.replace("-", "_") for name in known_designs()]

    def __getattr__(self, name: str) -> type[Design]:
        if name.startswith("_"):
            raise AttributeError(name)
        found = {known.replace("-", "_"): design for known, design in known_designs().items()}
        if name not in found:
            raise AttributeError(str(no_such("design", name, found)))
        return found[name]

    def __repr__(self) -> str:
        return f"<designs: {', '.join(known_designs())}>"


designs = Designs()
"""The designs; see :class:`Designs`."""
