"""Findings of all recordings, as a mail ready to post."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xenexplore.analysis.findings import DomainFindings, Findings
from xenexplore.analysis.measures.loop_costs import LOOP, loop_costs
from xenexplore.options.registry import FOUND
from xenexplore.recording.contents.arm_copies import arm_copies
from xenexplore.recording.contents.library import Shipped, shipped
from xenexplore.render.text.recorded.mail_frame import commands, limits, opening, recordings
from xenexplore.render.text.table import grouped, paragraph, percent, table

__all__ = ["findings_mail"]

_PAGES = {1: "4 KiB", 2: "2 MiB", 3: "1 GiB"}
_DESIGNS = tuple(option.name for option in FOUND)


@dataclass(frozen=True, slots=True)
class _Row:
    """One domain of one recording."""

    recording: str
    findings: Findings
    domain: DomainFindings
    alone: bool
    """The machine had one CPU: no call waited for another."""

    @property
    def name(self) -> str:
        return f"{self.recording} {self.domain.coverage.name}"


def findings_mail(of: Sequence[tuple[Shipped, Findings]]) -> str:
    """Subject and body, 72 columns, ASCII, ending in a newline.

    Args:
        of: recordings of the package, each with what it says.
    """
    rows = [
        _Row(one.name, findings, domain, one.header.pcpus == 1)
        for one, findings in of
        for domain in findings.domains
        if domain.coverage.accesses
    ]
    lines = ["Subject: Hypercall buffers: locations, and the cost of walks", ""]
    loop = next(one for one in shipped() if one.name == LOOP)
    lines += [*opening(), "", *recordings([*(one for one, _ in of), loop])]
    parts = (_instructions, _loop, _saved, _places, _timers, _break_even, _arm)
    for number, part in enumerate(parts, 1):
        lines += ["", *part(number, rows)]
    said = limits([(row.recording, row.findings) for row in rows])
    lines += ["", *said, "", *commands([one for one, _ in of])]
    return "\n".join(lines) + "\n"


def _held_to(of: Sequence[str], limits: str, command: str, refuted: str) -> list[str]:
    """Lines under a claim."""
    return [
        *paragraph(f"Recordings: {', '.join(dict.fromkeys(of))}.", 3, 2),
        *paragraph(f"Limits: {limits}", 3, 2),
        *paragraph(f"Command: {command}", 3, 2),
        *paragraph(f"Refuted by: {refuted}", 3, 2),
    ]


def _hvm(rows: Sequence[_Row]) -> list[_Row]:
    return [row for row in rows if row.domain.coverage.kind != "pv"]


def _instructions(number: int, rows: Sequence[_Row]) -> list[str]:
    cells = [["", "from exit to entry", "", "", "handler", ""],
             ["recording", "mean", "walks", "copies", "walks", "copies"]]  # fmt: skip
    ranges: dict[tuple[str, str], list[float]] = {}
    counted = []
    for row in rows:
        found = row.findings.executed
        named = row.domain.coverage.name
        one = next((d for d in found.domains if d.name == named), None) if found else None
        if found is None or one is None:
            continue
        total, known = one.total, found.decoding
        counted.append(row.recording)
        line = [row.name, f"{total.corrected / total.calls:,.0f}" if known else "?"]
        for of in ("corrected", "handler"):
            for part in ("walks", "copies"):
                share = total.share(part, of)
                line.append(percent(share) if known or of == "handler" else "?")
                if known and row.alone:
                    ranges.setdefault((of, part), []).append(share)
        cells.append(line)
    if not ranges:
        return [f"{number}. No recording here counted instructions."]
    said = {key: _range(values) for key, values in ranges.items()}
    return [
        *paragraph(
            f"{number}. On one vCPU, of the instructions that Xen executes from VM exit to VM "
            f"entry for a PVH guest's hypercalls, {said['corrected', 'walks']} are page walks and "
            f"{said['corrected', 'copies']} guest copies (which include the walks); of the "
            f"handlers alone {said['handler', 'walks']} and {said['handler', 'copies']}.", 0, 3,
        ),
        *table(cells, "lrrrrr", indent=3),
        *paragraph(
            "The emulated CPU does not save the next RIP, so Xen decodes VMMCALL in software, "
            "with a walk of its own: that is subtracted"
            f"{' (?: it was not counted separately)' * any('?' in line for line in cells)}.", 3,
        ),
        *_walks(rows),
        *_held_to(
            counted,
            "this mix of calls; calls during which Xen handled an interrupt or switched vCPUs "
            "are left out; the CPU's own work at exit and entry is not in these counts. With "
            "two CPUs (pvh-smp) a handler that waits for the other CPU executes instructions "
            "while it waits, and the emulator's threads make the wait long: its shares mean "
            "little. Shares of another boot of the same kind differ by up to a percentage point.",
            'xenexplore report NAME, under "Executed by Xen"',
            "shares several points outside these ranges, counted with performance counters on "
            "hardware, for a similar mix of calls.",
        ),
    ]  # fmt: skip


def _walks(rows: Sequence[_Row]) -> list[str]:
    """A walk's own instructions, by release."""
    seen = {row.recording: row.findings.executed for row in rows if row.findings.executed}
    even = {one.xen: one.pieces.walks for one in seen.values() if not one.pieces.uneven}
    told = [
        f"Xen {xen}: "
        + ", ".join(f"{grouped(walks[level].median)} to a {_PAGES[level]} page" for level in walks)
        for xen, walks in even.items()
    ]
    longer = "".join(
        f" In {name} a walk to a {_PAGES[level]} page takes {grouped(spread.median)}: probably "
        "some of its tables are behind smaller P2M entries, one level more at each."
        for name, one in seen.items()
        for level, spread in one.pieces.uneven.items()
    )
    return paragraph(
        "Instructions of one walk, hap_p2m_ga_to_gfn() and below (median). "
        f"{'; '.join(told)}.{longer}", 3,
    )  # fmt: skip


def _loop(number: int, _: Sequence[_Row]) -> list[str]:
    costs = loop_costs()
    cells = [["a call, by page", "exit to entry", "handler", "copy", "of it: walk"]]
    for one in costs:
        sizes = (one.corrected, one.handler, one.copy, one.walk)
        cells.append([_PAGES[one.level], *(grouped(size) for size in sizes)])
    walks = _range([one.walk_share for one in costs])
    return [
        *paragraph(
            f"{number}. Teddy Astie's number, about 30% less overhead with physical addresses, "
            "is for a loop of VCPUOP_get_runstate_info. In instructions, the walk that a "
            f"physical address saves (paging_gva_to_gfn() and below) is {walks} of that call; "
            f"the copy with its walk {_range([one.copy_share for one in costs])}:", 0, 3,
        ),
        *table(cells, "lrrrr", indent=3),
        *paragraph(
            "Both can be true. VM exit and entry are one instruction each, but hundreds of "
            "cycles; a walk consists of loads that hit the cache and predicted branches, "
            "several of them per cycle. Its share of time is therefore smaller than its share "
            "of instructions.", 3,
        ),
        *_held_to(
            [LOOP],
            "one small guest of ours, with its page tables in 2 MiB P2M entries; the decoding "
            "of VMMCALL is subtracted as above. Cycles were not measured: the explanation is "
            "ours.",
            "xenexplore record pvh --loop -o FILE makes it, xenexplore report runstate-loop shows "
            "it",
            "other counts for the same package of Xen; or, on hardware with performance counters, "
            "a loop whose walks take as large a share of the cycles as of the instructions.",
        ),
    ]  # fmt: skip


def _range(values: Sequence[float]) -> str:
    low, high = percent(min(values)), percent(max(values))
    return f"{low.removesuffix('%')}-{high}" if low != high else low


def _saved(number: int, rows: Sequence[_Row]) -> list[str]:
    cells = [["instructions saved, a call", *_DESIGNS]]
    for row in _hvm(rows):
        costs, replays = row.findings.costs, row.domain.replays
        line = [row.name]
        for name in _DESIGNS:
            one = next(found for found in replays if found.design.label == name)
            line.append(f"{costs.saved(one) / max(one.carried, 1):,.0f}")
        cells.append(line)
    return [
        *paragraph(
            f"{number}. Savings of three designs on (1), by these counts: one registration over "
            "the directmap; a table with directmap, image and every stack page used, chosen in "
            "hindsight and scanned; physical addresses throughout. Below zero: the lookup is "
            "paid at each copy, and serves next to none.", 0, 3,
        ),
        *table(cells, "lrrr", indent=3),
        *_held_to(
            [row.recording for row in _hvm(rows)],
            "a scan of registered ranges costs 10 instructions an entry (our own C code, "
            "compiled like Xen; xenexplore record --lookup); no patch has been posted. For a "
            "recording without counts, those of another one of the same release are used.",
            'xenexplore report NAME, under "Saved by each design"',
            "a posted patch whose lookup takes more instructions, or calls whose walks are "
            "shorter (1 GiB pages).",
        ),
    ]  # fmt: skip


def _places(number: int, rows: Sequence[_Row]) -> list[str]:
    cells = [["registered, cumulative", "directmap", "+image", "+hardirq", "+tasks"]]
    for row in rows:
        cover = row.domain.coverage
        rates = (cover.directmap, cover.with_image, cover.with_irq, cover.with_stacks)
        cells.append([row.name, *map(percent, rates)])
    low = min(_hvm(rows), key=lambda row: row.domain.coverage.directmap)
    high = max(_hvm(rows), key=lambda row: row.domain.coverage.directmap)
    return [
        *paragraph(
            f"{number}. One registration over the directmap serves "
            f"{percent(low.domain.coverage.directmap)} ({low.name}) to "
            f"{percent(high.domain.coverage.directmap)} ({high.name}) of a PVH guest's accesses: "
            "with CONFIG_VMAP_STACK the buffers are on stacks in vmalloc space; without it "
            "(pvh-no-vmap) the stacks are in the directmap. pvh-vmap is the same kernel with the "
            "option and no other change. Share of accesses in the ranges:", 0, 3,
        ),
        *table(cells, "lrrrr", indent=3),
        *paragraph(
            "The remainder in a dom0 with backends is netback's queue, a static array in "
            "vmalloc space: it takes one registration each, and never moves. blkback's unmap "
            "requests are in the directmap; it makes nearly none of these requests if it keeps "
            "grants mapped, which is the default but was switched off for pvh-backends, "
            "pvh-no-vmap and pvh-vmap. In pvh-vmap dom0 makes fewer other calls, so that their "
            "share is larger.", 3,
        ),
        *_held_to(
            [row.recording for row in rows],
            "Linux in Debian's own configuration, but for pvh-no-vmap and pvh-vmap, a small one; "
            "one domU; over the backends some MiB each way. Entries for tasks' stacks are chosen "
            "in hindsight.",
            'xenexplore report NAME, under "Coverage of registered ranges"',
            "a dom0 with busy backends and CONFIG_VMAP_STACK most of whose accesses are in the "
            "directmap; one without it of which fewer than half are.",
        ),
    ]  # fmt: skip


def _timers(number: int, rows: Sequence[_Row]) -> list[str]:
    cells = [["directmap alone", "timers", "with", "without"]]
    for row in rows:
        cover = row.domain.coverage
        cells.append([row.name, percent(cover.timers), percent(cover.directmap),
                      percent(cover.without_timers[0])])  # fmt: skip
    return [
        *paragraph(
            f"{number}. How often guests set timers depends on the clock that they see, and an "
            "emulated CPU does less between two ticks. Timer calls' share of accesses, and "
            f"({number - 1}) with and without them:", 0, 3,
        ),
        *table(cells, "lrrr", indent=3),
        *_held_to(
            [row.recording for row in rows],
            "timer calls are VCPUOP_set_singleshot_timer and similar calls; other hypercalls "
            "caused by timer interrupts are not left out.",
            'xenexplore report NAME, under "Coverage of registered ranges"',
            "shares without timer calls that differ on hardware for the same workload.",
        ),
    ]  # fmt: skip


def _break_even(number: int, rows: Sequence[_Row]) -> list[str]:
    lines = []
    seen: dict[str, Findings] = {}
    counted = [row.recording for row in _hvm(rows) if row.findings.executed is not None]
    for row in _hvm(rows):
        if row.findings.executed is not None:
            seen.setdefault(row.findings.executed.xen, row.findings)
    for xen, findings in seen.items():
        four, two = findings.break_even[0], findings.break_even[1]
        lines += paragraph(
            f"Xen {xen}: {grouped(int(four.walk))} instructions for a 4 KiB page, "
            f"{grouped(int(two.walk))} for a 2 MiB page; a scan costs as much after "
            f"{four.compares} or {two.compares} entries.", 3,
        )  # fmt: skip
    return [
        *paragraph(
            f"{number}. Counted in instructions, a table of registered ranges can be scanned "
            "linearly at the sizes that were proposed. A hit saves the walk and the rest of "
            "paging_gva_to_gfn():", 0, 3,
        ),
        *lines,
        *_held_to(
            counted,
            "the scan is our own C code; these counts do not include caches.",
            "xenexplore record --lookup counts the scan, xenexplore report NAME the walks",
            "cache misses on the table that a walk does not incur; instruction counts do not "
            "show them.",
        ),
    ]  # fmt: skip


def _arm(number: int, _: Sequence[_Row]) -> list[str]:
    found = arm_copies()
    return [
        *paragraph(
            f"{number}. arm64 (a dom0's boot, Xen 4.20, Linux 6.12, one vCPU): {found.hypercalls} "
            f"hypercalls made {found.copies} copies, {found.crossing or 'none'} across a page. "
            f"The CPU translated each address (AT); Xen's software walk was never needed, and "
            f"{'no copy fell short' if not found.left else f'{found.left} bytes were left'}. The "
            "doubt in the thread, that AT can fail, is neither confirmed nor refuted.", 0, 3,
        ),
        *_held_to(
            ["arm64-boot"],
            "one boot; no other vCPU changed the tables, and no page was paged out or under "
            "memory access.",
            'python -c "import xenexplore as xe; print(xe.arm_copies())"; the recorder for arm64 '
            "is not in the package",
            "one failed translation in such a boot on hardware.",
        ),
    ]  # fmt: skip
