; A program of a hostile job, in the guest and on the node: makes a socket in the file system, as bind(2) would.
;
;   nasm -f bin make-socket.asm -o make-socket          a whole ELF file: x86-64, static
;   make-socket PATH                                    exit status 1: it failed

        bits    64
        org     0x400000

SYS_EXIT        equ 60
SYS_MKNOD       equ 133
S_IFSOCK        equ 0xc000

header: db      0x7f, "ELF", 2, 1, 1
        times   9 db 0
        dw      2, 62                   ; an executable, for x86-64
        dd      1
        dq      start, program - $$, 0
        dd      0
        dw      program - header, code - program, 1, 0, 0, 0
program:
        dd      1, 5                    ; PT_LOAD; readable, executable
        dq      0, $$, $$, end - $$, end - $$, 0x1000
code:

start:
        mov     rdi, [rsp + 16]         ; the first argument
        mov     esi, S_IFSOCK | 0o777
        xor     edx, edx
        mov     eax, SYS_MKNOD
        syscall
        xor     edi, edi
        test    rax, rax
        setne   dil
        mov     eax, SYS_EXIT
        syscall
end:
