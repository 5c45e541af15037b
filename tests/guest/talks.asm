; A guest of 512 bytes that prints one line on its serial port, and then does nothing until it is destroyed.

        bits    16
        org     0x7c00

COM1            equ 0x3f8

start:
        xor     ax, ax
        mov     ds, ax
        mov     si, line
        cld
.next:
        lodsb
        test    al, al
        jz      .halt
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
.halt:
        cli
        hlt
        jmp     .halt

line:           db "this guest runs until it is stopped", 13, 10, 0

        times   510 - ($ - $$) db 0
        dw      0xaa55
