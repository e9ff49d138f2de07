/* From the PVH entry (32 bits, no paging) to 64-bit code: 2 MiB pages, from 4 MiB 4 KiB ones. */
        .section .note.xen, "a", @note
        .balign 4
        .long   4, 4, 18                        /* XEN_ELFNOTE_PHYS32_ENTRY */
        .asciz  "Xen"
        .long   _start
        .section .text.boot, "ax"
        .code32
        .globl  _start
_start: cld
        movl    $tables + 0x1003, tables
        movl    $tables + 0x2003, tables + 0x1000
        xorl    %ecx, %ecx
1:      movl    %ecx, %eax
        shll    $21, %eax
        orl     $0x83, %eax
        movl    %eax, tables + 0x2000(, %ecx, 8)
        movl    %ecx, %eax
        shll    $12, %eax
        orl     $0x400003, %eax
        movl    %eax, tables + 0x3000(, %ecx, 8)
        incl    %ecx
        cmpl    $512, %ecx
        jb      1b
        movl    $tables + 0x3003, tables + 0x2010
        movl    $0x20, %eax                     /* CR4.PAE */
        movl    %eax, %cr4
        movl    $tables, %eax
        movl    %eax, %cr3
        movl    $0xc0000080, %ecx               /* EFER.LME */
        rdmsr
        orl     $0x100, %eax
        wrmsr
        movl    $0x80010001, %eax               /* CR0.PG, WP, PE */
        movl    %eax, %cr0
        lgdt    gdt_at
        ljmp    $8, $2f
        .code64
2:      movw    $16, %ax
        movw    %ax, %ss
        movq    $stack_end, %rsp
        call    main64
3:      pause
        jmp     3b
        .balign 8
gdt:    .quad   0, 0x00af9a000000ffff, 0x00cf92000000ffff
gdt_at: .word   23
        .long   gdt
        .section .bss
        .balign 4096
tables: .skip   0x4000
        .skip   4096
stack_end:
