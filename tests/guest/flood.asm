; A guest that prints on its serial port without end: a boot sector.

        bits    16
        org     0x7c00

COM1            equ 0x3f8

start:
        xor     ax, ax
        mov     ds, ax
        mov     ss, ax
        mov     sp, 0x7c00
        cld
.again:
        mov     si, line
.next:
        lodsb
        test    al, al
        jz      .again
        mov     bl, al
        mov     dx, COM1 + 5    ; line status; bit 5: the transmitter is empty
.wait:
        in      al, dx
        test    al, 0x20
        jz      .wait
        mov     dx, COM1
        mov     al, bl
        out     dx, al
        jmp     .next

line:           db "the same line again, as long as the guest is allowed to run", 13, 10, 0

        times   510 - ($ - $$) db 0
        dw      0xaa55
