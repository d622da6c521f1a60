/* What the machine has to give. */
#ifndef BNF_BASE_MACHINE_H
#define BNF_BASE_MACHINE_H

#include <stddef.h>

/* Bytes of memory that this process may hope for: the machine's, or less where its container or a resource limit says
 * so. SIZE_MAX when nothing is known. */
size_t bnf_machine_memory(void);

#endif
