; For the boot sectors beside it: print the zero-terminated text at DS:SI on the serial port. Keeps DX, whose low half is
; the boot drive. The direction flag must be clear.

COM1            equ 0x3f8

print:
        push    dx
.next:
        lodsb
        test    al, al
        jz      .done
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
.done:
        pop     dx
        ret
