; A program of the Linux guest: reads blocks at random places of its standard input.
;
;   nasm -f bin read-blocks.asm -o read-blocks          a whole ELF file: x86-64, static
;   read-blocks OFFSET SIZE COUNT BLOCKS < DISK         COUNT blocks of SIZE bytes, each one of the BLOCKS from OFFSET on
;
; SIZE is 1 MiB at most. The places are the same each time. Exit status 1: something failed, or the disk is too small.

SYS_PREAD64     equ 17
SYS_EXIT        equ 60
LARGEST         equ 1 << 20
ACCESS          equ 7           ; readable, writable, executable
BUFFER          equ LARGEST

%include "elf.asm"

start:
        lea     rbx, [rsp + 16]         ; the first argument
        call    number
        mov     r12, rax                ; offset
        call    number
        mov     r13, rax                ; size
        call    number
        mov     r14, rax                ; blocks that are left
        call    number
        mov     r15, rax                ; blocks to choose from
        mov     rbp, 0x9e3779b97f4a7c15 ; the state of a xorshift generator

.block:
        mov     rdx, rbp
        shl     rdx, 13
        xor     rbp, rdx
        mov     rdx, rbp
        shr     rdx, 7
        xor     rbp, rdx
        mov     rdx, rbp
        shl     rdx, 17
        xor     rbp, rdx

        mov     rax, rbp
        xor     edx, edx
        div     r15                     ; which block: the remainder
        mov     rax, rdx
        mul     r13
        lea     r10, [rax + r12]
        xor     edi, edi
        mov     rsi, end
        mov     rdx, r13
        mov     eax, SYS_PREAD64
        syscall
        cmp     rax, r13
        jne     failed
        dec     r14
        jnz     .block
        xor     edi, edi
        jmp     exit
failed:
        mov     edi, 1
exit:
        mov     eax, SYS_EXIT
        syscall

%include "number.asm"
        align   8
end:
