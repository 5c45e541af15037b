; A guest of 512 bytes: says hello on the serial port, writes a known pattern to a sector of its disk, powers off.
;
;   nasm -f bin guest.asm -o guest.bin          the boot sector, which is also the first sector of the base image
;   nasm -f bin -DDRIVE=0x81 guest.asm …        one that writes to the second disk
;
; It is loaded by the BIOS at 0000:7C00 in 16-bit real mode, with the boot drive in DL.
; The sector it writes and the text it writes there are also in tools/testnode/guest.py: a test compares the two.

        bits    16
        org     0x7c00

PATTERN_LBA     equ 8           ; behind the boot sector, within the smallest image that the tests make
PATTERN_BUFFER  equ 0x8000      ; 512 bytes of free memory above this code

start:
        cli
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x7c00
        sti
        cld

        mov     si, hello
        call    print

        ; the buffer: the pattern's text, padded with zeros to a sector
        mov     di, PATTERN_BUFFER
        mov     cx, 256
        xor     ax, ax
        rep     stosw
        mov     si, pattern
        mov     di, PATTERN_BUFFER
        mov     cx, pattern_end - pattern
        rep     movsb

        mov     ah, 0x43        ; INT 13h extension: write sectors from the address packet at DS:SI
        mov     al, 0
        mov     si, packet
%ifdef DRIVE
        mov     dl, DRIVE       ; as the BIOS counts; else it is the disk that this was loaded from
%endif
        int     0x13
        mov     si, written
        jnc     .report
        mov     si, failed
.report:
        call    print

%include "power-off.asm"

%include "print.asm"

hello:          db "hello from the guest", 13, 10, 0
written:        db "pattern written, powering off", 13, 10, 0
failed:         db "DISK WRITE FAILED, powering off", 13, 10, 0
pattern:        db "condor-kvm-stage: this sector was written by the guest"
pattern_end:

        align   4
packet:
        db      16, 0           ; size of the packet, reserved
        dw      1               ; sectors
        dw      PATTERN_BUFFER, 0       ; offset, segment
        dq      PATTERN_LBA

        times   510 - ($ - $$) db 0
        dw      0xaa55
