# A guest for gdb in 64-bit mode: counts in nested functions, and has a second processor count in real mode.
# Linked to 0x100000; the second processor's code is copied to 0x8000.

        .set    apic_icr_low, 0xFEE00300
        .set    apic_icr_high, 0xFEE00310
        .set    ap_base, 0x8000

        .text
        .code64
        .globl  _start
        .type   _start, @function
_start:
        .cfi_startproc
        .cfi_undefined rip
        lea     stack_top(%rip), %rsp
        mov     %cr4, %rax
        or      $0x600, %eax
        mov     %rax, %cr4
        lea     ap_image(%rip), %rsi
        mov     $ap_base, %edi
        mov     $ap_image_end - ap_image, %ecx
        rep movsb
        mov     $apic_icr_high, %edi
        movl    $0x01000000, (%rdi)
        mov     $apic_icr_low, %edi
        movl    $0x4500, (%rdi)
        movl    $0x4608, (%rdi)
again:
        call    outer
        jmp     again
        .cfi_endproc
        .size   _start, . - _start

        .globl  outer
        .type   outer, @function
outer:
        .cfi_startproc
        push    %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset rbp, -16
        mov     %rsp, %rbp
        .cfi_def_cfa_register rbp
        mov     rounds(%rip), %rdi
        call    inner
        incq    rounds(%rip)
        pop     %rbp
        .cfi_def_cfa rsp, 8
        ret
        .cfi_endproc
        .size   outer, . - outer

        .globl  inner
        .type   inner, @function
inner:
        .cfi_startproc
        cvtsi2sd %rdi, %xmm1
        add     %rdi, total(%rip)
        mov     total(%rip), %rax
        ret
        .cfi_endproc
        .size   inner, . - inner

# The second processor: 0800:0000 by its startup IPI, then segment 0.
ap_image:
        .code16
        ljmp    $0, $ap_base + (ap_continue - ap_image)
ap_continue:
        xor     %ax, %ax
        mov     %ax, %ds
ap_loop_image:
        incl    ap_base + 0x800
        jmp     ap_loop_image
ap_image_end:
        .globl  ap_loop
        .set    ap_loop, ap_base + (ap_loop_image - ap_image)

        .data
        .balign 8
        .globl  rounds, total
rounds: .quad   0
total:  .quad   0
        .balign 16
        .skip   4096
stack_top:
