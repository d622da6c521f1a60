/* Any text as a model: what does not begin with a brace gets one, so that the JSON loader sees all of it. */
#include "fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool has_brace = size && data[0] == '{';
    uint8_t *text = bnf_alloc(size + 1, 1);
    if (!text)
        return 0;
    text[0] = '{';
    if (size)
        memcpy(text + !has_brace, data, size);
    fuzz_model(text, size + !has_brace);
    bnf_free(text);
    return 0;
}
