"""The recordings shipped with the package: a description of each, without reading all of it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import msgspec

from xenexplore.recording.format.header import Header, read_header
from xenexplore.recording.format.stream import BUILT_INS, blocks, built_in_path

__all__ = ["Shipped", "shipped", "told_elsewhere"]


@dataclass(frozen=True, slots=True)
class Shipped:
    """One recording of the package.

    Attributes:
        name: what every command takes for it.
        size: bytes of its file, compressed.
        header: what it says about its machine and workload.
        finding: what it shows that the others do not.
    """

    name: str
    size: int
    header: Header
    finding: str


@cache
def told_elsewhere() -> Mapping[str, Any]:
    """Headers of the built-in recordings of version 1, which do not contain one."""
    text = (resources.files("xenexplore.recording") / "data" / "headers.toml").read_text("utf-8")
    return MappingProxyType(tomllib.loads(text))


_FINDINGS: Mapping[str, str] = MappingProxyType(
    {
        "pv": "a PV dom0: Xen dereferences its buffers and makes no walk",
        "pvh": "buffers of a PVH dom0 without backends",
        "pvh-callers": "the callers' instruction and stack pointers, at the beginning of the "
        "same boot",
        "pvh-boot": "the boot alone, short enough to record again in 20 s; with counts",
        "pvh-backends": "blkback and netback: other buffers, in the directmap and in static arrays",
        "pvh-net": "the same backends, with grants kept mapped by blkback; a second run for the "
        "counts",
        "pvh-smp": "two vCPUs: a hardirq stack each, and stacks that move between CPUs",
        "pvh-xen420": "another Xen and another kernel; with loads and stores",
        "pvh-no-vmap": "a kernel without CONFIG_VMAP_STACK: its stacks are in the directmap",
        "pvh-vmap": "the same kernel with that option alone: its stacks are in vmalloc space",
        "hvm": "an HVM guest's firmware: the 32-bit ABI, no paging",
        "runstate-loop": "one call 2,000 times: the shares of its walk and its copy",
    }
)


def shipped() -> Iterator[Shipped]:
    """Every recording of the package, in the order in which the commands name them.

    >>> [one.name for one in shipped()][:2]
    ['pv', 'pvh']
    """
    for name in BUILT_INS:
        yield Shipped(name, built_in_path(name).stat().st_size, _header(name), _FINDINGS[name])


def _header(name: str) -> Header:
    told = told_elsewhere().get(name)
    if told is not None:
        return replace(read_header({**told, "version": 2}), version=1)
    first, _, _ = next(blocks(name)).partition(b"\n")
    return read_header(msgspec.json.decode(first)["meta"])
