; A program of the Linux guest: writes blocks of random bytes to its standard output, with fsync(2) as often as it is told.
;
;   nasm -f bin write-blocks.asm -o write-blocks        a whole ELF file: x86-64, static
;   write-blocks OFFSET SIZE COUNT EVERY 1<> DISK       COUNT blocks of SIZE bytes from OFFSET on; fsync after EVERY ones
;
; SIZE is 1 MiB at most; all blocks have the same content. Exit status 1: something failed, or the disk is too small.

SYS_WRITE       equ 1
SYS_LSEEK       equ 8
SYS_EXIT        equ 60
SYS_FSYNC       equ 74
LARGEST         equ 1 << 20
ACCESS          equ 7           ; readable, writable, executable
BUFFER          equ LARGEST

%include "elf.asm"

start:
        lea     rbx, [rsp + 16]         ; the first argument
        call    number
        mov     rsi, rax
        mov     edi, 1
        xor     edx, edx                ; SEEK_SET
        mov     eax, SYS_LSEEK
        syscall
        test    rax, rax
        js      failed
        call    number
        mov     r12, rax                ; size
        call    number
        mov     r13, rax                ; blocks that are left
        call    number
        mov     r14, rax                ; blocks from one fsync to the next
        mov     r15, rax                ; blocks until the next one

        ; the buffer: what a xorshift generator makes
        mov     rdi, end
        mov     ecx, LARGEST / 8
        mov     rax, 0x9e3779b97f4a7c15
.fill:
        mov     rdx, rax
        shl     rdx, 13
        xor     rax, rdx
        mov     rdx, rax
        shr     rdx, 7
        xor     rax, rdx
        mov     rdx, rax
        shl     rdx, 17
        xor     rax, rdx
        stosq
        dec     ecx
        jnz     .fill

.block:
        mov     edi, 1
        mov     rsi, end
        mov     rdx, r12
        mov     eax, SYS_WRITE
        syscall
        cmp     rax, r12
        jne     failed
        dec     r15
        jnz     .written
        mov     r15, r14
        mov     edi, 1
        mov     eax, SYS_FSYNC
        syscall
        test    rax, rax
        jnz     failed
.written:
        dec     r13
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
