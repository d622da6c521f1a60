#include "graph/shapes_slice.h"

#include <stdbool.h>

static int64_t clamped(int64_t number, int64_t least, int64_t most)
{
    return number < least ? least : number > most ? most : number;
}

struct bnf_taken bnf_slice_taken(int64_t extent, int64_t start, int64_t end, int64_t step)
{
    struct bnf_taken taken = {.step = 1};
    if (extent <= 0)
        return taken;
    bool back = step < 0;
    int64_t most = back ? extent - 1 : extent;
    start = clamped(start < 0 ? start + extent : start, 0, most);
    end = clamped(end < 0 ? end + extent : end, back ? -1 : 0, most);
    int64_t span = back ? start - end : end - start;
    if (span <= 0)
        return taken;
    /* The smallest step has no positive counterpart among int64_t. */
    uint64_t stride = back ? 0 - (uint64_t)step : (uint64_t)step;
    taken.first = start;
    taken.count = (int64_t)(((uint64_t)span - 1) / stride) + 1;
    if (taken.count > 1)
        taken.step = step;
    return taken;
}
