/*
 * A TCG plugin for QEMU that records what Xen does: every hypercall, every access of
 * guest memory by linear address, every walk of a guest's page tables, with the
 * instructions (and loads and stores) that Xen executed for each, per physical CPU.
 * Xen is not changed; functions are found by their addresses in its symbol file.
 *
 * Arguments: hooks=FILE (lines "ADDRESS KIND", see hooks.py), out=FILE (records of format
 * version 2 without their header), loads=on (count loads and stores, too).
 *
 * Needs plugin API 7 (QEMU 11.1).  No header of QEMU or GLib is used: what is called is
 * declared here, from its documentation and by experiment.
 */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- what is used of GLib, which QEMU is linked with ---- */
typedef struct { uint8_t *data; unsigned len; } Bytes;              /* GByteArray */
typedef struct { char *data; unsigned len; } Array;                 /* GArray */
extern Bytes *g_byte_array_new(void);
extern Bytes *g_byte_array_set_size(Bytes *, unsigned);
extern Bytes *g_byte_array_append(Bytes *, const uint8_t *, unsigned);
extern unsigned g_array_get_element_size(Array *);

/* ---- what is used of the plugin API ---- */
typedef struct { void *score; size_t offset; } Counter;             /* qemu_plugin_u64 */
typedef struct { void *handle; const char *name; } Register;        /* its first members */
enum { ADD_U64 = 0 };                                               /* qemu_plugin_op */
enum { NO_REGS = 0, READ_REGS = 1 };                                /* qemu_plugin_cb_flags */
enum { MEM_READ = 1, MEM_WRITE = 2 };                               /* qemu_plugin_mem_rw */
enum { COND_NE = 3 };                                               /* qemu_plugin_cond */
typedef void (*OnCpu)(unsigned, void *);
extern void qemu_plugin_register_vcpu_init_cb(uint64_t, OnCpu, void *);
extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t, void (*)(void *, void *), void *);
extern void qemu_plugin_register_atexit_cb(uint64_t, void (*)(void *), void *);
extern size_t qemu_plugin_tb_n_insns(const void *);
extern uint64_t qemu_plugin_tb_vaddr(const void *);
extern void *qemu_plugin_tb_get_insn(const void *, size_t);
extern uint64_t qemu_plugin_insn_vaddr(const void *);
extern size_t qemu_plugin_insn_size(const void *);
extern size_t qemu_plugin_insn_data(const void *, void *, size_t);
extern void qemu_plugin_register_vcpu_insn_exec_cb(void *, OnCpu, int, void *);
extern void qemu_plugin_register_vcpu_insn_exec_cond_cb(void *, OnCpu, int, int, Counter,
                                                        uint64_t, void *);
extern void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(void *, int, Counter, uint64_t);
extern void qemu_plugin_register_vcpu_mem_inline_per_vcpu(void *, int, int, Counter, uint64_t);
extern void *qemu_plugin_scoreboard_new(size_t);
extern uint64_t qemu_plugin_u64_get(Counter, unsigned);
extern void qemu_plugin_u64_set(Counter, unsigned, uint64_t);
extern Array *qemu_plugin_get_registers(void);
extern int qemu_plugin_read_register(void *, Bytes *);
extern _Bool qemu_plugin_read_memory_vaddr(uint64_t, Bytes *, size_t);
extern _Bool qemu_plugin_write_memory_vaddr(uint64_t, Bytes *);

__attribute__((visibility("default"))) int qemu_plugin_version = 7;

/* ---- what is known of Xen (checked where it can be, see who()) ---- */
#define XEN_LOW  0xffff82d040000000ull      /* XEN_VIRT_START, and its size of 1 GiB */
#define XEN_HIGH 0xffff82d080000000ull
#define DIRECTMAP 0xffff830000000000ull     /* DIRECTMAP_VIRT_START */
#define STACK_LAST 0x7fffull                /* STACK_SIZE - 1 */
#define CURRENT_VCPU 0x37                   /* of struct cpu_info, from the stack's last byte */
#define VMCB_CS 0x410                       /* AMD manual, volume 2, appendix B */
#define VMCB_EFER 0x4d0
#define VMCB_CR3 0x550
#define CS_LONG (0x200ull << 16)            /* of a segment's first word; EFER_LMA with it */
#define EFER_LMA 0x400ull
#define MAX_CPUS 16
#define MAX_FRAMES 64
#define INVALID_GFN (~0ull)
#define IDLE 0x7fff                         /* DOMID_IDLE */

/* struct cpu_user_regs, as an array of 64-bit words */
enum { U_RBP = 4, U_RBX = 5, U_R10 = 7, U_R9 = 8, U_R8 = 9, U_RAX = 10, U_RCX = 11, U_RDX = 12,
       U_RSI = 13, U_RDI = 14, U_RIP = 16, U_CS = 17, U_FLAGS = 18, U_RSP = 19, U_WORDS = 21 };

/* Kinds of hooks; the copies stand together.  Names as in hooks.py. */
enum { HVM, PV, COPY_HTO, COPY_HFROM, COPY_HCLR, COPY_TO, COPY_FROM, COPY_CLR, GVA, WALK, TABLES4,
       TABLES3, P2M, MAP, MEMCPY, SWITCH, IRQ, DECODE, DOM0, KINDS };
static const char *const kind_name[KINDS] = {
    "hvm", "pv", "Hto", "Hfrom", "Hclr", "to", "from", "clr", "gva", "walk", "tables4", "tables3",
    "p2m", "map", "memcpy", "switch", "irq", "decode", "dom0" };
#define IS_COPY(kind) ((kind) >= COPY_HTO && (kind) <= COPY_CLR)

typedef struct { uint64_t instructions, loads, stores, depth; } Score;
typedef struct { uint64_t instructions, loads, stores; } Count;

/* A hooked function that has not returned. */
typedef struct {
    int kind, record;               /* record: index into the CPU's records, or -1 */
    uint64_t rsp, a, b, c;
    int level;
    Count from;
} Frame;

/* An access or a walk. */
typedef struct {
    int is_walk, kind, inside, level, domain, vcpu;
    uint64_t address, size, gfn, vcpu_at, cr3, walks, p2m, map, memcpy;
    Count count;
} Record;

typedef struct {
    Frame frame[MAX_FRAMES];
    int frames;
    int waiting, in_handler, hvm;   /* a hypercall waits to be written; its handler runs */
    int compat;                     /* by the 32-bit ABI */
    int irqs, switches, domain, vcpu;
    uint64_t regs[U_WORDS], vcpu_at, cr3, order;
    Count handler;
    uint64_t copies, walks, p2m, map, memcpy;
    int exited, has_exit;           /* since the VM exit nothing else was entered */
    uint64_t exit_i, exit_l, exit_instructions, exit_loads, decode, vmcb;
    Record *record;
    int records, room;
} Cpu;

static Cpu cpus[MAX_CPUS];
static void *board;
static Counter instructions, loads, stores, depth;
static struct { uint64_t address; int kind; } hooks[64];
static int hook_count, count_loads;
static FILE *out;
static int64_t written = -1;
static uint64_t entered, last_vmrun, dom0_at, lost, deep, fixed;
static int domain_offset = -1;
static Bytes *buffer;
static struct timespec began;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

enum { RAX, RCX, RDX, RSI, RDI, RSP, CR3, REGISTERS };
static const char *const register_name[REGISTERS] = { "rax", "rcx", "rdx", "rsi", "rdi", "rsp",
                                                      "cr3" };
static void *register_at[MAX_CPUS][REGISTERS];

static uint64_t reg(unsigned cpu, int which)
{
    uint64_t value = 0;
    g_byte_array_set_size(buffer, 0);
    qemu_plugin_read_register(register_at[cpu][which], buffer);
    memcpy(&value, buffer->data, buffer->len < 8 ? buffer->len : 8);
    return value;
}

static int fetch(uint64_t address, void *to, size_t size)
{
    g_byte_array_set_size(buffer, 0);
    if (!qemu_plugin_read_memory_vaddr(address, buffer, size))
        return 0;
    memcpy(to, buffer->data, size);
    return 1;
}

static uint64_t word(uint64_t address)
{
    uint64_t value = 0;
    fetch(address, &value, 8);
    return value;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)(t.tv_sec - began.tv_sec) + (double)(t.tv_nsec - began.tv_nsec) / 1e9;
}

static Count counted(unsigned cpu)
{
    Count c = { qemu_plugin_u64_get(instructions, cpu), qemu_plugin_u64_get(loads, cpu),
                qemu_plugin_u64_get(stores, cpu) };
    return c;
}

/*
 * Domain and vCPU ids of a struct vcpu: vcpu_id and domain_id are the first members of their
 * structures.  Where the pointer to the domain is differs between versions of Xen: it is
 * the word that equals hardware_domain in dom0's vCPU, which makes the first hypercall.
 * Before dom0's runs there is no other than the idle domain: it fills a PV dom0's memory.
 */
static void ids(uint64_t at, int *domain, int *vcpu)
{
    uint32_t id = 0;
    uint16_t domid = 0;
    *domain = *vcpu = -1;
    if (!at)
        return;
    if (domain_offset < 0) {
        uint64_t dom0 = word(dom0_at);
        for (int offset = 8; dom0 && offset < 0x100; offset += 8)
            if (word(at + (uint64_t)offset) == dom0) {
                domain_offset = offset;
                break;
            }
    }
    fetch(at, &id, 4);
    if (domain_offset < 0)
        domid = IDLE;
    else
        fetch(word(at + (uint64_t)domain_offset), &domid, 2);
    *domain = domid;
    *vcpu = (int)id;
}

static uint64_t current(uint64_t rsp) { return word((rsp | STACK_LAST) - CURRENT_VCPU); }

/* ---- writing ---- */
static void put_count(const char *name, uint64_t value)
{
    if (value)
        fprintf(out, ",\"%s\":%llu", name, (unsigned long long)value);
}

static void put_record(unsigned cpu, const Record *r)
{
    long long at = written;
    if (r->is_walk) {
        fprintf(out, "{\"w\":%llu", (unsigned long long)r->address);
        if (r->gfn != INVALID_GFN)
            fprintf(out, ",\"gfn\":%llu", (unsigned long long)r->gfn);
        fprintf(out, ",\"s\":%lld,\"d\":%d,\"v\":%d,\"p\":%u", at, r->domain, r->vcpu, cpu);
        put_count("ps", (uint64_t)r->level);
        put_count("gcr3", r->cr3);
    } else {
        fprintf(out, "{\"c\":\"%s\",\"%s\":%lld,\"va\":%llu,\"l\":%llu", kind_name[r->kind],
                r->inside ? "s" : "x", at, (unsigned long long)r->address,
                (unsigned long long)r->size);
        if (!r->inside)
            fprintf(out, ",\"d\":%d,\"v\":%d", r->domain, r->vcpu);
        fprintf(out, ",\"p\":%u", cpu);
    }
    put_count("i", r->count.instructions);
    put_count("iw", r->walks);
    put_count("ip", r->p2m);
    put_count("im", r->memcpy);
    put_count("imd", r->map);
    put_count("ld", r->count.loads);
    put_count("st", r->count.stores);
    fputs("}\n", out);
}

static void put_records(unsigned cpu, int from)
{
    Cpu *c = &cpus[cpu];
    for (int k = from; k < c->records; k++)
        put_record(cpu, &c->record[k]);
    c->records = from;
}

static void put_call(unsigned cpu)
{
    Cpu *c = &cpus[cpu];
    uint64_t *u = c->regs, a[6] = { u[U_RDI], u[U_RSI], u[U_RDX], u[U_R10], u[U_R8], u[U_R9] };
    if (!c->waiting)
        return;
    if (c->compat) {
        const int low[6] = { U_RBX, U_RCX, U_RDX, U_RSI, U_RDI, U_RBP };
        for (int k = 0; k < 6; k++)
            a[k] = u[low[k]] & 0xffffffff;
    }
    written++;
    fprintf(out, "{\"s\":%lld,\"t\":%.3f,\"k\":\"%s\",\"n\":%llu,\"a\":[", (long long)written,
            now(), c->compat ? "hvm32" : c->hvm ? "hvm" : "pv",
            (unsigned long long)(u[U_RAX] & 0xffffffff));
    for (int k = 0; k < 6; k++)
        fprintf(out, "%s%llu", k ? "," : "", (unsigned long long)a[k]);
    fprintf(out, "],\"d\":%d,\"v\":%d,\"p\":%u,\"o\":%llu", c->domain, c->vcpu, cpu,
            (unsigned long long)c->order);
    put_count("rip", u[U_RIP]);
    put_count("rsp", u[U_RSP]);
    put_count("cs", u[U_CS] & 0xffff);
    put_count("fl", u[U_FLAGS]);
    put_count(c->hvm ? "gcr3" : "cr3", c->cr3);
    put_count("i", c->handler.instructions);
    put_count("ic", c->copies);
    put_count("iw", c->walks);
    put_count("ip", c->p2m);
    put_count("im", c->memcpy);
    put_count("imd", c->map);
    put_count("ld", c->handler.loads);
    put_count("st", c->handler.stores);
    if (c->has_exit) {
        put_count("ix", c->exit_instructions);
        put_count("il", c->decode);
        put_count("ldx", c->exit_loads);
    }
    put_count("irq", (uint64_t)c->irqs);
    put_count("ctx", (uint64_t)c->switches);
    fputs("}\n", out);
    put_records(cpu, 0);
    c->waiting = c->in_handler = 0;
}

/* ---- hooked functions, entered and left ---- */
static int add_record(Cpu *c, Record r)
{
    if (c->records == c->room) {
        c->room = c->room ? 2 * c->room : 64;
        c->record = realloc(c->record, (size_t)c->room * sizeof(Record));
        if (!c->record)
            abort();
    }
    c->record[c->records] = r;
    return c->records++;
}

/* The innermost copy under way, or NULL; with inner, the innermost frame of that kind. */
static Frame *find_frame(Cpu *c, int kind)
{
    for (int k = c->frames - 1; k >= 0; k--)
        if (kind < 0 ? IS_COPY(c->frame[k].kind) : c->frame[k].kind == kind)
            return &c->frame[k];
    return NULL;
}

static void leave_copy(unsigned cpu, Frame *f, Count n)
{
    Cpu *c = &cpus[cpu];
    if (f->record < 0 || f->record >= c->records)
        return;
    c->record[f->record].count = n;
    if (c->record[f->record].inside)
        c->copies += n.instructions;
    else if (!c->waiting)
        put_records(cpu, f->record);
}

static void leave_walk(Cpu *c, Frame *f, Count n, uint64_t gfn)
{
    Record r = { .is_walk = 1, .inside = c->in_handler, .address = f->a, .vcpu_at = f->b,
                 .cr3 = f->c, .gfn = gfn, .level = f->level, .count = n };
    if (!c->in_handler && !find_frame(c, -1))
        return;
    ids(f->b, &r.domain, &r.vcpu);
    add_record(c, r);
}

/* Level of the guest's entry that maps the address: l4e to l1e stand in walk_t behind va. */
static void leave_tables(Cpu *c, Frame *f)
{
    uint64_t t[5] = { 0 };
    Frame *walk = find_frame(c, WALK);
    if (!walk || !fetch(f->a, t, f->kind == TABLES4 ? 40 : 32))
        return;
    if (f->kind == TABLES4)
        walk->level = t[2] & 0x80 ? 3 : t[3] & 0x80 ? 2 : 1;
    else
        walk->level = t[2] & 0x80 ? 2 : 1;
}

static void leave(unsigned cpu, Frame *f, int returned, uint64_t rax)
{
    Cpu *c = &cpus[cpu];
    Count n = counted(cpu);
    Frame *copy = find_frame(c, -1);
    Record *r = copy && copy->record >= 0 && copy->record < c->records
                ? &c->record[copy->record] : NULL;
    n.instructions -= f->from.instructions;
    n.loads -= f->from.loads;
    n.stores -= f->from.stores;
    lost += !returned;
    switch (f->kind) {
    case HVM: case PV:
        if (c->waiting && c->in_handler) {
            c->handler = n;
            c->in_handler = 0;
            if (f->kind == PV)
                put_call(cpu);
        }
        break;
    case COPY_HTO ... COPY_CLR: leave_copy(cpu, f, n); break;
    case WALK: leave_walk(c, f, n, returned ? rax : INVALID_GFN); break;
    case TABLES4: case TABLES3: leave_tables(c, f); break;
    case GVA:
        c->walks += c->in_handler ? n.instructions : 0;
        if (r)
            r->walks += n.instructions;
        break;
    case P2M:
        if (find_frame(c, GVA))
            break;
        c->p2m += c->in_handler ? n.instructions : 0;
        if (r)
            r->p2m += n.instructions;
        break;
    case MAP:                                       /* walks' own are in it, too */
        c->map += c->in_handler ? n.instructions : 0;
        if (r)
            r->map += n.instructions;
        break;
    case MEMCPY:
        c->memcpy += c->in_handler ? n.instructions : 0;
        if (r)
            r->memcpy += n.instructions;
        break;
    case DECODE: c->decode += n.instructions; break;
    }
}

/* hvm_guest_x86_mode(): 64-bit code; all else passes arguments by the 32-bit ABI. */
static int is_long(uint64_t vmcb)
{
    return word(DIRECTMAP + vmcb + VMCB_EFER) & EFER_LMA
        && word(DIRECTMAP + vmcb + VMCB_CS) & CS_LONG;
}

static void begin_call(unsigned cpu, int kind, uint64_t rsp)
{
    Cpu *c = &cpus[cpu];
    put_call(cpu);
    c->records = 0;
    memset(&c->handler, 0, sizeof c->handler);
    c->copies = c->walks = c->p2m = c->map = c->memcpy = 0;
    c->irqs = c->switches = c->has_exit = 0;
    c->hvm = kind == HVM;
    c->order = entered++;
    memset(c->regs, 0, sizeof c->regs);
    fetch(reg(cpu, RDI), c->regs, sizeof c->regs);
    c->vcpu_at = current(rsp);
    ids(c->vcpu_at, &c->domain, &c->vcpu);
    c->cr3 = c->hvm ? (c->vmcb ? word(DIRECTMAP + c->vmcb + VMCB_CR3) : 0) : reg(cpu, CR3);
    c->compat = c->hvm && c->vmcb && !is_long(c->vmcb);
    c->waiting = c->in_handler = 1;
}

static int begin_copy(unsigned cpu, int kind, uint64_t rsp)
{
    Cpu *c = &cpus[cpu];
    int from = kind == COPY_HFROM || kind == COPY_FROM;
    int clear = kind == COPY_HCLR || kind == COPY_CLR;
    Record r = { .kind = kind, .inside = c->in_handler, .domain = -1, .vcpu = -1 };
    r.address = reg(cpu, from ? RSI : RDI);
    r.size = (uint32_t)reg(cpu, clear ? RSI : RDX);
    if (c->in_handler && c->compat && r.address >> 32)
        return -1;                  /* Xen's own area, by which compat handlers hand structs on */
    if (!c->in_handler)
        ids(current(rsp), &r.domain, &r.vcpu);
    return add_record(c, r);
}

static void enter(unsigned cpu, void *data)
{
    int kind = (int)(intptr_t)data;
    Cpu *c = &cpus[cpu];
    uint64_t rsp = reg(cpu, RSP);
    Frame *f;
    if (kind == SWITCH) { c->switches++; return; }
    if (kind == IRQ) { c->irqs++; return; }
    while (c->frames && (c->frame[c->frames - 1].rsp < rsp ||
                         (c->frame[c->frames - 1].rsp == rsp && kind <= PV))) {
        Frame gone = c->frame[--c->frames];         /* left without a return: a new stack */
        leave(cpu, &gone, 0, 0);
    }
    if (kind >= GVA && kind <= MEMCPY && !find_frame(c, -1) && (!c->in_handler || kind == MEMCPY))
        return;
    if (IS_COPY(kind) && find_frame(c, -1))
        return;                                     /* its wrapper has been seen */
    if (c->frames == MAX_FRAMES) { deep++; return; }
    f = &c->frame[c->frames];
    memset(f, 0, sizeof *f);
    f->kind = kind;
    f->rsp = rsp;
    f->record = -1;
    f->from = counted(cpu);
    f->from.instructions--;                         /* this one counts */
    if (kind == HVM || kind == PV)
        begin_call(cpu, kind, rsp);
    else if (IS_COPY(kind))
        f->record = begin_copy(cpu, kind, rsp);
    else if (kind == WALK) {
        f->a = reg(cpu, RCX);
        f->b = reg(cpu, RDI);
        f->c = reg(cpu, RDX);
    } else if (kind == TABLES4 || kind == TABLES3)
        f->a = reg(cpu, RCX);
    c->frames++;
    qemu_plugin_u64_set(depth, cpu, (uint64_t)c->frames);
}

static void on_return(unsigned cpu, void *data)
{
    Cpu *c = &cpus[cpu];
    uint64_t rsp = reg(cpu, RSP);
    (void)data;
    while (c->frames && c->frame[c->frames - 1].rsp <= rsp) {
        Frame f = c->frame[--c->frames];
        leave(cpu, &f, f.rsp == rsp, reg(cpu, RAX));
    }
    qemu_plugin_u64_set(depth, cpu, (uint64_t)c->frames);
}

/*
 * QEMU 9.1 to 11.1 report every MOV from a control register as an intercepted read of CR0
 * (target/i386/tcg: the SVM check of that instruction does not name the register).  Xen then
 * emulates "mov %cr2" with a stale value, and no PVH Linux boots.  So the intercept of CR0
 * reads, bit 0 of the VMCB's first word, is cleared before each VMRUN.
 */
static void allow_cr0_reads(uint64_t vmcb)
{
    static Bytes *patch;
    uint16_t intercepts = 0;
    if (!fetch(DIRECTMAP + vmcb, &intercepts, 2) || !(intercepts & 1))
        return;
    intercepts &= (uint16_t)~1;
    if (!patch)
        patch = g_byte_array_new();
    g_byte_array_set_size(patch, 0);
    g_byte_array_append(patch, (const uint8_t *)&intercepts, 2);
    qemu_plugin_write_memory_vaddr(DIRECTMAP + vmcb, patch);
    fixed++;
}

static void on_vmrun(unsigned cpu, void *data)
{
    Cpu *c = &cpus[cpu];
    Count n = counted(cpu);
    (void)data;
    c->vmcb = reg(cpu, RAX);
    allow_cr0_reads(c->vmcb);
    if (c->waiting) {
        if (c->exited && !c->switches && !c->in_handler) {
            c->has_exit = 1;
            c->exit_instructions = n.instructions - c->exit_i;
            c->exit_loads = n.loads - c->exit_l;
        }
        put_call(cpu);
    }
    lost += (uint64_t)c->frames;
    c->frames = 0;
    qemu_plugin_u64_set(depth, cpu, 0);
    c->exited = 0;
}

static void on_vmexit(unsigned cpu, void *data)
{
    Cpu *c = &cpus[cpu];
    Count n = counted(cpu);
    (void)data;
    c->exit_i = n.instructions - 1;
    c->exit_l = n.loads;
    c->exited = 1;
    c->decode = 0;
}

/* With several CPUs QEMU runs a thread for each: one lock for all of the above. */
#define LOCKED(function)                                    \
    static void locked_##function(unsigned cpu, void *data) \
    {                                                       \
        pthread_mutex_lock(&lock);                          \
        function(cpu, data);                                \
        pthread_mutex_unlock(&lock);                        \
    }
LOCKED(enter)
LOCKED(on_return)
LOCKED(on_vmrun)
LOCKED(on_vmexit)

static void translated(void *block, void *data)
{
    uint64_t start = qemu_plugin_tb_vaddr(block);
    size_t count = qemu_plugin_tb_n_insns(block);
    (void)data;
    if (start < XEN_LOW || start >= XEN_HIGH)
        return;
    for (size_t k = 0; k < count; k++) {
        void *insn = qemu_plugin_tb_get_insn(block, k);
        uint64_t at = qemu_plugin_insn_vaddr(insn);
        unsigned char code[4] = { 0 };
        qemu_plugin_insn_data(insn, code, sizeof code);
        qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, ADD_U64, instructions, 1);
        if (count_loads) {
            qemu_plugin_register_vcpu_mem_inline_per_vcpu(insn, MEM_READ, ADD_U64, loads, 1);
            qemu_plugin_register_vcpu_mem_inline_per_vcpu(insn, MEM_WRITE, ADD_U64, stores, 1);
        }
        for (int h = 0; h < hook_count; h++)
            if (hooks[h].address == at && hooks[h].kind != DOM0)
                qemu_plugin_register_vcpu_insn_exec_cb(insn, locked_enter, READ_REGS,
                                                       (void *)(intptr_t)hooks[h].kind);
        if (qemu_plugin_insn_size(insn) == 1 && code[0] == 0xc3)            /* ret */
            qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, locked_on_return, READ_REGS, COND_NE,
                                                        depth, 0, NULL);
        if (code[0] == 0x0f && code[1] == 0x01 && code[2] == 0xd8) {        /* vmrun */
            last_vmrun = at;
            qemu_plugin_register_vcpu_insn_exec_cb(insn, locked_on_vmrun, READ_REGS, NULL);
        }
        if (last_vmrun && at == last_vmrun + 3)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, locked_on_vmexit, NO_REGS, NULL);
    }
}

static void started(unsigned cpu, void *data)
{
    Array *all = qemu_plugin_get_registers();
    (void)data;
    if (cpu >= MAX_CPUS)
        abort();
    for (unsigned k = 0; k < all->len; k++) {
        Register *r = (void *)(all->data + k * g_array_get_element_size(all));
        for (int which = 0; r->name && which < REGISTERS; which++)
            if (!strcmp(r->name, register_name[which]))
                register_at[cpu][which] = r->handle;
    }
}

static void ended(void *data)
{
    (void)data;
    pthread_mutex_lock(&lock);
    for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
        put_call(cpu);
    fclose(out);
    fprintf(stderr, "recorder: {\"hypercalls\": %lld, \"entered\": %llu, \"left_unseen\": %llu, "
            "\"too_deep\": %llu, \"vmcb_patched\": %llu, \"domains_told\": %d}\n",
            (long long)written + 1, (unsigned long long)entered, (unsigned long long)lost,
            (unsigned long long)deep, (unsigned long long)fixed, domain_offset >= 0);
    pthread_mutex_unlock(&lock);
}

static int read_hooks(const char *name)
{
    char line[256];
    FILE *file = fopen(name, "r");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file)) {
        uint64_t address = 0;
        char *p = line, *end;
        for (; *p && *p != ' '; p++)
            address = address << 4 | (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
        if (*p != ' ' || !(end = strchr(p, '\n')))
            break;
        *end = 0;
        for (int kind = 0; kind < KINDS; kind++)
            if (!strcmp(p + 1, kind_name[kind]) && hook_count < 64) {
                hooks[hook_count].address = address;
                hooks[hook_count++].kind = kind;
                if (kind == DOM0)
                    dom0_at = address;
            }
    }
    fclose(file);
    return hook_count > 0 && dom0_at;
}

__attribute__((visibility("default")))
int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    const char *hook_file = NULL, *out_file = NULL;
    (void)info;
    for (int k = 0; k < argc; k++) {
        if (!strncmp(argv[k], "hooks=", 6))
            hook_file = argv[k] + 6;
        else if (!strncmp(argv[k], "out=", 4))
            out_file = argv[k] + 4;
        else if (!strcmp(argv[k], "loads=on"))
            count_loads = 1;
    }
    if (!hook_file || !out_file || !read_hooks(hook_file) || !(out = fopen(out_file, "w"))) {
        fprintf(stderr, "recorder: hooks or output file cannot be used\n");
        return 1;
    }
    buffer = g_byte_array_new();
    clock_gettime(CLOCK_MONOTONIC, &began);
    board = qemu_plugin_scoreboard_new(sizeof(Score));
    instructions = (Counter){ board, offsetof(Score, instructions) };
    loads = (Counter){ board, offsetof(Score, loads) };
    stores = (Counter){ board, offsetof(Score, stores) };
    depth = (Counter){ board, offsetof(Score, depth) };
    qemu_plugin_register_vcpu_init_cb(id, started, NULL);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated, NULL);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
