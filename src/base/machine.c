#define _DEFAULT_SOURCE
#include "base/machine.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static size_t least(size_t a, unsigned long long b)
{
    return b < a ? (size_t)b : a;
}

/* The limit of the container in whose view of the control groups we are; "max" or no such file: none. */
static size_t container_limit(void)
{
    FILE *file = fopen("/sys/fs/cgroup/memory.max", "re");
    unsigned long long limit;
    size_t found = SIZE_MAX;
    if (file && fscanf(file, "%19llu", &limit) == 1 && limit > 0)
        found = least(found, limit);
    if (file)
        fclose(file);
    return found;
}

size_t bnf_machine_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t memory = container_limit();
    if (pages > 0 && page > 0)
        memory = least(memory, (unsigned long long)pages * (unsigned long long)page);
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        memory = least(memory, limit.rlim_cur);
    return memory;
}
