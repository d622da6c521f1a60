/* Changes models as models: what comes out is still a ModelProto, so that more of it gets past the loader. */
#ifndef BNF_TESTS_FUZZ_MUTATE_H
#define BNF_TESTS_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* Rewrites the model in data (size bytes, room for `room`) by a few changes that the seed chooses. The new size, or 0
 * when these bytes are no model, or it has grown too large. */
size_t mutate_model(uint8_t *data, size_t size, size_t room, uint64_t seed);

#endif
