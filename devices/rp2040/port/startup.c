/* SPDX-License-Identifier: Apache-2.0
 *
 * RP2040, core 0: from reset to main.
 *
 * The boot ROM runs the second stage that stands in the 256 bytes before this image, which switches execution from the
 * QSPI flash on and comes here through the vector table. Link one (pico-sdk, boot2) in front for a real board. The core
 * is left on its ring oscillator; times in the profile hold for 133 MHz, which the board's own code sets up at the
 * start of main. Interrupts stay off, core 1 sleeps.
 */
#include <stdint.h>

#ifndef FE_STACK_BYTES
#error "FE_STACK_BYTES: the stack is declared, never guessed; take it from the plan's ledger"
#endif

int main(void);
void fe_reset_handler(void);
__attribute__((noinline)) void fe_halt(void);

/* Set by the link script. */
extern uint32_t fe_data_start[], fe_data_end[], fe_bss_start[], fe_bss_end[];
extern const uint32_t fe_data_load[];

/* A section of its own at the low end of RAM: an overflow leaves the image's memory instead of eating variables. */
__attribute__((section(".stack"), used, aligned(8))) uint8_t fe_stack[FE_STACK_BYTES];

typedef union {
    void *stack;
    void (*handler)(void);
} fe_vector;

/* ARMv6-M, B1.5.3: initial stack pointer, reset, then the system exceptions. */
__attribute__((section(".vectors"), used)) const fe_vector fe_vectors[16] = {
    {.stack = fe_stack + FE_STACK_BYTES},
    {.handler = fe_reset_handler},
    {.handler = fe_halt}, /* NMI */
    {.handler = fe_halt}, /* HardFault */
    {0}, {0}, {0}, {0}, {0}, {0}, {0},
    {.handler = fe_halt}, /* SVCall */
    {0}, {0},
    {.handler = fe_halt}, /* PendSV */
    {.handler = fe_halt}, /* SysTick */
};

void fe_reset_handler(void)
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
__attribute__((noinline)) void fe_halt(void)
{
    for (;;)
        __asm__ volatile("");
}
