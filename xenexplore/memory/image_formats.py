"""Format of a file by its first bytes: a supported format, or one with a way to convert it.

``FILE`` stands for the file.  Commands were tried with Debian 12's tools; one that we
had no machine or tool to try with says that it is the manual's.  What its
first bytes identify is never taken for raw memory.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from xenexplore.errors import ImageError
from xenexplore.memory.image_contents import Bytes

__all__ = ["FOREIGN", "Foreign", "refuse_foreign"]


class Foreign(NamedTuple):
    """An unsupported format.

    Attributes:
        magic: how such a file begins.
        name: what it is.
        way: what to do: a command that converts it, or why nothing will.
        at: where the magic is.
    """

    magic: bytes
    name: str
    way: str
    at: int = 0


_MANUAL = " (from the tool's manual; not tested)"
_VIRSH = "virsh restore FILE --paused, then virsh dump DOMAIN core.elf --memory-only" + _MANUAL
_XL = "xl restore -p FILE, then xl dump-core DOMAIN core" + _MANUAL
_INCOMING = (
    "start the machine that wrote it with -S -incoming 'exec:cat FILE', then in its monitor:"
    " dump-guest-memory core.elf"
)
_MINIDUMP = "it contains parts of one process, and no page tables"
_HIBERNATION = (
    "Hibr2Bin.exe /PLATFORM X64 /MAJOR 10 /MINOR 0 /INPUT FILE /OUTPUT memory.raw, then --raw on"
    " memory.raw" + _MANUAL
)
_NO_WAY = "we know of no tool that converts it; dump the machine again as an ELF core or LiME"

FOREIGN: Final = (
    Foreign(b"LibvirtQemudSave", "a libvirt save image", _VIRSH),
    Foreign(b"LibvirtQemudPart", "a libvirt save image that was not finished", "save it again"),
    Foreign(b"\xff" * 8 + b"XENF", "a Xen migration stream (xl save)", _XL),
    Foreign(b"Xen saved domain, xl format", "a domain that xl saved", _XL),
    Foreign(b"LinuxGuestRecord", "a domain that xm saved", _XL),
    Foreign(b"QEVM", "a QEMU migration stream", _INCOMING),
    Foreign(
        b"QFI\xfb",
        "a qcow2 disk image",
        "start the machine with -S -loadvm SNAPSHOT, then in its monitor:"
        " dump-guest-memory core.elf",
    ),
    Foreign(
        b"\x7fVirtualBox SavedState",
        "a saved state of VirtualBox",
        "start the machine, then VBoxManage debugvm VM dumpvmcore --filename=core.elf" + _MANUAL,
    ),
    Foreign(b"hibr", "a Windows hibernation file", _HIBERNATION),
    Foreign(b"HIBR", "a Windows hibernation file", _HIBERNATION),
    Foreign(b"wake", "a Windows hibernation file that was resumed from", _HIBERNATION),
    Foreign(b"WAKE", "a Windows hibernation file that was resumed from", _HIBERNATION),
    Foreign(b"RSTR", "a Windows hibernation file being restored", _HIBERNATION),
    Foreign(b"MDMP", "a Windows minidump of a process", _MINIDUMP),
    Foreign(b"\xcf\xfa\xed\xfe", "a Mach-O file", _NO_WAY),
    Foreign(b"\xce\xfa\xed\xfe", "a Mach-O file", _NO_WAY),
    Foreign(b"\xed\x23\x8f\x61\x73\x01\x19\xa8", "an LKCD dump", _NO_WAY),
    Foreign(
        b"EVF\x09\x0d\x0a\xff\x00",
        "an EnCase image (EWF)",
        "ewfexport -u -f raw -t image FILE, then --raw on image.raw",
    ),
    Foreign(b"\x1f\x8b", "gzip data", "gzip -dc FILE > image"),
    Foreign(b"\xfd7zXZ\0", "xz data", "xz -dc FILE > image"),
    Foreign(b"BZh", "bzip2 data", "bzip2 -dc FILE > image"),
    Foreign(b"\x04\x22\x4d\x18", "lz4 data", "lz4 -dc FILE > image"),
    Foreign(b"\x02\x21\x4c\x18", "lz4 data (legacy frames)", "lz4 -dc FILE > image"),
    Foreign(b"\x89LZO\0\r\n\x1a\n", "lzop data", "lzop -dc FILE > image"),
    Foreign(b"PK\x03\x04", "a zip archive", "unzip FILE"),
    Foreign(b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "7z x FILE"),
    Foreign(b"ustar", "a tar archive", "tar -xf FILE", 257),
)
"""Formats that are recognised to say what they are and what to do."""


def refuse_foreign(source: object, data: Bytes) -> None:
    """Raise the error for a file of a recognised but unsupported format.

    Raises:
        ImageError: names the format and the way out.
    """
    for format_ in FOREIGN:
        end = format_.at + len(format_.magic)
        if bytes(data[format_.at : end]) == format_.magic:
            raise ImageError(
                source,
                f"offset {format_.at:#x}" if format_.at else "offset 0",
                expected="a supported memory image (see walk --help)",
                got=format_.name,
                hint=format_.way.replace("FILE", str(source)),
            )
