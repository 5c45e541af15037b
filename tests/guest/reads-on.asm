; A guest of 512 bytes that reads a sector of its disk each second, always one that it has not read yet, a MiB behind the
; last, and says on its serial port how each read went. It runs until it is destroyed, or its disk ends.

        bits    16
        org     0x7c00

BUFFER          equ 0x8000      ; free memory above this code
STRIDE          equ 2048        ; sectors

start:
        cli
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x7c00
        sti
        cld

.again:
        add     dword [lba], STRIDE
        mov     word [sectors], 1       ; the BIOS has written here how many it has read: none if it could not
        mov     ah, 0x42        ; INT 13h extension: read sectors to the address packet at DS:SI
        mov     si, packet
        push    dx
        int     0x13
        pop     dx
        mov     si, done
        jnc     .report
        mov     si, failed
.report:
        call    print

        push    dx              ; the boot drive in DL
        mov     ah, 0
        int     0x1a            ; the low half of the BIOS' clock in DX
        mov     di, dx
.wait:
        hlt                     ; until the next interrupt, which is the clock's
        mov     ah, 0
        int     0x1a
        sub     dx, di
        cmp     dx, 18
        jb      .wait
        pop     dx
        jmp     .again

%include "print.asm"

done:           db "read", 13, 10, 0
failed:         db "READ FAILED", 13, 10, 0

        align   4
packet:
        db      16, 0           ; size of the packet, reserved
sectors:
        dw      1
        dw      BUFFER, 0       ; offset, segment
lba:
        dq      0

        times   510 - ($ - $$) db 0
        dw      0xaa55
