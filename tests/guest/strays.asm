; A guest of 512 bytes that runs code where there is no memory, which KVM cannot: QEMU reports an internal error.
;
;   nasm -f bin strays.asm -o strays.bin

        bits    16
        org     0x7c00

        cli
        xor     ax, ax
        mov     ds, ax
        lgdt    [table]
        mov     eax, cr0
        or      al, 1           ; protected mode
        mov     cr0, eax
        jmp     dword 8:0xd0000000

        align   8
segments:
        dq      0
        dq      0x00cf9a000000ffff ; code, all 4 GiB
table:
        dw      $ - segments - 1
        dd      segments

        times   510 - ($ - $$) db 0
        dw      0xaa55
