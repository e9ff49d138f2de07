"""Generate the struct layouts of the catalogue from Xen's public headers.

Usage: python tests/tools/generate_structs.py VERSION=INCLUDE_DIR...

Names every release of the catalogue, in order.  INCLUDE_DIR holds ``xen/xen.h`` (Debian:
/usr/include, package libxen-dev; of Xen's own tree: a folder with, as ``xen``,
a copy of xen/include/public).  gcc compiles a file that includes every header of the guest
interface, and the layouts are read from the DWARF that it leaves: sizes, alignments,
offsets, bit-fields, handles.  What holds for some releases only says for which, once:
``"4.18.."``, ``"..4.20"``, ``"4.18..4.20"``.  Nothing is fetched.  Needs gcc and
``pyelftools``.

The result, one TOML file per header under xenexplore/hypercalls/data/structs/,
is reviewed and committed; tests/hypercalls/catalogue/test_headers.py holds it to the
headers by another way (sizeof and offsetof in compiled C).
"""

from __future__ import annotations

import posixpath
import subprocess
import sys
import tempfile
from pathlib import Path

HEADERS = (
    "xen", "memory", "vcpu", "sched", "event_channel", "grant_table", "version", "physdev",
    "platform", "sysctl", "domctl", "kexec", "callback", "nmi", "hvm/hvm_op", "hvm/params",
    "hvm/dm_op", "hvm/ioreq", "hvm/hvm_vcpu", "argo", "hypfs", "pmu", "xenoprof", "xsm/flask_op",
    "features", "trace", "vm_event", "io/console", "hvm/hvm_info_table", "hvm/e820",
)  # fmt: skip
X86_ONLY = ("arch-x86/xen-mca", "arch-x86/hvm/start_info", "arch-x86/hvm/save")
ARM_ONLY = ("arch-arm/hvm/save",)

ARCH_FLAGS = {
    "x86_64": (),
    # The guest interface is LP64 on both; only the header selection differs,
    # so the host's gcc lays Arm64 structs out as a cross compiler would.
    "arm64": ("-U__x86_64__", "-D__aarch64__"),
    # What a 32-bit guest passes; Xen's own copy (xen/include/xlat.lst) is made from these headers.
    "x86_32": ("-m32",),
}
OUT = Path(__file__).resolve().parents[2] / "xenexplore" / "hypercalls" / "data" / "structs"


def translation_unit(arch: str) -> str:
    """The C file that pulls in every header."""
    names = HEADERS + (() if arch == "arm64" else X86_ONLY)
    lines = [
        "#include <stddef.h>",
        "#include <stdint.h>",
        "#define __XEN_TOOLS__ 1",
        "#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__",
        *(f"#include <xen/{name}.h>" for name in names if name != "arch-x86/xen-mca"),
    ]
    if arch != "arm64":
        lines.append("#include <xen/arch-x86/xen-mca.h>")
    return "\n".join(lines) + "\n"


def compile_unit(include: str, arch: str, folder: Path) -> Path:
    """Compile to an object file with the debug information of unused types too."""
    source = folder / f"{arch}.c"
    target = folder / f"{arch}.o"
    source.write_text(translation_unit(arch))
    subprocess.run(
        ["gcc", "-c", "-g", "-gdwarf-4", "-ffreestanding", "-fno-eliminate-unused-debug-types",
         f"-I{include}", *ARCH_FLAGS[arch], str(source), "-o", str(target)],
        check=True,
    )  # fmt: skip
    return target


class Dwarf:
    """Struct layouts read from one object file."""

    def __init__(self, path: Path) -> None:
        from elftools.elf.elffile import ELFFile

        self._file = path.open("rb")
        info = ELFFile(self._file).get_dwarf_info()
        (self.unit,) = list(info.iter_CUs())
        self.word = self.unit["address_size"]
        files = info.line_program_for_CU(self.unit).header
        self._names = [entry.name.decode() for entry in files.file_entry]
        self._dirs = [d.decode() for d in files.include_directory]
        self._entries = files.file_entry
        self.structs: dict[str, dict] = {}
        self.typedefs: dict[str, tuple[int, bool, str]] = {}
        self.header: dict[str, str] = {}
        self._anonymous: dict[int, str] = {}
        self.read()

    def _header(self, die) -> str:
        entry = self._entries[die.attributes["DW_AT_decl_file"].value - 1]
        folder = self._dirs[entry.dir_index - 1] if entry.dir_index else ""
        path = posixpath.normpath(f"{folder}/{entry.name.decode()}")
        return path.rsplit("/xen/", 1)[1] if "/xen/" in path else ""

    @staticmethod
    def _name(die) -> str:
        at = die.attributes.get("DW_AT_name")
        return at.value.decode() if at else ""

    def target(self, die):
        """The type that a typedef, member, array or pointer refers to."""
        return die.get_DIE_from_attribute("DW_AT_type") if "DW_AT_type" in die.attributes else None

    def strip(self, die):
        """Through typedefs and const to what is stored."""
        while die is not None and die.tag in ("DW_TAG_typedef", "DW_TAG_const_type",
                                              "DW_TAG_volatile_type"):  # fmt: skip
            die = self.target(die)
        return die

    def spell(self, die, owner: str) -> str:
        """A type as the catalogue writes it."""
        if die is None:
            return "void"
        tag, name = die.tag, self._name(die)
        if tag in ("DW_TAG_const_type", "DW_TAG_volatile_type"):
            return self.spell(self.target(die), owner)
        if tag == "DW_TAG_typedef":
            if name.startswith("__guest_handle_"):  # and __guest_handle_64_: 8 bytes on LP64
                return f"handle({self._pointee(die, owner)})"
            under = self.strip(die)
            if under.tag in ("DW_TAG_structure_type", "DW_TAG_union_type"):
                return self.aggregate(under, self._name(under) or name, name)
            if under.tag == "DW_TAG_array_type":
                return self.spell(under, owner)
            return name
        if tag == "DW_TAG_pointer_type":
            return f"pointer({self.spell(self.target(die), owner)})"
        if tag == "DW_TAG_array_type":
            bounds = [c for c in die.iter_children() if c.tag == "DW_TAG_subrange_type"]
            counts = "".join(f"[{self._count(b)}]" for b in bounds)
            return self.spell(self.target(die), owner) + counts
        if tag in ("DW_TAG_structure_type", "DW_TAG_union_type"):
            return self.aggregate(die, name or owner, name or owner)
        return name or "enum"

    def _pointee(self, die, owner: str) -> str:
        """What a guest handle points to."""
        members = list(self.strip(die).iter_children())
        if not self._name(members[0]):  # XEN_GUEST_HANDLE_64 of a 32-bit guest: a union of both
            members = list(self.strip(self.target(members[0])).iter_children())
        member = next(c for c in members if self._name(c) == "p")
        return self.spell(self.target(self.strip(self.target(member))), owner)

    @staticmethod
    def _count(bound) -> int:
        if "DW_AT_count" in bound.attributes:
            return bound.attributes["DW_AT_count"].value
        upper = bound.attributes.get("DW_AT_upper_bound")
        return upper.value + 1 if upper else 0

    def size(self, die) -> int:
        """sizeof a type."""
        die = self.strip(die)
        if die.tag == "DW_TAG_array_type":
            total = self.size(self.target(die))
            for child in die.iter_children():
                if child.tag == "DW_TAG_subrange_type":
                    total *= self._count(child)
            return total
        if die.tag == "DW_TAG_pointer_type":
            return self.word
        return die.attributes["DW_AT_byte_size"].value

    def align(self, die) -> int:
        """_Alignof a type; a packed struct is found out by its members' offsets."""
        if die.tag == "DW_TAG_typedef" and "DW_AT_alignment" in die.attributes:
            return die.attributes["DW_AT_alignment"].value
        if die.tag in ("DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type"):
            return self.align(self.target(die))
        if "DW_AT_alignment" in die.attributes:
            return die.attributes["DW_AT_alignment"].value
        if die.tag == "DW_TAG_array_type":
            return self.align(self.target(die))
        if die.tag in ("DW_TAG_structure_type", "DW_TAG_union_type"):
            best = 1
            for child in die.iter_children():
                if child.tag != "DW_TAG_member":
                    continue
                own = self._member_align(child)
                at = self._offset(child)
                best = max(best, own if at % own == 0 else 1)
            while self.size(die) % best:
                best //= 2
            return best
        # The i386 ABI aligns what is 8 bytes long to 4, where nothing says otherwise.
        return min(self.size(die), self.word)

    def _member_align(self, member) -> int:
        if "DW_AT_alignment" in member.attributes:
            return member.attributes["DW_AT_alignment"].value
        return self.align(self.target(member))

    @staticmethod
    def _offset(member) -> int:
        at = member.attributes.get("DW_AT_data_member_location")
        return at.value if at else 0

    def aggregate(self, die, name: str, shown: str) -> str:
        """Record a struct or union; returns the name to refer to it by."""
        if die.offset in self._anonymous:
            return self._anonymous[die.offset]
        kind = "union" if die.tag == "DW_TAG_union_type" else "struct"
        named = bool(self._name(die))
        key = name if named else shown
        self._anonymous[die.offset] = key
        if "DW_AT_declaration" in die.attributes or key.startswith("__guest_handle_"):
            return key
        entry = {
            "c": f"{kind} {key}" if named else "" if "." in key else key,
            "kind": kind,
            "size": self.size(die),
            "align": self.align(die),
            "fields": [],
        }
        self.structs[key] = entry
        self.header[key] = self._header(die)
        self._members(die, key, 0, "", entry["fields"])
        return key

    def _members(self, die, key: str, base: int, path: str, into: list) -> None:
        for child in die.iter_children():
            if child.tag != "DW_TAG_member":
                continue
            name, kind = self._name(child), self.target(child)
            at = base + self._offset(child)
            under = self.strip(kind)
            if not name:  # an unnamed member: its fields are the parent's
                self._members(under, key, at, path, into)
                continue
            bits = child.attributes.get("DW_AT_bit_size")
            if bits is not None:
                size = child.attributes["DW_AT_byte_size"].value if (
                    "DW_AT_byte_size" in child.attributes) else self.size(kind)  # fmt: skip
                if "DW_AT_bit_offset" in child.attributes:
                    low = size * 8 - child.attributes["DW_AT_bit_offset"].value - bits.value
                else:
                    whole = base * 8 + child.attributes["DW_AT_data_bit_offset"].value
                    at, low = whole // (size * 8) * size, whole % (size * 8)
                into.append([name, at, size, f"{self.spell(kind, key)}:{bits.value}@{low}"])
                continue
            into.append([name, at, self.size(kind), self.spell(kind, f"{key}.{name}")])

    def read(self) -> None:
        for die in self.unit.get_top_DIE().iter_children():
            name = self._name(die)
            if die.tag in ("DW_TAG_structure_type", "DW_TAG_union_type") and name:
                if self._header(die):
                    self.aggregate(die, name, name)
            elif die.tag == "DW_TAG_typedef" and self._header(die):
                if name.startswith("__guest_handle"):
                    continue
                under = self.strip(die)
                if under is None or under.tag == "DW_TAG_subroutine_type":
                    continue
                if under.tag in ("DW_TAG_structure_type", "DW_TAG_union_type"):
                    self.spell(die, name)
                    key = self._anonymous[under.offset]
                    if key != name:
                        self.typedefs[name] = (0, False, key)
                        self.header.setdefault(name, self._header(die))
                elif under.tag == "DW_TAG_array_type":
                    self.typedefs[name] = (self.size(die), False, self.spell(die, name))
                    self.header.setdefault(name, self._header(die))
                elif under.tag in ("DW_TAG_base_type", "DW_TAG_enumeration_type"):
                    encoding = under.attributes.get("DW_AT_encoding")
                    signed = encoding is not None and encoding.value in (5, 6)
                    self.typedefs[name] = (self.size(die), signed, "")
                    self.header.setdefault(name, self._header(die))


def merged(rows: dict[str, list]) -> list[tuple[object, tuple[str, ...]]]:
    """Rows of every release in one order, each with the releases that have it."""
    order: list[object] = []
    where: dict[object, list[str]] = {}
    for version, of_version in rows.items():
        at = 0
        for row in map(tuple, of_version):
            if row in where:
                at = order.index(row) + 1
            else:
                while at < len(order) and list(order[at]) not in of_version:
                    at += 1  # behind what older releases had there
                order.insert(at, row)
                at += 1
            where.setdefault(row, []).append(version)
    return [(row, tuple(where[row])) for row in order]


def span(versions: tuple[str, ...], every: tuple[str, ...]) -> str:
    """How the tables spell some releases of ``every``; "" for all of them."""
    first, last = every.index(versions[0]), every.index(versions[-1])
    assert tuple(versions) == every[first : last + 1], f"not one span: {versions}"
    if len(versions) == len(every):
        return ""
    return f"{versions[0] if first else ''}..{versions[-1] if last + 1 < len(every) else ''}"


def spelled(key: str, values: dict[str, object], every: tuple[str, ...]) -> str:
    """``key = value``, or a table from spans to values where releases differ."""
    own = tuple(values)
    pieces = merged({version: [[value]] for version, value in values.items()})
    if len(pieces) == 1:
        return f"{key} = {_toml(pieces[0][0][0])}"
    texts = (f'"{span(versions, own)}" = {_toml(value)}' for (value,), versions in pieces)
    return f"{key} = {{ {', '.join(texts)} }}"


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def entry_lines(name: str, of: dict[str, dict], every: tuple[str, ...]) -> str:
    """One struct of all releases as TOML."""
    own = tuple(of)
    lines = [f'["{name}"]' if "." in name else f"[{name}]"]
    if span(own, every):
        lines.append(f'versions = "{span(own, every)}"')
    lines += [spelled(k, {v: of[v][k] for v in own}, every) for k in ("kind", "size", "align")]
    c = of[own[0]]["c"]
    if c and not c.startswith(("struct ", "union ")):
        lines.append(f'c = "{c}"')
    lines.append("fields = [")
    for (field, at, size, kind), versions in merged({v: of[v]["fields"] for v in own}):
        some = f', "{span(versions, own)}"' if len(versions) < len(own) else ""
        lines.append(f'  ["{field}", {at}, {size}, "{kind}"{some}],')
    return "\n".join([*lines, "]", ""])


def typedef_lines(name: str, of: dict[str, tuple], every: tuple[str, ...]) -> str:
    """One typedef of all releases as TOML."""
    own = tuple(of)
    lines = [f'["{name}"]' if "." in name else f"[{name}]", 'kind = "typedef"']
    if span(own, every):
        lines.append(f'versions = "{span(own, every)}"')
    if any(alias for _, _, alias in of.values()):
        lines.append(spelled("of", {v: of[v][2] for v in own}, every))
    else:
        lines.append(spelled("size", {v: of[v][0] for v in own}, every))
        lines.append(spelled("signed", {v: of[v][1] for v in own}, every))
    return "\n".join(lines) + "\n"


def of_every(all_found: dict[str, Dwarf], kind: str) -> dict[str, dict[str, object]]:
    """Name to release to what that release has, for ``structs`` or ``typedefs``."""
    table: dict[str, dict[str, object]] = {}
    for version, found in all_found.items():
        for name, entry in getattr(found, kind).items():
            if found.header.get(name):
                table.setdefault(name, {})[version] = entry
    return table


def write(arch: str, found: dict[str, Dwarf], base: dict[str, Dwarf] | None) -> None:
    """One file per header; Arm64 files hold only what differs from x86-64."""
    every = tuple(found)
    header = {name: h for one in found.values() for name, h in one.header.items()}
    per: dict[str, list[str]] = {}
    for kind, lines in (("structs", entry_lines), ("typedefs", typedef_lines)):
        table = of_every(found, kind)
        same = of_every(base, kind) if base is not None else {}
        for name in sorted(table):
            theirs = same.get(name, {})
            if base is None or any(theirs.get(v) != own for v, own in table[name].items()):
                per.setdefault(header[name], []).append(lines(name, table[name], every))
    folder = OUT / arch
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.toml"):
        old.unlink()
    index: dict[str, str] = {}
    for path, chunks in sorted(per.items()):
        stem = path.removesuffix(".h").replace("/", "-")
        head = (
            f"# Layouts of xen/{path}, {arch}, public headers of Xen {every[0]} to {every[-1]}.\n"
            "# Generated by tests/tools/generate_structs.py; do not edit.\n"
            "# fields: name, offset, size (bytes), type; bit-fields: type:bits@lowest bit.\n"
            '# What some releases have only says which: "4.18..", "..4.20", "4.18..4.20".\n\n'
        )
        (folder / f"{stem}.toml").write_text(head + "\n".join(chunks))
        for chunk in chunks:
            index[chunk.split("]", 1)[0].lstrip("[").strip('"')] = stem
    if base is not None:
        (folder / "absent.toml").write_text(absent(arch, found, base))
    head = f"# Which file holds which type ({arch}).  Generated; do not edit.\n\n"
    rows = "".join(
        f'"{k}" = "{v}"\n' if "." in k else f'{k} = "{v}"\n' for k, v in sorted(index.items())
    )
    (folder / "index.toml").write_text(head + rows)


def absent(arch: str, found: dict[str, Dwarf], base: dict[str, Dwarf]) -> str:
    """The types of the base that this architecture does not have, as TOML."""
    rows: dict[str, list[str]] = {}
    had: dict[str, list[str]] = {}
    for version, one in base.items():
        own = {*found[version].structs, *found[version].typedefs}
        for name in {*one.structs, *one.typedefs}:
            if one.header.get(name):
                had.setdefault(name, []).append(version)
                if name not in own:
                    rows.setdefault(name, []).append(version)
    text = ""
    for name, versions in sorted(rows.items()):
        some = span(tuple(versions), tuple(found)) if versions != had[name] else ""
        text += f'  ["{name}", "{some}"],\n' if some else f'  ["{name}"],\n'
    return (
        f"# x86-64's types that {arch}'s headers do not declare.  Generated; do not edit.\n\n"
        f"names = [\n{text}]\n"
    )


def main() -> None:
    """Regenerate everything."""
    trees = dict(word.split("=", 1) for word in sys.argv[1:])
    x86: dict[str, Dwarf] = {}
    arm: dict[str, Dwarf] = {}
    x86_32: dict[str, Dwarf] = {}
    for version, include in trees.items():
        with tempfile.TemporaryDirectory() as folder:
            x86[version] = Dwarf(compile_unit(include, "x86_64", Path(folder)))
            arm[version] = Dwarf(compile_unit(include, "arm64", Path(folder)))
            x86_32[version] = Dwarf(compile_unit(include, "x86_32", Path(folder)))
    write("x86_64", x86, None)
    write("arm64", arm, x86)
    write("x86_32", x86_32, x86)


if __name__ == "__main__":
    main()
