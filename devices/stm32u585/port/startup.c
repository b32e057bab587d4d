/* SPDX-License-Identifier: Apache-2.0
 *
 * STM32U585: from reset to main.
 *
 * The core leaves reset on its 4 MHz oscillator, in the secure state when TrustZone is on: this image is for TZEN = 0.
 * Times in the profile hold for 160 MHz with the instruction cache on, which the board's own code sets up at the start
 * of main. Interrupts stay off.
 */
#include <stdint.h>

#include "fe_project.h"

#ifndef FE_STACK_BYTES
#error "FE_STACK_BYTES: the stack is declared, never guessed; take it from the plan's ledger"
#endif

int main(void);
void fe_reset_handler(void);
__attribute__((noinline)) void fe_halt(void);

/* Set by the link script. */
extern uint32_t fe_data_start[], fe_data_end[], fe_bss_start[], fe_bss_end[];
extern uint32_t fe_sram4_start[], fe_sram4_end[];
extern const uint32_t fe_data_load[];

/* A section of its own at the low end of a bank: an overflow leaves the image's memory instead of eating variables. */
__attribute__((section(".stack"), used, aligned(8))) uint8_t fe_stack[FE_STACK_BYTES];

typedef union {
    void *stack;
    void (*handler)(void);
} fe_vector;

/* ARMv8-M: initial stack pointer, reset, then the system exceptions. */
__attribute__((section(".vectors"), used)) const fe_vector fe_vectors[16] = {
    {.stack = fe_stack + FE_STACK_BYTES},
    {.handler = fe_reset_handler},
    {.handler = fe_halt}, /* NMI */
    {.handler = fe_halt}, /* HardFault */
    {.handler = fe_halt}, /* MemManage */
    {.handler = fe_halt}, /* BusFault */
    {.handler = fe_halt}, /* UsageFault */
    {.handler = fe_halt}, /* SecureFault */
    {0}, {0}, {0},
    {.handler = fe_halt}, /* SVCall */
    {.handler = fe_halt}, /* DebugMonitor */
    {0},
    {.handler = fe_halt}, /* PendSV */
    {.handler = fe_halt}, /* SysTick */
};

/* CPACR (ARMv8-M): full access to coprocessors 10 and 11, which are the FPU. Off at reset. */
static void enable_fpu(void)
{
#ifdef __ARM_FP
    volatile uint32_t *const cpacr = (volatile uint32_t *)0xE000ED88u;
    *cpacr |= 0xFu << 20;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
}

/* Nothing before enable_fpu may use an FPU register: the compiler knows of no call between. */
void fe_reset_handler(void)
{
    enable_fpu();
    const uint32_t *from = fe_data_load;
    for (volatile uint32_t *to = fe_data_start; to < fe_data_end; to++)
        *to = *from++;
    for (volatile uint32_t *to = fe_bss_start; to < fe_bss_end; to++)
        *to = 0;
#ifdef FE_ZERO_SRAM4
    for (volatile uint32_t *to = fe_sram4_start; to < fe_sram4_end; to++)
        *to = 0;
#endif
    (void)main();
    fe_halt();
}

/* Faults and the end of main stop here, where a debugger or an emulator finds them: one place, never inlined. */
__attribute__((noinline)) void fe_halt(void)
{
    for (;;)
        __asm__ volatile("");
}
