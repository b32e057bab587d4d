/* SPDX-License-Identifier: Apache-2.0
 *
 * ESP32-C3: from reset to main, of a bare image for the emulated core.
 *
 * It proves what the engine computes on RV32IMC. It is no image to flash: a real ESP32-C3 starts in its ROM, maps the
 * flash page by page through its cache, and its firmware is an application of ESP-IDF, of which this project is a
 * component. Code and constants lie together on the instruction bus here. Interrupts stay off.
 */
#include <stdint.h>

#ifndef FE_STACK_BYTES
#error "FE_STACK_BYTES: the stack is declared, never guessed; take it from the plan's ledger"
#endif

int main(void);
void fe_reset_handler(void);
void fe_begin_main(void);
__attribute__((noinline)) void fe_halt(void);

/* Set by the link script. */
extern uint32_t fe_data_start[], fe_data_end[], fe_bss_start[], fe_bss_end[];
extern const uint32_t fe_data_load[];

/* A section of its own at the low end of RAM: an overflow leaves the image's memory instead of eating variables. */
__attribute__((section(".stack"), used, aligned(16))) uint8_t fe_stack[FE_STACK_BYTES];

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

/* No stack yet. What traps goes to fe_halt: mtvec takes a multiple of four. */
__attribute__((naked, section(".vectors"), used)) void fe_reset_handler(void)
{
    __asm__ volatile("la sp, fe_stack + " TEXT(FE_STACK_BYTES) "\n\t"
                     "la t0, fe_halt\n\t"
                     "csrw mtvec, t0\n\t"
                     "j fe_begin_main");
}

__attribute__((used)) void fe_begin_main(void)
{
    const uint32_t *from = fe_data_load;
    for (volatile uint32_t *to = fe_data_start; to < fe_data_end; to++)
        *to = *from++;
    for (volatile uint32_t *to = fe_bss_start; to < fe_bss_end; to++)
        *to = 0;
    (void)main();
    fe_halt();
}

/* Faults and the end of main stop here, where a debugger or an emulator finds them: one place, never inlined. */
__attribute__((noinline, aligned(4))) void fe_halt(void)
{
    for (;;)
        __asm__ volatile("");
}
