; A guest of 512 bytes that resets at once, like a kernel that crashes as soon as it starts.
;
;   nasm -f bin resets.asm -o resets.bin

        bits    16
        org     0x7c00

        mov     al, 0xfe        ; the keyboard controller's reset line
        out     0x64, al
.halt:
        hlt
        jmp     .halt

        times   510 - ($ - $$) db 0
        dw      0xaa55
