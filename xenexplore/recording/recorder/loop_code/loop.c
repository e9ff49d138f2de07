/*
 * A guest that repeats one hypercall, as the loop of an XTF test would: VCPUOP_get_runstate_info
 * into a structure in a 4 KiB page, then into one in a 2 MiB page.  It boots as dom0, is told of no
 * buffer by anyone, and takes no interrupt.
 */
#include <stdint.h>

enum { CONSOLE_IO = 18, VCPU_OP = 24 };         /* xen/include/public/xen.h */
enum { CONSOLEIO_WRITE = 0 };
enum { GET_RUNSTATE_INFO = 4 };                 /* xen/include/public/vcpu.h */
enum { CALLS = 1000 };

struct runstate_info {                          /* struct vcpu_runstate_info */
    int32_t state;
    uint64_t state_entry_time, time[4];
};

static uint8_t hypercall_page[4096] __attribute__((aligned(4096)));
struct runstate_info small;
union {
    struct runstate_info info;
    uint8_t page[0x200000];
} large __attribute__((aligned(0x200000), section(".bss.large")));

static long hypercall(unsigned int number, long a, long b, const void *c)
{
    long result;

    asm volatile ("call *%[at]"
                  : "=a" (result), "+D" (a), "+S" (b), "+d" (c)
                  : [at] "r" (hypercall_page + 32 * number)
                  : "rcx", "r8", "r9", "r10", "r11", "memory");
    return result;
}

static void say(const char *text)
{
    long length = 0;

    while (text[length])
        length++;
    hypercall(CONSOLE_IO, CONSOLEIO_WRITE, length, text);
}

/* Xen fills the page that this register is told, xen/include/public/arch-x86/cpuid.h. */
static void find_hypercalls(void)
{
    uint32_t eax = 0x40000002, ebx, ecx = 0, edx;
    uint64_t page = (uintptr_t)hypercall_page;

    asm volatile ("cpuid" : "+a" (eax), "=b" (ebx), "+c" (ecx), "=d" (edx));
    asm volatile ("wrmsr" :: "c" (ebx), "a" ((uint32_t)page), "d" ((uint32_t)(page >> 32))
                  : "memory");
}

static int repeat(struct runstate_info *info)
{
    int failed = 0;

    for (int call = 0; call < CALLS; call++)
        failed += hypercall(VCPU_OP, GET_RUNSTATE_INFO, 0, info) != 0 || info->state != 0;
    return failed;
}

void main64(void)
{
    find_hypercalls();
    say("RECORD-MARK loop 0\n");
    if (repeat(&small) + repeat(&large.info))
        say("loop: a call failed\n");
    say("RECORD-MARK done 0\n");
}
