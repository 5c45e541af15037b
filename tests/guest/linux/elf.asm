; A part of the programs of the Linux guest: the headers of a static ELF file, of what is between here and `end`. It
; begins at `start`. ACCESS: to its memory, as ELF has it; BUFFER: bytes behind `end`.

        bits    64
        org     0x400000

header: db      0x7f, "ELF", 2, 1, 1
        times   9 db 0
        dw      2, 62                   ; an executable, for x86-64
        dd      1
        dq      start, program - $$, 0
        dd      0
        dw      program - header, code - program, 1, 0, 0, 0
program:
        dd      1, ACCESS               ; PT_LOAD
        dq      0, $$, $$, end - $$, end - $$ + BUFFER, 0x1000
code:
