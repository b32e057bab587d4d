/* Fragments as somebody might send them, for libFuzzer: fragments u16, size u8, then numbers u16 and contents. The store
 * has exactly the places that the header says, and none may be written twice. */
#include <stdlib.h>
#include <string.h>

#include "fe_parity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    uint8_t *bytes, *written;
    uint32_t places, size;
} places;

static int read_place(void *context, uint32_t place, uint8_t *to, uint32_t count)
{
    const places *p = context;
    if (place >= p->places || count != p->size || !p->written[place])
        abort();
    memcpy(to, p->bytes + (size_t)place * p->size, count);
    return 0;
}

static int write_place(void *context, uint32_t place, const uint8_t *from, uint32_t count)
{
    places *p = context;
    if (place >= p->places || count != p->size || p->written[place])
        abort();
    p->written[place] = 1;
    memcpy(p->bytes + (size_t)place * p->size, from, count);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    const uint16_t fragments = (uint16_t)(data[0] | data[1] << 8);
    places p = {0, 0, (uint32_t)fragments + FE_PARITY_ROOM, data[2]};
    fe_parity *session = malloc(sizeof *session);
    p.bytes = malloc((size_t)p.places * p.size + 1), p.written = calloc(p.places, 1);
    if (session == 0 || p.bytes == 0 || p.written == 0)
        abort();
    const fe_parity_store store = {&p, read_place, write_place};
    fe_parity_status status = fe_parity_start(session, &store, fragments, data[2]);
    for (size_t at = 3; status == FE_PARITY_MORE && at + 2 + p.size <= size; at += 2 + p.size) {
        uint8_t *content = malloc(p.size);
        memcpy(content, data + at + 2, p.size);
        status = fe_parity_take(session, (uint32_t)(data[at] | data[at + 1] << 8), content);
        if (status == FE_PARITY_REFUSED)
            status = FE_PARITY_MORE;
        free(content);
    }
    if (status == FE_PARITY_DONE)
        for (uint32_t i = 0; i < fragments; i++)
            if (!p.written[i])
                abort();
    free(session), free(p.bytes), free(p.written);
    return 0;
}
