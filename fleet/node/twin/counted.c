/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin of QEMU: instructions executed so far, by the address of their block, and whether the core sleeps, in a file
 * that is mapped into memory (qemu.py reads it). Neither QEMU's own header nor
 * those of a C library are everywhere: these are the prototypes of version 1 of its interface (docs/devel/tcg-plugins)
 * and of POSIX that are used, and Linux's numbers.
 */
#include <stddef.h>
#include <stdint.h>

enum { O_RDWR = 2, PROT_READ = 1, PROT_WRITE = 2, MAP_SHARED = 1 };
enum { BLOCKS = 1 << 16 };

int open(const char *path, int flags, ...);
int close(int file);
void *mmap(void *at, size_t size, int protection, int flags, int file, long offset);

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
typedef struct qemu_info qemu_info_t;
typedef void (*translated)(qemu_plugin_id_t id, struct qemu_plugin_tb *block);
typedef void (*of_core)(qemu_plugin_id_t id, unsigned int core);

enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

__attribute__((visibility("default"))) extern int qemu_plugin_version;
__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int count,
                                                               char **arguments);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, translated callback);
void qemu_plugin_register_vcpu_idle_cb(qemu_plugin_id_t id, of_core callback);
void qemu_plugin_register_vcpu_resume_cb(qemu_plugin_id_t id, of_core callback);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, enum qemu_plugin_op op, void *to,
                                              uint64_t value);

int qemu_plugin_version = 1;

/* Instructions of blocks that begin at address; a slot without any address is free. */
typedef struct {
    uint64_t address, instructions;
} counted_block;

typedef struct {
    uint64_t total, asleep;
    counted_block blocks[BLOCKS];
} counted;

static counted *shared;

/* The slot of an address; NULL when all are taken: its instructions are in the total alone. */
static counted_block *slot_of(uint64_t address)
{
    uint32_t i = (uint32_t)(address >> 1) * UINT32_C(2654435761) >> 16;
    for (uint32_t n = 0; n < BLOCKS; n++, i++) {
        counted_block *slot = shared->blocks + i % BLOCKS;
        if (slot->address == address + 1 || slot->address == 0) {
            slot->address = address + 1;
            return slot;
        }
    }
    return NULL;
}

static void on_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    const uint64_t count = qemu_plugin_tb_n_insns(block);
    counted_block *slot = slot_of(qemu_plugin_tb_vaddr(block));
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, &shared->total, count);
    if (slot != NULL)
        qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, &slot->instructions, count);
}

static void on_idle(qemu_plugin_id_t id, unsigned int core)
{
    (void)id;
    (void)core;
    shared->asleep = 1;
}

static void on_resume(qemu_plugin_id_t id, unsigned int core)
{
    (void)id;
    (void)core;
    shared->asleep = 0;
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int count, char **arguments)
{
    const char *path = count == 1 ? arguments[0] : "=";
    int file;
    (void)info;
    while (*path != '=' && *path != 0)
        path++;
    file = open(path + (*path == '='), O_RDWR); /* count=PATH */
    if (file < 0)
        return 1;
    shared = mmap(0, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (shared == (void *)-1)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
    qemu_plugin_register_vcpu_idle_cb(id, on_idle);
    qemu_plugin_register_vcpu_resume_cb(id, on_resume);
    return 0;
}
