"""Single accesses on an emulated x86 CPU (Unicorn), with any page tables underneath.

One :class:`Cpu` is one paging mode at one privilege level.  Every access is
executed as an instruction: a load, a store, or a fetch (`mov eax, imm32; int3`
found at the address).  What is known to be wrong in Unicorn 2.1.4, and how it
is avoided here:

* its default CPU model accepts CR4.SMAP and ignores it: ICELAKE_SERVER is used;
* read-modify-write instructions lose the W bit of the error code: plain stores;
* it has no interrupt delivery, so a second fault would be a double fault: the
  context is restored before each access;
* after a run with an instruction count, a later fault is sometimes taken for a
  double fault: no counts, what is fetched ends with int3;
* emu_start() itself walks to the address before the one to stop at, and marks
  entries Accessed on the way: that address is always in the code page;
* the page-fault error code has no API: its place in the saved context is found
  by provoking faults whose codes are known.
"""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass

from unicorn import (
    UC_ARCH_X86,
    UC_HOOK_INTR,
    UC_MODE_32,
    UC_MODE_64,
    UC_PROT_ALL,
    Uc,
    UcError,
)
from unicorn import unicorn_const as uc_const
from unicorn import x86_const as x86

from xenexplore.paging import Access, Mode, PagingState

__all__ = ["CR0_BASE", "CR4_BASE", "FIRST_FREE_FRAME", "FRAMES", "Cpu", "Outcome"]

FRAMES = 48
CODE_FRAME = 1
GDT_FRAME = 2
CODE_TABLES = (3, 4, 5, 6)
FIRST_FREE_FRAME = 8
STACK = 0x2800
EFER = 0xC0000080
BREAKPOINT = 3
_UNMAPPED = (
    uc_const.UC_ERR_READ_UNMAPPED,
    uc_const.UC_ERR_WRITE_UNMAPPED,
    uc_const.UC_ERR_FETCH_UNMAPPED,
)


@dataclass(frozen=True)
class Outcome:
    """What the CPU did: went through (and what it read), or faulted."""

    vector: int | None
    error_code: int | None = None
    cr2: int | None = None
    value: int | None = None
    unmapped: bool = False


class Cpu:
    def __init__(self, mode: Mode, ring: int) -> None:
        self.mode = mode
        self.ring = ring
        self.wide = mode in (Mode.LEVEL4, Mode.LEVEL5)
        self.memory = ctypes.create_string_buffer(FRAMES << 12)
        self.uc = Uc(UC_ARCH_X86, UC_MODE_64 if self.wide else UC_MODE_32)
        self.uc.ctl_set_cpu_model(x86.UC_CPU_X86_ICELAKE_SERVER)
        self.uc.ctl_set_tlb_mode(uc_const.UC_TLB_CPU)
        self.uc.mem_map_ptr(0, FRAMES << 12, UC_PROT_ALL, ctypes.addressof(self.memory))
        self.uc.hook_add(UC_HOOK_INTR, self._on_interrupt)
        self._seen: Outcome | None = None
        self._scratch = self.uc.context_save()
        # Where the code sits in linear space: the last slot of the top table.
        self.code = {
            Mode.LEVEL4: 0xFFFF_FF80_0000_0000,
            Mode.LEVEL5: 0xFFFF_0000_0000_0000 | 0xFF00_0000_0000_0000,
            Mode.PAE: 0xC000_0000,
            Mode.LEGACY: 0xFFC0_0000,
        }[mode]
        self._enter_ring()
        self._error_at = 0
        self.base = b""
        self._error_at = self._calibrate()

    def _on_interrupt(self, uc: Uc, number: int, _: object) -> None:
        if self._seen is None:  # the faulting instruction may be tried again before the stop
            cr2 = uc.reg_read(x86.UC_X86_REG_CR2)
            self._seen = Outcome(number, self._error_code(), cr2)
        uc.emu_stop()

    def poke(self, at: int, data: bytes) -> None:
        ctypes.memmove(ctypes.addressof(self.memory) + at, data, len(data))

    def _enter_ring(self) -> None:
        """Leave the CPU at the wanted ring with paging off, and keep that context."""
        code = 1 << 12
        gdt = [0] + [_segment(kind, dpl, self.wide) for dpl in (0, 3) for kind in "cd"]
        self.poke(GDT_FRAME << 12, struct.pack("<5Q", *gdt))
        self.uc.reg_write(x86.UC_X86_REG_GDTR, (0, GDT_FRAME << 12, 39, 0))
        selectors = (0x08, 0x10) if self.ring == 0 else (0x1B, 0x23)
        frame = (code + 0x100, selectors[0], 2, 0x2F00, selectors[1])
        if self.wide or self.ring == 3:
            self.poke(STACK, struct.pack("<5Q" if self.wide else "<5I", *frame))
        else:
            self.poke(STACK, struct.pack("<3I", *frame[:3]))
        stack = x86.UC_X86_REG_RSP if self.wide else x86.UC_X86_REG_ESP
        self.uc.reg_write(stack, STACK)
        self.poke(code, b"\x48\xcf" if self.wide else b"\xcf")
        self.uc.emu_start(code, 0, count=1)
        load_segments = b"\x66\xb8" + bytes([selectors[1]]) + b"\x00\x8e\xd8\x8e\xc0"
        self.poke(code + 0x100, load_segments)
        self.uc.emu_start(code + 0x100, code + 0x100 + len(load_segments))
        assert self.uc.reg_read(x86.UC_X86_REG_CS) & 3 == self.ring
        self.poke(code, bytes(0x200))
        self.poke(code + 0x00, b"\x8b\x03")  # mov eax, [rbx]
        self.poke(code + 0x10, b"\x88\x0b")  # mov [rbx], cl
        self.poke(code + 0x20, b"\x0f\x01\xef\x31\xc0\x8b\x03")  # wrpkru; xor; load
        self.poke(code + 0x30, b"\x0f\x01\xef\xb1\x5a\x88\x0b")  # wrpkru; mov cl; store
        self._context = self.uc.context_save()

    def write_code_slot(self, memory: bytearray, cr3: int) -> None:
        """Make the last slot of the top table at CR3 lead to the code page."""
        tables = [cr3 & ~31, *(frame << 12 for frame in CODE_TABLES)]
        bits = 0x67 if self.ring == 3 else 0x63
        size = self.mode.entry_size
        levels = self.mode.levels
        for place in range(levels):
            last = place == levels - 1
            target = CODE_FRAME << 12 if last else tables[place + 1]
            width = 10 if self.mode is Mode.LEGACY else 9
            index = self.code >> 12 + width * (levels - 1 - place) & ((1 << width) - 1)
            pae_top = self.mode is Mode.PAE and place == 0
            entry = target | (1 if pae_top else bits)
            at = tables[place] + index * size
            memory[at : at + size] = entry.to_bytes(size, "little")

    def map_code(self, root: int) -> None:
        """The same, in the CPU's own memory."""
        memory = bytearray(self.after())
        self.write_code_slot(memory, root)
        self.poke(0, bytes(memory))

    def run(
        self, state: PagingState, linear: int, access: Access, before: bytes | None = None
    ) -> Outcome:
        """Execute one access under a state; memory is changed as the CPU changes it.

        Args:
            state: control registers; ``cpl`` must be this CPU's ring.
            linear: the address.
            access: read, write or fetch.
            before: what memory holds first; None: as it is.
        """
        uc = self.uc
        if before is not None:
            self.poke(0, before)
        uc.context_restore(self._context)
        self._seen = None
        uc.reg_write(x86.UC_X86_REG_CR2, _CR2_MARK)
        uc.msr_write(EFER, state.efer & ~0x400)
        uc.reg_write(x86.UC_X86_REG_CR3, state.cr3)
        uc.reg_write(x86.UC_X86_REG_CR4, state.cr4)
        uc.reg_write(x86.UC_X86_REG_CR0, state.cr0)
        uc.reg_write(x86.UC_X86_REG_EFLAGS, state.eflags)
        uc.reg_write(x86.UC_X86_REG_RBX if self.wide else x86.UC_X86_REG_EBX, linear)
        uc.reg_write(x86.UC_X86_REG_ECX, 0)
        uc.reg_write(x86.UC_X86_REG_EDX, 0)
        uc.reg_write(x86.UC_X86_REG_EAX, state.pkru)
        keyed = bool(state.cr4 & 1 << 22) and self.wide
        start, length = _CODE[access.write, keyed]
        if not keyed:
            uc.reg_write(x86.UC_X86_REG_ECX, 0x5A)
        unmapped = False
        try:
            if access.fetch:
                uc.emu_start(linear, self.code + 0x80)  # never reached: int3 ends it
            else:
                uc.emu_start(self.code + start, self.code + start + length)
        except UcError as error:
            if error.errno not in _UNMAPPED:
                raise
            unmapped = True
        if self._seen is not None and self._seen.vector != BREAKPOINT:
            return self._seen
        value = None if access.write else uc.reg_read(x86.UC_X86_REG_EAX)
        return Outcome(None, value=value, unmapped=unmapped)

    def after(self) -> bytes:
        """Memory as the CPU left it."""
        return self.memory.raw

    def _error_code(self) -> int:
        return struct.unpack_from("<I", self._context_bytes(), self._error_at)[0]

    def _context_bytes(self) -> bytes:
        self.uc.context_update(self._scratch)
        return ctypes.string_at(self._scratch.context, self._scratch.size)

    def _calibrate(self) -> int:
        """Where the saved context holds the error code of the last page fault."""
        root = 8 << 12
        size = self.mode.entry_size
        clean = bytes(self.memory)
        candidates: set[int] | None = None
        user = 4 if self.ring == 3 else 0
        for entry, write, code in (
            (0, False, 0),
            (0, True, 2),
            (1, True, 3 if self.mode is not Mode.PAE else None),
            (1 | 1 << 45 if size == 8 else 0, False, 9 if size == 8 else 0),
        ):
            if code is None:
                continue
            self.poke(0, clean)
            self.map_code(root)
            # Every slot of table 9 holds the entry itself pointing at table 9 again.
            self.poke(
                root, (9 << 12 | 1 | (0 if self.mode is Mode.PAE else 6)).to_bytes(size, "little")
            )
            filled = entry | (9 << 12 | 4 if entry else 0)
            self.poke(9 << 12, filled.to_bytes(size, "little") * (4096 // size))
            outcome_at = self.run(self.simple_state(root), 0x5000, Access(write=write))
            assert outcome_at.vector == 14, (self.mode, self.ring, entry, outcome_at)
            raw = self._context_bytes()
            wanted = code | user
            places = {
                at
                for at in range(0, len(raw) - 4, 4)
                if raw[at : at + 4] == struct.pack("<I", wanted)
            }
            candidates = places if candidates is None else candidates & places
        self.poke(0, clean)
        assert candidates is not None
        assert len(candidates) == 1, f"error code at {sorted(candidates)}"
        return candidates.pop()

    def simple_state(self, root: int) -> PagingState:
        """Paging on in this CPU's mode, and nothing special."""
        cr4 = {
            Mode.LEGACY: 1 << 4,
            Mode.PAE: 1 << 5,
            Mode.LEVEL4: 1 << 5,
            Mode.LEVEL5: 1 << 5 | 1 << 12,
        }
        return PagingState(
            cr0=CR0_BASE | 1 << 16,
            cr3=root,
            cr4=CR4_BASE | cr4.get(self.mode, 1 << 5),
            efer=0x500 if self.wide else 0,
            cpl=self.ring,
            maxphyaddr=40,
        )


def _segment(kind: str, dpl: int, wide: bool) -> int:
    access = (0x9B if kind == "c" else 0x93) | dpl << 5
    flags = 0xA if wide and kind == "c" else 0xC
    return 0xFFFF | access << 40 | 0xF << 48 | flags << 52


_CR2_MARK = 0xABC000
CR0_BASE = 0x8000_0011
CR4_BASE = 0x600
_CODE = {
    (False, False): (0, 2),
    (True, False): (0x10, 2),
    (False, True): (0x20, 7),
    (True, True): (0x30, 7),
}
