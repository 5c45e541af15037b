; A guest of 512 bytes that reads the first MEBIBYTES of its disk once, as a system that boots reads its files, says so
; on the serial port, and powers off.
;
;   nasm -f bin -DMEBIBYTES=32 reads.asm -o reads.bin

        bits    16
        org     0x7c00

SECTORS         equ 64          ; of one request; the BIOS takes 127 at most
BUFFER          equ 0x1000      ; segment of free memory

start:
        cli
        xor     ax, ax
        mov     ds, ax
        mov     ss, ax
        mov     sp, 0x7c00
        sti
        cld

        mov     cx, MEBIBYTES * 2048 / SECTORS
.next:
        push    cx
        mov     ah, 0x42        ; INT 13h extension: read sectors to the address packet at DS:SI; the boot drive is in DL
        mov     si, packet
        int     0x13
        pop     cx
        mov     si, failed
        jc      .report
        add     word [lba], SECTORS
        adc     word [lba + 2], 0
        loop    .next
        mov     si, done
.report:
        call    print

%include "power-off.asm"

%include "print.asm"

done:           db "everything read, powering off", 13, 10, 0
failed:         db "DISK READ FAILED, powering off", 13, 10, 0

        align   4
packet:
        db      16, 0           ; size of the packet, reserved
        dw      SECTORS
        dw      0, BUFFER       ; offset, segment
lba:    dq      0

        times   510 - ($ - $$) db 0
        dw      0xaa55
