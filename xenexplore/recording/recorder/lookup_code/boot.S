/* From the multiboot entry (32 bits, paging off) to 64-bit code with 2 MiB pages. */
        .section .text.boot, "ax"
        .code32
        .globl _start
_start: jmp     1f
        .balign 4
header: .long   0x1badb002, 0x00010000, -(0x1badb002 + 0x00010000)
        .long   header, _start, 0, _end, 1f
1:      movl    $tables + 0x1003, tables
        movl    $0x83, tables + 0x1000 + 0
        movl    $tables + 0x2003, tables + 0x1000
        movl    $0, %ecx
2:      movl    %ecx, %eax
        shll    $21, %eax
        orl     $0x83, %eax
        movl    %eax, tables + 0x2000(, %ecx, 8)
        incl    %ecx
        cmpl    $512, %ecx
        jb      2b
        movl    $0x20, %eax
        movl    %eax, %cr4
        movl    $tables, %eax
        movl    %eax, %cr3
        movl    $0xc0000080, %ecx
        rdmsr
        orl     $0x100, %eax
        wrmsr
        movl    $0x80000001, %eax
        movl    %eax, %cr0
        lgdt    gdt_at
        ljmp    $8, $3f
        .code64
3:      movw    $16, %ax
        movw    %ax, %ss
        movq    $stack_end, %rsp
        call    main64
        movw    $0xf4, %dx
        outb    %al, %dx
4:      hlt
        jmp     4b
        .balign 8
gdt:    .quad   0, 0x00af9a000000ffff, 0x00cf92000000ffff
gdt_at: .word   23
        .long   gdt
        .section .bss
        .balign 4096
tables: .skip   0x3000
        .skip   4096
stack_end:
