; A guest of 512 bytes that waits for TICKS of the BIOS clock (18.2 in a second), writes to a sector of its disk that has
; never been written to, and powers off.
;
;   nasm -f bin -DTICKS=1092 writes.asm -o writes.bin

        bits    16
        org     0x7c00

SECTOR_LBA      equ 4096        ; 2 MiB from the beginning: in a cluster of its own

start:
        cli
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x7c00
        sti
        push    dx              ; the boot drive in DL

        mov     ah, 0
        int     0x1a
        mov     bx, dx
.wait:
        hlt                     ; until the next interrupt, which is the clock's
        mov     ah, 0
        int     0x1a
        sub     dx, bx
        cmp     dx, TICKS
        jb      .wait

        pop     dx
        mov     ax, 0x4300      ; INT 13h extension: write sectors from the address packet at DS:SI
        mov     si, packet
        int     0x13

%include "power-off.asm"

        align   4
packet:
        db      16, 0           ; size of the packet, reserved
        dw      1               ; sectors
        dw      start, 0        ; offset, segment: of this code
        dq      SECTOR_LBA

        times   510 - ($ - $$) db 0
        dw      0xaa55
