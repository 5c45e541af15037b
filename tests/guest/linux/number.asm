; A part of the programs of the Linux guest.

; Return in RAX the decimal number that the argument at [RBX] is; RBX then points to the next argument
number:
        mov     rsi, [rbx]
        add     rbx, 8
        xor     eax, eax
.digit:
        movzx   edx, byte [rsi]
        sub     edx, "0"
        cmp     edx, 9
        ja      .done
        imul    rax, rax, 10
        add     rax, rdx
        inc     rsi
        jmp     .digit
.done:
        ret
