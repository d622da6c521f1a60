#include "fold/fold.h"

static const struct {
    const char *name, *meaning, *hint;
} texts[BNF_REASON_COUNT] = {
    [BNF_REASON_NONE] = {"", "", ""},
#define BNF_REASON(name, printed, meaning, hint) [BNF_REASON_##name] = {printed, meaning, hint},
#include "fold/reason.def"
#undef BNF_REASON
};

const char *bnf_reason_name(enum bnf_reason reason)
{
    return texts[reason].name;
}

const char *bnf_reason_meaning(enum bnf_reason reason)
{
    return texts[reason].meaning;
}

const char *bnf_reason_hint(enum bnf_reason reason)
{
    return texts[reason].hint;
}
