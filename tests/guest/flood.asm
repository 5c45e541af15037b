; A guest that prints on its serial port without end: a boot sector.

        bits    16
        org     0x7c00

start:
        xor     ax, ax
        mov     ds, ax
        mov     ss, ax
        mov     sp, 0x7c00
        cld
.again:
        mov     si, line
        call    print
        jmp     .again

%include "print.asm"

line:           db "the same line again, as long as the guest is allowed to run", 13, 10, 0

        times   510 - ($ - $$) db 0
        dw      0xaa55
