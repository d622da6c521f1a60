/* libFuzzer's hooks for targets whose inputs are models: mostly changes of the message tree, now and then of bytes. */
#include "fuzz/mutate.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    size_t mutated = seed % 16 ? mutate_model(data, size, room, seed) : 0;
    return mutated ? mutated : LLVMFuzzerMutate(data, size, room);
}
