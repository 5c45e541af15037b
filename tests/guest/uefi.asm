; A guest of 1 KiB that boots by UEFI: says hello on the serial port, sets a variable of the firmware's, powers off.
;
;   nasm -f bin uefi.asm -o BOOTX64.EFI
;
; A PE32+ application (UEFI specification, section 2.1.1; Microsoft's "PE Format"). The firmware loads it at any address,
; and calls start with the system table in RDX.

        bits    64
        default rel

COM1                    equ 0x3f8
RUNTIME_SERVICES        equ 88          ; of the system table (section 4.3)
SET_VARIABLE            equ 88          ; of the runtime services (section 4.5)
RESET_SYSTEM            equ 104
ATTRIBUTES              equ 3           ; of the variable: non-volatile, for boot services
SHUTDOWN                equ 2           ; EfiResetShutdown
PAGE                    equ 0x1000

headers:
        dw      "MZ"
        times   0x3c - ($ - headers) db 0
        dd      pe - headers
pe:
        dd      "PE"
        dw      0x8664          ; x86-64
        dw      1               ; sections
        dd      0, 0, 0         ; time, symbols
        dw      optional_end - optional
        dw      0x22            ; executable, for addresses above 2 GiB, too
optional:
        dw      0x20b           ; PE32+
        dw      0               ; the linker's version
        dd      code_end - code
        dd      0, 0            ; no data
        dd      PAGE            ; address of start
        dd      PAGE            ; address of the code
        dq      0               ; no wish for an address
        dd      PAGE, 512       ; alignments: in memory, in the file
        dw      0, 0, 0, 0, 0, 0
        dd      0
        dd      2 * PAGE        ; size in memory
        dd      code - headers
        dd      0               ; checksum
        dw      10              ; an EFI application
        dw      0
        dq      0, 0, 0, 0      ; stack and heap
        dd      0
        dd      6               ; directories, all empty: nothing has to be relocated
        times   6 dq 0
optional_end:
        db      ".text", 0, 0, 0
        dd      code_end - code
        dd      PAGE
        dd      code_end - code
        dd      code - headers
        dd      0, 0, 0
        dd      0x60000020      ; code, to be executed and read
        times   512 - ($ - headers) db 0

code:
start:
        sub     rsp, 0x28       ; room for four arguments and the fifth; keeps the stack aligned to 16
        mov     rbx, [rdx + RUNTIME_SERVICES]
        lea     rsi, [hello]
        call    print

        lea     rcx, [name]
        lea     rdx, [vendor]
        mov     r8d, ATTRIBUTES
        mov     r9d, hello_end - hello
        lea     rax, [hello]
        mov     [rsp + 0x20], rax
        call    [rbx + SET_VARIABLE]
        lea     rsi, [done]
        test    rax, rax
        jz      .report
        lea     rsi, [failed]
.report:
        call    print

        mov     ecx, SHUTDOWN
        xor     edx, edx
        xor     r8d, r8d
        xor     r9d, r9d
        call    [rbx + RESET_SYSTEM]
.halt:
        hlt
        jmp     .halt

; print the zero-terminated text at RSI on the serial port
print:
        lodsb
        test    al, al
        jz      .end
        mov     bpl, al
        mov     dx, COM1 + 5    ; line status; bit 5: the transmitter is empty
.wait:
        in      al, dx
        test    al, 0x20
        jz      .wait
        mov     dx, COM1
        mov     al, bpl
        out     dx, al
        jmp     print
.end:
        ret

hello:          db 13, 10, "hello from the UEFI guest", 13, 10, 0
hello_end:
done:           db "variable set, powering off", 13, 10, 0
failed:         db "VARIABLE NOT SET, powering off", 13, 10, 0
name:           dw __utf16__("CondorKvmStage"), 0
vendor:         dd 0x4e6ad0f1   ; a GUID of its own
                dw 0x6f5b, 0x4c0e
                db 0x9a, 0x3d, 0x51, 0x70, 0x21, 0x8c, 0x64, 0xe2

        times   1024 - ($ - headers) db 0
code_end:
