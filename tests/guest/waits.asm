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

        ; ACPI S5: port 0x604 on QEMU's q35 machine, 0xb004 on i440fx
        mov     ax, 0x2000
        mov     dx, 0x604
        out     dx, ax
        mov     dx, 0xb004
        out     dx, ax
.halt:
        hlt
        jmp     .halt

; the low half of the clock in DX
ticks:
        mov     ah, 0
        int     0x1a
        ret

        times   510 - ($ - $$) db 0
        dw      0xaa55
