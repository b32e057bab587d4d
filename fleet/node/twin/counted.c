/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin of QEMU: instructions executed so far, in a file that is mapped into memory. Neither QEMU's own header nor
 * those of a C library are everywhere: these are the prototypes of version 1 of its interface (docs/devel/tcg-plugins)
 * and of POSIX that are used, and Linux's numbers.
 */
#include <stddef.h>
#include <stdint.h>

enum { O_RDWR = 2, PROT_READ = 1, PROT_WRITE = 2, MAP_SHARED = 1 };

int open(const char *path, int flags, ...);
int close(int file);
void *mmap(void *at, size_t size, int protection, int flags, int file, long offset);

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
typedef struct qemu_info qemu_info_t;
typedef void (*translated)(qemu_plugin_id_t id, struct qemu_plugin_tb *block);

enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

__attribute__((visibility("default"))) extern int qemu_plugin_version;
__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int count,
                                                               char **arguments);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, translated callback);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, enum qemu_plugin_op op, void *to,
                                              uint64_t value);

int qemu_plugin_version = 1;

static uint64_t *total;

static void on_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, total, qemu_plugin_tb_n_insns(block));
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
    total = mmap(0, sizeof *total, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (total == (void *)-1)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
    return 0;
}
