; For the boot sectors beside it: power off by ACPI S5: port 0x604 on QEMU's q35 machine, 0xb004 on i440fx, which libvirt
; picks by default.

        mov     ax, 0x2000
        mov     dx, 0x604
        out     dx, ax
        mov     dx, 0xb004
        out     dx, ax
.halt:
        hlt
        jmp     .halt
