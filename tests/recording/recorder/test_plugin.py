"""Parts of the plugin, compiled without the emulator."""

from __future__ import annotations

import subprocess
from importlib import resources

PLUGIN = resources.files("xenexplore.recording.recorder") / "plugin.c"
# Memory of a machine: hardware_domain at 0x100, struct domain of dom0 at 0x200 and of the idle one
# at 0x300, struct vcpu of idle vCPU 1 at 0x400 and of dom0's vCPU 0 at 0x500.
HARNESS = r"""
#include "plugin.c"
static uint64_t memory[0x100];
static uint8_t room[64];
static Bytes bytes = { room, 0 };
Bytes *g_byte_array_set_size(Bytes *b, unsigned n) { b->len = n; return b; }
_Bool qemu_plugin_read_memory_vaddr(uint64_t at, Bytes *b, size_t n)
{
    if (at + n > sizeof memory)
        return 0;
    memcpy(b->data, (uint8_t *)memory + at, b->len = n);
    return 1;
}
static void say(uint64_t at)
{
    int domain, vcpu;
    ids(at, &domain, &vcpu);
    printf("%d %d\n", domain, vcpu);
}
int main(void)
{
    buffer = &bytes;
    dom0_at = 0x100;
    memory[0x200 / 8] = 0;
    memory[0x300 / 8] = 0x7fff;
    memory[0x400 / 8] = 1; memory[0x418 / 8] = 0x300;
    memory[0x500 / 8] = 0; memory[0x518 / 8] = 0x200;
    say(0x400);                 /* no dom0 yet */
    memory[0x100 / 8] = 0x200;
    say(0x400);                 /* dom0 is being built, and has not run */
    say(0x500);
    say(0x400);
    say(0);
    return 0;
}
"""


def test_whose_a_record_is(tmp_path):
    (tmp_path / "plugin.c").write_bytes(PLUGIN.read_bytes())
    (tmp_path / "harness.c").write_text(HARNESS)
    words = ["gcc", "-w", "-O1", "-ffunction-sections", "-Wl,--gc-sections", "harness.c",
             "-o", "harness"]  # fmt: skip
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    said = subprocess.run(
        ["./harness"], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60
    ).stdout
    assert said.split("\n")[:5] == ["32767 1", "32767 1", "0 0", "32767 1", "-1 -1"]
