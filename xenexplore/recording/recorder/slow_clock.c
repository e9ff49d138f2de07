/*
 * Preloaded into QEMU: its clock, and with it that of Xen and the guests, runs RECORD_SLOW times
 * slower than this machine's.  An emulated CPU executes far less between two ticks than a
 * real one; on a busy machine, or with several CPUs, guests then do little but serve timers,
 * and Linux sees soft lockups.  The time stamp counter is the host's, and not slowed: to Xen, which
 * measures it, it is only fast.
 */
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

enum { NANO = 1000000000, SYS_CLOCK_GETTIME = 228 };

static uint64_t began, slow;

/* No call of libc's own: QEMU runs on the libc of its Debian packages, this is built on another. */
static long ask(clockid_t id, struct timespec *t)
{
    long result;

    __asm__ volatile ("syscall" : "=a" (result) : "a" ((long)SYS_CLOCK_GETTIME), "D" ((long)id),
                      "S" (t) : "rcx", "r11", "memory");
    return result;
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *t)
{
    uint64_t now;

    if (ask(id, t))
        return -1;
    if (id != CLOCK_MONOTONIC)
        return 0;
    now = (uint64_t)t->tv_sec * NANO + (uint64_t)t->tv_nsec;
    if (!began) {                               /* QEMU asks before it starts a thread */
        const char *text = getenv("RECORD_SLOW");
        slow = text && atoi(text) > 0 ? (uint64_t)atoi(text) : 1;
        began = now;
    }
    now = began + (now - began) / slow;
    t->tv_sec = (time_t)(now / NANO);
    t->tv_nsec = (long)(now % NANO);
    return 0;
}
