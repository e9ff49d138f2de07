"""Page walks per second and whole address spaces, beside Volatility 3 and drgn, on one image.

Run from ``tests/``::

    python -m bench.walk [IMAGE]        # an image with 4-level paging; else a synthetic guest

Each contender runs in a process of its own, which also tells its peak memory.
All translate the same random addresses (a random run of pages, then a random
address in it, so that an area that maps one table thousands of times does not
drown the rest; every tenth address is most likely not mapped), and the
translations are compared.
"""

from __future__ import annotations

import argparse
import json
import mmap
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROUNDS = 5
MISS = (1 << 64) - 1


def best(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Shortest CPU time of a few rounds, in seconds: all contenders run on one thread."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


# What each contender does; each prints one JSON object.


def ours(folder: Path, spec: dict) -> dict:
    from xenexplore.memory.image import Kind, open_image
    from xenexplore.paging import READ, Manner, PagingState, walk
    from xenexplore.paging.batch.page_runs import Join, find_page_runs
    from xenexplore.paging.batch.table_arrays import read_tables
    from xenexplore.paging.batch.translate import translate_batch
    from xenexplore.paging.image_state import rights_aside, state_from_registers

    image = open_image(spec["image"], Kind.RAW if spec["raw"] else None)
    if image.vcpus:
        state = rights_aside(state_from_registers(image.vcpu(0)))
    else:
        state = PagingState.long_mode(spec["cr3"], maxphyaddr=52)
    few = np.load(folder / "few.npy")
    many = np.load(folder / "many.npy")
    singles = few.tolist()
    alone = best(lambda: [walk(image, state, a, READ, Manner.CPU).gpa_value for a in singles], 3)
    runs_alone = best(lambda: find_page_runs(read_tables(image, state)), 15)
    pieces_alone = best(lambda: find_page_runs(read_tables(image, state), Join.PHYSICAL), 15)
    peak = peak_mib()
    tables = read_tables(image, state)
    np.save(folder / "ours-pieces.npy", pieces_of(find_page_runs(tables, Join.PHYSICAL).table))
    np.save(folder / "ours.npy", translate_batch(tables, few).gpa)
    batch = best(lambda: translate_batch(tables, many))
    return {
        "batch": len(many) / batch,
        "single": len(singles) / alone,
        "space": runs_alone,
        "pieces": pieces_alone,
        "space_found": len(find_page_runs(tables)),
        "peak": peak_mib(),
        "peak_before_numba": peak,
    }


def volatility(folder: Path, spec: dict) -> dict:
    from volatility3.framework import contexts, exceptions
    from volatility3.framework.layers import intel, physical

    with (folder / "flat").open("rb") as file:
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    context = contexts.Context()
    context.add_layer(physical.BufferDataLayer(context, "base", "base", buffer=memory))
    context.config["guest.memory_layer"] = "base"
    context.config["guest.page_map_offset"] = spec["cr3"]
    context.add_layer(intel.Intel32e(context, "guest", "guest"))
    layer = context.layers["guest"]
    few = np.load(folder / "few.npy")
    addresses = (few & np.uint64((1 << 48) - 1)).tolist()
    found = []

    def translate_all() -> None:
        found.clear()
        for address in addresses:
            try:
                found.append(layer.translate(address)[0])
            except exceptions.InvalidAddressException:
                found.append(MISS)

    seconds = best(translate_all, 3)
    np.save(folder / "volatility.npy", np.array(found, np.uint64))
    pieces: list[object] = []

    def enumerate_all() -> None:
        pieces[:] = layer.mapping(0, 1 << 48, ignore_errors=True)

    space = best(enumerate_all, 3)
    table = np.array([(piece[0], piece[1], piece[2]) for piece in pieces], np.uint64)
    np.save(folder / "volatility-pieces.npy", table)
    return {
        "single": len(addresses) / seconds,
        "space": space,
        "space_found": len(pieces),
        "peak": peak_mib(),
    }


def pieces_of(runs: np.ndarray) -> np.ndarray:
    """Our runs as Volatility has them: linear address in 48 bits, bytes, place; rights left out."""
    start = runs["start"] & np.uint64((1 << 48) - 1)
    size, gpa = runs["size"], runs["gpa"]
    begins = np.ones(len(runs), np.bool_)
    begins[1:] = (start[:-1] + size[:-1] != start[1:]) | (gpa[:-1] + size[:-1] != gpa[1:])
    first = np.flatnonzero(begins)
    return np.column_stack([start[first], np.add.reduceat(size, first), gpa[first]])


def compared_pieces(folder: Path) -> str:
    """How many pieces are the same, and the bytes of those that are not."""
    ours, theirs = (
        {tuple(row) for row in np.load(folder / f"{name}-pieces.npy").tolist()}
        for name in ("ours", "volatility")
    )
    mine, alien = ours - theirs, theirs - ours
    return (
        f"pieces (rights aside): {len(ours & theirs):,} the same, {len(mine):,} only ours"
        f" ({sum(piece[1] for piece in mine):,} bytes), {len(alien):,} only Volatility's"
        f" ({sum(piece[1] for piece in alien):,} bytes)"
    )


def drgn(folder: Path, spec: dict) -> dict:
    try:
        import drgn as library

        program = library.Program()
        program.set_core_dump(spec["image"] if spec["raw"] else str(folder / "plain"))
        start = time.process_time()
        count = 0
        for address in np.load(folder / "few.npy").tolist()[:20_000]:
            try:
                program.read(address, 1)
                count += 1
            except library.FaultError:
                pass
        if not count:
            return {"refused": "it opens the core, but finds no page tables without VMCOREINFO"}
        return {"single": 20_000 / (time.process_time() - start), "peak": peak_mib()}
    except Exception as error:  # noqa: BLE001 - whatever it says is the result
        return {"refused": f"{type(error).__name__}: {error}"[:100]}


CONTENDERS = {"ours": ours, "volatility": volatility, "drgn": drgn}


def peak_mib() -> float:
    """Peak resident memory of this process, in MiB (ru_maxrss would inherit the parent's)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


# The run: prepare, start each contender, compare, print.


def prepare(folder: Path, image: str | None, seed: int) -> dict:
    """Write the flat memory and the addresses; returns what the contenders must know."""
    from xenexplore.memory.image import Kind, open_image
    from xenexplore.memory.image_source import load_bytes
    from xenexplore.paging import Mode, PagingState
    from xenexplore.paging.batch.page_runs import Join, find_page_runs
    from xenexplore.paging.batch.table_arrays import read_tables
    from xenexplore.paging.image_state import state_from_registers

    flat = folder / "flat"
    if image is None:
        from bench.guest import write_guest

        cr3 = write_guest(flat, seed)
        state = PagingState.long_mode(cr3, maxphyaddr=52)
        spec = {"image": str(flat), "raw": True, "cr3": cr3}
        opened = open_image(flat, Kind.RAW)
    else:
        opened = open_image(image)
        state = state_from_registers(opened.vcpu(0))
        if state.mode is not Mode.LEVEL4:
            sys.exit("Volatility 3 knows no 5-level paging: give a 4-level image")
        spec = {"image": image, "raw": False, "cr3": state.cr3 & ~0xFFF}
        # drgn reads no .zst.
        (folder / "plain").write_bytes(load_bytes(Path(image)))
        with flat.open("wb") as file:
            for segment in opened.segments:
                file.seek(segment.gpa)
                file.write(opened.read(segment.gpa, segment.size) or b"")
    rng = np.random.default_rng(seed)
    tables = read_tables(opened, state)
    runs = find_page_runs(tables, Join.PHYSICAL).table
    spec["leaves"] = len(find_page_runs(tables, Join.NEVER))
    # One of the aliased runs is as good as all: sample runs that differ in place or memory.
    _, distinct = np.unique(runs["gpa"], return_index=True)
    chosen = runs[distinct]
    for name, count in (("few", 50_000), ("many", 4_000_000)):
        pick = chosen[rng.integers(0, len(chosen), count)]
        addresses = pick["start"] + rng.integers(0, pick["size"], dtype=np.uint64)
        miss = rng.random(count) < 0.1
        noise = rng.integers(0, 1 << 47, count, dtype=np.uint64)
        addresses[miss] = np.where(noise & np.uint64(1), noise, ~noise)[miss]
        np.save(folder / f"{name}.npy", addresses)
    return spec


def run_contender(name: str, folder: Path, spec: dict) -> dict:
    words = [sys.executable, "-m", "bench.walk", "--contender", name, "--folder", str(folder)]
    done = subprocess.run(
        [*words, "--spec", json.dumps(spec)], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def report(folder: Path, spec: dict) -> None:
    results = {name: run_contender(name, folder, spec) for name in CONTENDERS}
    mine, peer = results["ours"], results["volatility"]
    what = "synthetic 1 GiB guest" if spec["raw"] else Path(spec["image"]).name
    print(f"{what}: {spec['leaves']:,} leaves")
    print(f"{'':34}{'xenexplore':>14}{'Volatility 3':>14}{'ratio':>9}")

    def row(what: str, a: float, b: float, ratio: float, unit: str) -> None:
        print(f"{what:34}{a:>14,.0f}{b:>14,.0f}{ratio:>8,.1f}x {unit}")

    vol = peer["single"]
    row("batch, rights and error codes", mine["batch"], vol, mine["batch"] / vol, "per s")
    row("single walk, every level recorded", mine["single"], vol, mine["single"] / vol, "per s")
    space = (mine["space"] * 1e3, peer["space"] * 1e3)
    row("whole address space", *space, space[1] / space[0], "ms")
    print(f"{'  pieces found':34}{mine['space_found']:>14,}{peer['space_found']:>14,}")
    same = (mine["pieces"] * 1e3, peer["space"] * 1e3)
    row("  the same pieces as Volatility's", *same, same[1] / same[0], "ms")
    print(compared_pieces(folder))
    row("peak memory", mine["peak"], peer["peak"], peer["peak"] / mine["peak"], "MiB")
    print(f"{'  before the batch (no numba)':34}{mine['peak_before_numba']:>14,.0f}")
    a, b = np.load(folder / "ours.npy"), np.load(folder / "volatility.npy")
    both = (a != MISS) & (b != MISS)
    print(
        f"translations compared: {len(a):,}; both {both.sum():,}, neither"
        f" {((a == MISS) & (b == MISS)).sum():,}, only ours {((a != MISS) & (b == MISS)).sum():,}"
        f" (tables it takes for padding, memory that is no RAM), only Volatility's"
        f" {((a == MISS) & (b != MISS)).sum():,}; different: {(a != b)[both].sum():,}"
    )
    other = results["drgn"]
    if "refused" in other:
        print(f"drgn: {other['refused']}")
    else:
        print(
            f"drgn: {other['single']:,.0f} reads of one byte per s; peak {other['peak']:,.0f} MiB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", nargs="?", metavar="IMAGE")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--spec", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.contender:
        print(json.dumps(CONTENDERS[args.contender](args.folder, args.spec)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report(folder, prepare(folder, args.image, args.seed))


if __name__ == "__main__":
    main()
