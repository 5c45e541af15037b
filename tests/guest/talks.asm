; A guest of 512 bytes that prints one line on its serial port, and then does nothing until it is destroyed.

        bits    16
        org     0x7c00

start:
        xor     ax, ax
        mov     ds, ax
        mov     ss, ax
        mov     sp, 0x7c00
        cld
        mov     si, line
        call    print
.halt:
        cli
        hlt
        jmp     .halt

%include "print.asm"

line:           db "this guest runs until it is stopped", 13, 10, 0

        times   510 - ($ - $$) db 0
        dw      0xaa55
