/* The same for the target whose inputs are two models behind the length of the first: one of them changes. */
#include "fuzz/mutate.h"

#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);

enum { head = 4 };

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    uint32_t first = 0;
    for (unsigned i = 0; size >= head && i < head; i++)
        first |= (uint32_t)data[i] << (8 * i);
    if (size < head || first > size - head || seed % 16 == 0)
        return LLVMFuzzerMutate(data, size, room);
    size_t mutated = mutate_model(data + head + first, size - head - first, room - head - first, seed);
    if (seed % 4 != 1)
        return mutated ? head + first + mutated : LLVMFuzzerMutate(data, size, room);
    /* Both change in the same way: the candidate becomes the reference with one change. */
    size_t length = mutated ? mutated : size - head - first;
    if (head + 2 * length > room)
        return LLVMFuzzerMutate(data, size, room);
    memmove(data + head, data + head + first, length);
    memcpy(data + head + length, data + head, length);
    for (unsigned i = 0; i < head; i++)
        data[i] = (uint8_t)(length >> (8 * i));
    mutated = mutate_model(data + head + length, length, room - head - length, seed + 1);
    return head + length + (mutated ? mutated : length);
}
