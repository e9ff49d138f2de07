"""Link of a citation: a mail in the list archive, a file of Xen at its release."""

from __future__ import annotations

import re
from urllib.parse import quote

from xenexplore.steps import Cite

__all__ = ["SOURCES", "link_of"]

_ARCHIVE = "https://lore.kernel.org/xen-devel/"
#: How the address of a file of Xen begins.
SOURCES = "https://xenbits.xen.org/gitweb/?p=xen.git;a=blob;f="
_MAIL = re.compile(r"<([^<>\s]+@[^<>\s]+)>")
_RELEASE = re.compile(r"Xen (4\.\d+)")
_FILE = re.compile(r"(?:xen|tools)/[A-Za-z0-9_./-]+\.[chS]")


def link_of(cite: Cite) -> str:
    """The address of what a citation names; ``""`` where it names neither mail nor file of Xen.

    >>> from xenexplore.steps import mail, xen
    >>> link_of(mail("A reviewer", "1 Sep 2022", "a.b@example.org"))
    'https://lore.kernel.org/xen-devel/a.b@example.org/'
    >>> link_of(xen("xen/arch/x86/hvm/hvm.c", "__hvm_copy"))[-42:]
    'f=xen/arch/x86/hvm/hvm.c;hb=RELEASE-4.17.0'
    """
    found = _MAIL.fullmatch(cite.what)
    if found:
        return f"{_ARCHIVE}{quote(found[1], safe='@')}/"
    release = _RELEASE.fullmatch(cite.version)
    if release and _FILE.fullmatch(cite.where):
        return f"{SOURCES}{cite.where};hb=RELEASE-{release[1]}.0"
    return ""
