; A guest of 512 bytes that does nothing for TICKS of the BIOS clock (18.2 in a second, at most 65535), then powers off.
;
;   nasm -f bin -DTICKS=1092 waits.asm -o waits.bin

        bits    16
        org     0x7c00

start:
        cli
        xor     ax, ax
        mov     ds, ax
        mov     ss, ax
        mov     sp, 0x7c00
        sti

        call    ticks
        mov     bx, dx
.wait:
        hlt                     ; until the next interrupt, which is the clock's
        call    ticks
        sub     dx, bx
        cmp     dx, TICKS
        jb      .wait

%include "power-off.asm"

; the low half of the clock in DX
ticks:
        mov     ah, 0
        int     0x1a
        ret

        times   510 - ($ - $$) db 0
        dw      0xaa55
