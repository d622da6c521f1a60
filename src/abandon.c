#include "base/leftovers.h"
#include "bnfold.h"

void bnfold_abandon(void)
{
    bnf_leftovers_remove();
}
