#define _POSIX_C_SOURCE 200809L
#include "check/spare.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Models often lie next to their data: only what may be read as such counts. */
static bool is_data(const char *name)
{
    const char *end = strrchr(name, '.');
    return end && (strcmp(end, ".npz") == 0 || strcmp(end, ".npy") == 0 || strcmp(end, ".pb") == 0);
}

/* Is one of the folder's data this file? Looks into its folders test_data_set_N, too. Takes the descriptor over. */
static bool holds(int folder, const struct stat *file, bool has_sets)
{
    static const char set[] = "test_data_set_";
    DIR *directory = folder < 0 ? NULL : fdopendir(folder);
    bool found = false;
    struct stat info;
    if (!directory && folder >= 0)
        close(folder);
    for (struct dirent *entry; !found && directory && (entry = readdir(directory));) {
        if (has_sets && strncmp(entry->d_name, set, sizeof set - 1) == 0)
            found = holds(openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), file, false);
        else if (is_data(entry->d_name))
            found = fstatat(folder, entry->d_name, &info, 0) == 0 && same_file(&info, file);
    }
    if (directory)
        closedir(directory);
    return found;
}

int bnf_spare_data(const char *output, const char *data, struct bnf_err *err)
{
    struct stat file, info;
    if (!data || strcmp(output, "-") == 0 || stat(output, &file) != 0 || stat(data, &info) != 0)
        return BNF_OK;
    bool used = S_ISDIR(info.st_mode) ? holds(open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC), &file, true)
                                      : same_file(&info, &file);
    return used ? bnf_fail(err, BNF_EUSAGE, "'%.400s' is an input, given by --data", output) : BNF_OK;
}
