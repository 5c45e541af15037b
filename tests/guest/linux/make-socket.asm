; A program of a hostile job, in the guest and on the node: makes a socket in the file system, as bind(2) would.
;
;   nasm -f bin make-socket.asm -o make-socket          a whole ELF file: x86-64, static
;   make-socket PATH                                    exit status 1: it failed

SYS_EXIT        equ 60
SYS_MKNOD       equ 133
S_IFSOCK        equ 0xc000
ACCESS          equ 5           ; readable, executable
BUFFER          equ 0

%include "elf.asm"

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
