/*
 * The look-up that a patch for registered hypercall buffers would have: ours, no patch
 * has been posted.  Compiled as Xen's release builds are; the instructions that it
 * executes are counted under the emulator that the recordings were made with (lookup.py).
 */
#include <stdint.h>

struct entry {
    uint64_t start;             /* linear address of the first byte */
    uint64_t size;              /* bytes */
    uint64_t frames;            /* where its frames are listed */
    uint64_t flags;             /* bit 0: Xen may write */
};

struct buffers {
    unsigned int nr;
    struct entry entry[64];
};

/* The entry that covers all of [addr, addr + len), or NULL: scanned in order. */
__attribute__((noipa, section(".text.lookup"))) const struct entry *
lookup(const struct buffers *buffers, uint64_t addr, uint64_t len, unsigned int write)
{
    unsigned int i;

    for (i = 0; i < buffers->nr; i++) {
        const struct entry *e = &buffers->entry[i];
        uint64_t offset = addr - e->start;

        if (offset >= e->size)
            continue;
        if (len > e->size - offset || (write && !(e->flags & 1)))
            return 0;
        return e;
    }
    return 0;
}

static struct buffers buffers;

/* Hits at slots 0 to 63, then a miss of all 64, then the same for writes. */
void main64(void)
{
    const struct entry *volatile found;
    unsigned int i, write;

    buffers.nr = 64;
    for (i = 0; i < 64; i++) {
        buffers.entry[i].start = 0xffffc90000000000 + 0x10000ul * i;
        buffers.entry[i].size = 0x4000;
        buffers.entry[i].flags = 1;
    }
    for (write = 0; write < 2; write++)
        for (i = 0; i <= 64; i++)
            found = lookup(&buffers, 0xffffc90000000ff0 + 0x10000ul * i, 16, write);
    (void)found;
}
