# What a probe's VM boots: it writes its marker to the first serial port once a second, and halts in between.
# as --32 -o boot.o boot_sector.s && objcopy -O binary boot.o boot_sector.img && truncate -s 512K boot_sector.img
# SeaBIOS reads nothing from a disk of less than one cylinder.
        .code16
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $0x7c00, %sp
        sti                             # the clock's interrupt ends each hlt
        cld
        xorw    %dx, %dx                # COM1
        movw    $0x00e3, %ax            # 9600 baud, 8 bits, no parity
        int     $0x14
line:   movw    $0x7c00 + marker, %si
next:   lodsb
        testb   %al, %al
        jz      rest
        movb    $1, %ah                 # write a character
        xorw    %dx, %dx
        int     $0x14
        jmp     next
rest:   movw    $18, %cx                # ticks of a second
tick:   hlt
        loop    tick
        jmp     line
marker: .asciz  "stratoscope: the VM runs\r\n"
        .org    510
        .byte   0x55, 0xaa
