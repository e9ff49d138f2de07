"""Writes small dumps of every format that is read, one page table inside each.

Independent of the readers: laid out by hand after each format's documentation.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence

from elf_cores import Ehdr64, Shdr64, core, note

PAGE = 0x1000
LINEAR = 0xFFFF_C900_0000_1010
TARGET = 0x9010
CR3 = 0x1000

Memory = Sequence[tuple[int, bytes]]


def tables(frame: Callable[[int], int] = lambda number: number) -> bytes:
    """16 pages in which ``LINEAR`` is at page 9, offset 0x10; ``frame`` renumbers the entries."""
    pages = bytearray(16 * PAGE)
    path = ((1, 402, 4), (4, 0, 5), (5, 0, 6), (6, 1, 9))
    for page, index, target in path:
        struct.pack_into("<Q", pages, page * PAGE + index * 8, frame(target) << 12 | 0x63)
    pages[9 * PAGE + 0x10 : 9 * PAGE + 0x14] = b"here"
    return bytes(pages)


def dump_core(
    *,
    pv: bool = False,
    frames: Sequence[tuple[int, int]] | None = None,
    control: Mapping[int, int] | None = None,
    rip: int = 0xFFFFFFFF81000000,
    header: bool = True,
    narrow: bool = False,
    memory: bytes | None = None,
) -> bytes:
    """``xl dump-core``: ``frames`` as (pfn, mfn) of each page, invalid ones with ~0."""
    frames = frames if frames is not None else [(n, n) for n in range(16)]
    memory = tables() if memory is None else memory
    context = bytearray(2800 if narrow else 5168)
    word, at = ("<I", 2716) if narrow else ("<Q", 4984)
    given = {0: 0x80050033, 3: CR3, 4: 0x6F0} if control is None else control
    for number, value in given.items():
        struct.pack_into(word, context, at + struct.calcsize(word) * number, value)
    struct.pack_into(word, context, 548 if narrow else 648, rip & (1 << 32) - 1 if narrow else rip)
    struct.pack_into(word, context, 512, 4)  # VGCF_in_kernel
    magic = 0xF00FEBED if pv else 0xF00FEBEE
    notes = note(b"Xen\0", b"", 0x2000000)
    if header:
        notes += note(b"Xen\0", struct.pack("<4Q", magic, 1, len(frames), PAGE), 0x2000001)
    table = b"".join(
        struct.pack("<2Q", *pair) if pv else struct.pack("<Q", pair[0]) for pair in frames
    )
    sections = {
        ".note.Xen": notes,
        ".xen_prstatus": bytes(context),
        ".xen_pages": memory,
        ".xen_p2m" if pv else ".xen_pfn": table,
    }
    return _sections(sections, 3 if narrow else 62)


def _sections(sections: Mapping[str, bytes], machine: int) -> bytes:
    names = b"\0" + b"".join(name.encode() + b"\0" for name in (".shstrtab", *sections))
    body, at, headers = b"", 0x1000, [Shdr64()]
    for name, content in ((".shstrtab", names), *sections.items()):
        place = names.index(b"\0" + name.encode() + b"\0") + 1
        headers.append(
            Shdr64(sh_name=place, sh_type=1, sh_offset=at + len(body), sh_size=len(content))
        )
        body += content
    head = Ehdr64(
        e_type=4, e_machine=machine, e_version=1, e_shoff=64, e_ehsize=64, e_shentsize=64,
        e_shnum=len(headers), e_shstrndx=1,
    )  # fmt: skip
    head.e_ident[:] = list(b"\x7fELF\x02\x01\x01" + bytes(9))
    start = bytes(head) + b"".join(map(bytes, headers))
    return start.ljust(at, b"\0") + body


def vmcore(info: Mapping[str, str], memory: bytes | None = None) -> bytes:
    """A kdump vmcore: memory at 0, and VMCOREINFO instead of QEMU's notes."""
    text = "".join(f"{key}={value}\n" for key, value in info.items()).encode()
    notes = note(b"CORE\0", bytes(336), 1) + note(b"VMCOREINFO\0", text + bytes(100), 0)
    return core([(0, tables() if memory is None else memory)], notes=notes)


def virtualbox(cr3: int = CR3, efer: int = 0xD01) -> bytes:
    """A core of VBoxManage debugvm dumpvmcore."""
    cpu = bytearray(1100)
    struct.pack_into("<4Q", cpu, 288, 0x80050033, 0, cr3, 0x6F0)
    struct.pack_into("<Q", cpu, 488, efer)
    struct.pack_into("<Q", cpu, 112, 0xFFFFFFFF81000000)
    notes = note(b"VBCORE\0", bytes(24), 0xB00) + note(b"VBCPU\0", bytes(cpu), 0xB01)
    return core([(0, tables())], notes=notes)


def lime(ranges: Memory) -> bytes:
    return b"".join(
        struct.pack("<4sIQQQ", b"EMiL", 1, low, low + len(data) - 1, 0) + data
        for low, data in ranges
    )


def avml(ranges: Memory, pack: Callable[[bytes], bytes]) -> bytes:
    """AVML version 2; ``pack`` makes one Snappy block, every other frame is left plain."""
    out = b""
    for low, data in ranges:
        out += struct.pack("<4sIQQQ", b"AVML", 2, low, low + len(data) - 1, 0)
        out += b"\xff\x06\x00\x00sNaPpY"
        for number, at in enumerate(range(0, len(data), 1 << 16)):
            piece = data[at : at + (1 << 16)]
            block = pack(piece) if number % 2 == 0 else piece
            head = (len(block) + 4) << 8 | number % 2
            out += struct.pack("<II", head, 0) + block
        out += bytes(8)
    return out


def flattened(real: bytes, order: Sequence[tuple[int, int]]) -> bytes:
    """makedumpfile -F: pieces ``(offset, size)`` of the real file in the order of ``order``."""
    out = struct.pack(">16sqq", b"makedumpfile", 1, 1).ljust(4096, b"\0")
    for offset, size in order:
        out += struct.pack(">qq", offset, size) + real[offset : offset + size]
    return out + struct.pack(">qq", -1, -1)


def kdump(
    frames: Mapping[int, bytes],
    *,
    pack: Callable[[bytes], bytes] = zlib.compress,
    flag: int = 1,
    excluded: Sequence[int] = (),
    info: bytes = b"",
    notes: bytes = b"",
    signature: bytes = b"KDUMP   ",
) -> bytes:
    """A kdump-compressed dump of a 64-bit kernel, header version 6."""
    top = max([*frames, *excluded]) + 1
    blocks = -(-top // (8 * PAGE))

    def bitmap(wanted: Sequence[int]) -> bytes:
        bits = bytearray(blocks * PAGE)
        for number in wanted:
            bits[number >> 3] |= 1 << (number & 7)
        return bytes(bits)

    header = bytearray(PAGE)
    struct.pack_into("<8si", header, 0, signature, 6)
    header[12 + 4 * 65 : 12 + 4 * 65 + 6] = b"x86_64"
    struct.pack_into("<6I", header, 424, 0, PAGE, 1, 2 * blocks, top, 0)
    sub = bytearray(PAGE)
    struct.pack_into(
        "<QiIQQQQQQQQQQQ", sub, 0, 0, 0, 0, 0, 0,
        PAGE + 1024, len(info), PAGE + 2048, len(notes), 0, 0, 0, top, top,
    )  # fmt: skip
    sub[1024 : 1024 + len(info)] = info
    sub[2048 : 2048 + len(notes)] = notes
    start = bytes(header) + bytes(sub) + bitmap([*frames, *excluded]) + bitmap([*frames])
    table, body = b"", b""
    at = len(start) + 24 * len(frames)
    for _, page in sorted(frames.items()):
        packed = pack(page)
        table += struct.pack("<QIIQ", at + len(body), len(packed), flag, 0)
        body += packed
    return start + table + body


def windows(
    memory: bytes | None = None,
    *,
    wide: bool = True,
    kind: int = 1,
    frames: Sequence[int] = tuple(range(16)),
    machine: int = 0x8664,
    pae: bool = True,
) -> bytes:
    """A complete (1) or bitmap (5) dump of ``frames``."""
    memory = tables() if memory is None else memory
    size, word = (0x2000, "Q") if wide else (0x1000, "I")
    head = bytearray(b"PAGE" * (size // 4))
    head[4:8] = b"DU64" if wide else b"DUMP"
    struct.pack_into("<" + word, head, 16, CR3)
    struct.pack_into("<I", head, 48 if wide else 32, machine)
    struct.pack_into("<I", head, 3992 if wide else 3976, kind)
    head[92] = int(pae)
    pages = b"".join(memory[n * PAGE : (n + 1) * PAGE] for n in frames)
    runs: list[list[int]] = []
    for number in frames:
        if runs and number == sum(runs[-1]):
            runs[-1][1] += 1
        else:
            runs.append([number, 1])
    at = 136 if wide else 100
    struct.pack_into(f"<I{4 if wide else 0}x{word}", head, at, len(runs), len(frames))
    for place, run in enumerate(runs):
        struct.pack_into(f"<2{word}", head, at + (16 if wide else 8) * (place + 1), *run)
    if kind == 1:
        return bytes(head) + pages
    bits = bytearray(8)
    for number in frames:
        bits[number >> 3] |= 1 << (number & 7)
    first = size + 0x1000
    summary = struct.pack("<8s24xQQQ", b"SDMPDUMP", first, len(frames), 64)
    return bytes(head) + (summary + bytes(bits)).ljust(0x1000, b"\0") + pages


def vmware(
    regions: Sequence[tuple[int, int, int]], inside: bytes | None = None, cr3: int = CR3
) -> bytes:
    """A .vmss: ``regions`` as (first frame, page in the memory, pages); ``inside`` embeds it."""

    def tag(name: bytes, indices: Sequence[int], value: bytes) -> bytes:
        head = bytes([len(indices) << 6 | len(value), len(name)]) + name
        return head + b"".join(struct.pack("<I", index) for index in indices) + value

    memory = tag(b"regionsCount", (), struct.pack("<I", len(regions)))
    for number, region in enumerate(regions):
        for name, value in zip(
            (b"regionPPN", b"regionPageNum", b"regionSize"), region, strict=True
        ):
            memory += tag(name, (number,), struct.pack("<I", value))
    if inside is not None:
        memory += bytes([2 << 6 | 62, 6]) + b"Memory" + struct.pack("<II", 0, 0)
        memory += struct.pack("<QQH", len(inside), len(inside), 3) + b"\xee" * 3 + inside
    memory += b"\0\0"
    cpu = b"".join(
        tag(b"CR64", (0, number), struct.pack("<Q", value))
        for number, value in ((0, 0x80050033), (2, 0), (3, cr3), (4, 0x6F0))
    )
    cpu += tag(b"rip", (0,), struct.pack("<Q", 0xFFFFFFFF81000000)) + b"\0\0"
    start = 12 + 2 * 80
    head = struct.pack("<4sII", b"\xd2\xbe\xd2\xbe", 8, 2)
    head += struct.pack("<64sQQ", b"memory", start, len(memory))
    head += struct.pack("<64sQQ", b"cpu", start + len(memory), len(cpu))
    return head + memory + cpu
