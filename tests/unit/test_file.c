#define _GNU_SOURCE
#include "base/file.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- faults: these take the place of the C library's own functions in this program */

static struct {
    bool no_tmpfile;   /* a file system without O_TMPFILE */
    int interruptions; /* this many writes are interrupted first */
    size_t longest;    /* no write takes more bytes than this; 0: any */
    int write_error;   /* every write fails with this */
    int fsync_error;   /* … every fsync */
    int rename_error;  /* … every rename */
    unsigned flushes;  /* calls of fsync */
} fault;

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;
    va_end(args);
    if (fault.no_tmpfile && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static ssize_t faulty(size_t *size)
{
    if (fault.interruptions > 0) {
        fault.interruptions--;
        errno = EINTR;
        return -1;
    }
    if (fault.write_error) {
        errno = fault.write_error;
        return -1;
    }
    if (fault.longest && *size > fault.longest)
        *size = fault.longest;
    return 0;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t size, off_t offset)
{
    return faulty(&size) < 0 ? -1 : syscall(SYS_pwrite64, descriptor, bytes, size, offset);
}

ssize_t write(int descriptor, const void *bytes, size_t size)
{
    return descriptor > 2 && faulty(&size) < 0 ? -1 : syscall(SYS_write, descriptor, bytes, size);
}

int fsync(int descriptor)
{
    fault.flushes++;
    errno = fault.fsync_error;
    return fault.fsync_error ? -1 : (int)syscall(SYS_fsync, descriptor);
}

int rename(const char *from, const char *to)
{
    errno = fault.rename_error;
    return fault.rename_error ? -1 : (int)syscall(SYS_rename, from, to);
}

/* ---- a fresh folder for each test */

static char folder[64];

static int setup(void **state)
{
    (void)state;
    memset(&fault, 0, sizeof fault);
    strcpy(folder, "/tmp/bnfold-file-XXXXXX");
    return mkdtemp(folder) && chmod(folder, 0777) == 0 && chdir(folder) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof command, "chmod -R u+w %s && rm -rf %s", folder, folder);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void put(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void assert_holds(const char *path, const char *text)
{
    struct bnf_map map;
    struct bnf_err err = {0};
    if (bnf_map_open(&map, path, &err))
        fail_msg("%s", err.text);
    assert_int_equal(map.size, strlen(text));
    assert_memory_equal(map.data, text, map.size);
    bnf_map_close(&map);
}

static size_t files_in(const char *path)
{
    size_t count = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(dir);
    return count;
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

/* Opens, writes, commits. */
static int replace(const char *path, const char *text, bool flush, struct bnf_err *err)
{
    struct bnf_out out;
    int status = bnf_out_open(&out, path, err);
    if (!status)
        status = bnf_out_write(&out, text, strlen(text), 0, err);
    if (!status)
        return bnf_out_commit(&out, flush, err);
    bnf_out_discard(&out);
    return status;
}

/* ---- mappings */

static void test_map(void **state)
{
    (void)state;
    put("m", "payload", 0600);
    put("empty", "", 0600);
    struct bnf_map map, empty;
    struct bnf_err err = {.status = 77};
    assert_int_equal(bnf_map_open(&map, "m", &err), BNF_OK);
    assert_int_equal(err.status, 77); /* untouched on success */
    assert_int_equal(map.size, 7);
    assert_memory_equal(map.data, "payload", 7);
    assert_false(map.is_stdin);
    assert_int_equal(link("m", "hard"), 0);
    assert_int_equal(symlink("hard", "soft"), 0);
    assert_true(bnf_map_is(&map, "m"));
    assert_true(bnf_map_is(&map, "hard"));
    assert_true(bnf_map_is(&map, "soft"));
    assert_false(bnf_map_is(&map, "empty"));
    assert_false(bnf_map_is(&map, "missing"));
    assert_int_equal(bnf_map_open(&empty, "empty", &err), BNF_OK);
    assert_int_equal(empty.size, 0);
    assert_non_null(empty.data);
    assert_true(bnf_map_is(&empty, "empty"));
    bnf_map_close(&empty);
    bnf_map_close(&map);
    assert_false(bnf_map_is(&map, "m"));
    bnf_map_close(&map); /* twice is fine */
}

static void test_map_refuses(void **state)
{
    (void)state;
    struct bnf_map map;
    struct bnf_err err = {0};
    assert_int_equal(bnf_map_open(&map, "missing", &err), BNF_EIO);
    assert_string_equal(err.text, "cannot open 'missing': No such file or directory");
    assert_int_equal(mkdir("dir", 0700), 0);
    assert_int_equal(bnf_map_open(&map, "dir", &err), BNF_EIO);
    assert_string_equal(err.text, "cannot read 'dir': not a regular file");
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(bnf_map_open(&map, "fifo", &err), BNF_EIO); /* without waiting for a writer */
    assert_string_equal(err.text, "cannot read 'fifo': not a regular file");
    assert_int_equal(bnf_map_open(&map, "", &err), BNF_EIO);
    bnf_map_close(&map);
}

static void test_stdin(void **state)
{
    (void)state;
    static char text[200000];
    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = (char)('a' + i * 7 % 26);
    int saved = dup(STDIN_FILENO);
    for (int interruptions = 0; interruptions < 2; interruptions++) {
        put("m", text, 0600);
        FILE *pipe = popen("cat m", "r");
        assert_non_null(pipe);
        dup2(fileno(pipe), STDIN_FILENO);
        fault.interruptions = interruptions;
        struct bnf_map map;
        struct bnf_err err = {0};
        if (bnf_map_open(&map, "-", &err))
            fail_msg("%s", err.text);
        dup2(saved, STDIN_FILENO);
        assert_int_equal(pclose(pipe), 0);
        assert_true(map.is_stdin);
        assert_int_equal(map.size, sizeof text - 1);
        assert_memory_equal(map.data, text, map.size);
        assert_false(bnf_map_is(&map, "m"));
        bnf_map_close(&map);
    }
    close(saved);
    assert_int_equal(files_in("."), 1);
}

/* ---- outputs */

static void test_new_file(void **state)
{
    (void)state;
    umask(027);
    struct bnf_out out;
    struct bnf_err err = {0};
    assert_int_equal(bnf_out_open(&out, "new", &err), BNF_OK);
    assert_int_equal(bnf_out_write(&out, "world", 5, 6, &err), BNF_OK);
    assert_int_equal(bnf_out_write(&out, "hello ", 6, 0, &err), BNF_OK);
    assert_int_equal(access("new", F_OK), -1); /* not before it is whole */
    assert_int_equal(bnf_out_commit(&out, false, &err), BNF_OK);
    umask(022);
    assert_holds("new", "hello world");
    assert_int_equal(mode_of("new"), 0640);
    assert_int_equal(files_in("."), 1);
    assert_int_equal(fault.flushes, 0);
    bnf_out_discard(&out); /* fine after commit */
    assert_holds("new", "hello world");
}

static void test_replace(void **state)
{
    (void)state;
    for (int no_tmpfile = 0; no_tmpfile < 2; no_tmpfile++) {
        fault.no_tmpfile = no_tmpfile;
        put("m", "old and longer", 0604);
        struct bnf_map before;
        struct bnf_err err = {0};
        assert_int_equal(bnf_map_open(&before, "m", &err), BNF_OK);
        umask(077);
        assert_int_equal(replace("m", "new", true, &err), BNF_OK);
        umask(022);
        assert_holds("m", "new");
        assert_int_equal(mode_of("m"), 0604);                   /* permissions pass on, past the umask */
        assert_memory_equal(before.data, "old and longer", 14); /* who had it open keeps the old one */
        assert_false(bnf_map_is(&before, "m"));
        bnf_map_close(&before);
        assert_int_equal(files_in("."), 1);
        assert_int_equal(fault.flushes, 2); /* file and folder */
        fault.flushes = 0;
    }
}

static void test_without_tmpfile(void **state)
{
    (void)state;
    fault.no_tmpfile = true;
    struct bnf_out out, second;
    struct bnf_err err = {0};
    assert_int_equal(bnf_out_open(&out, "m", &err), BNF_OK);
    assert_non_null(out.temporary);
    assert_int_equal(bnf_out_open(&second, "m", &err), BNF_OK); /* each has its own name */
    assert_int_equal(files_in("."), 2);
    assert_int_equal(bnf_out_write(&out, "one", 3, 0, &err), BNF_OK);
    assert_int_equal(bnf_out_write(&second, "two", 3, 0, &err), BNF_OK);
    assert_int_equal(bnf_out_commit(&out, false, &err), BNF_OK);
    assert_holds("m", "one");
    bnf_out_discard(&second);
    assert_holds("m", "one");
    assert_int_equal(files_in("."), 1);
}

static void test_other_folder(void **state)
{
    (void)state;
    struct bnf_err err = {0};
    assert_int_equal(mkdir("sub", 0755), 0);
    for (int no_tmpfile = 0; no_tmpfile < 2; no_tmpfile++) {
        fault.no_tmpfile = no_tmpfile;
        assert_int_equal(replace("sub/m", no_tmpfile ? "second" : "first", true, &err), BNF_OK);
        assert_holds("sub/m", no_tmpfile ? "second" : "first");
        assert_int_equal(files_in("sub"), 1);
        assert_int_equal(files_in("."), 1);
    }
    assert_int_equal(replace("missing/m", "x", false, &err), BNF_EIO);
    assert_string_equal(err.text, "cannot write 'missing/m': No such file or directory");
}

static void test_through_links(void **state)
{
    (void)state;
    struct bnf_err err = {0};
    assert_int_equal(mkdir("real", 0755), 0);
    put("real/m", "old", 0640);
    assert_int_equal(symlink("real/m", "link"), 0);
    assert_int_equal(replace("link", "new", false, &err), BNF_OK);
    struct stat st;
    assert_int_equal(lstat("link", &st), 0);
    assert_true(S_ISLNK(st.st_mode)); /* the file it names is replaced, not the link */
    assert_holds("real/m", "new");
    assert_int_equal(mode_of("real/m"), 0640);
    assert_int_equal(files_in("real"), 1);
    assert_int_equal(files_in("."), 2);
}

static void test_hard_links_part(void **state)
{
    (void)state;
    struct bnf_err err = {0};
    put("m", "old", 0600);
    assert_int_equal(link("m", "other"), 0);
    assert_int_equal(replace("m", "new", false, &err), BNF_OK);
    assert_holds("m", "new");
    assert_holds("other", "old");
}

static void test_out_refuses(void **state)
{
    (void)state;
    struct bnf_out out;
    struct bnf_err err = {0};
    assert_int_equal(mkdir("dir", 0755), 0);
    assert_int_equal(bnf_out_open(&out, "dir", &err), BNF_EIO);
    assert_string_equal(err.text, "cannot write 'dir': not a regular file");
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(bnf_out_open(&out, "fifo", &err), BNF_EIO);
    bnf_out_discard(&out);
    put("file", "", 0600);
    assert_int_equal(bnf_out_open(&out, "file/m", &err), BNF_EIO);
    assert_int_equal(files_in("."), 3);
}

static void test_read_only_folder(void **state)
{
    (void)state;
    struct bnf_out out;
    struct bnf_err err = {0};
    assert_int_equal(mkdir("locked", 0755), 0);
    put("locked/m", "old", 0644);
    assert_int_equal(chmod("locked", 0555), 0);
    bool root = geteuid() == 0; /* for whom permissions mean nothing */
    if (root)
        assert_int_equal(seteuid(65534), 0);
    for (int no_tmpfile = 0; no_tmpfile < 2; no_tmpfile++) {
        fault.no_tmpfile = no_tmpfile;
        assert_int_equal(bnf_out_open(&out, "locked/m", &err), BNF_EIO);
        assert_string_equal(err.text, "cannot write 'locked/m': Permission denied");
        bnf_out_discard(&out);
    }
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_holds("locked/m", "old");
    assert_int_equal(files_in("locked"), 1);
}

/* Whatever goes wrong, and when: the older file stays whole and nothing else is left. */
static void test_nothing_left(void **state)
{
    (void)state;
    for (int no_tmpfile = 0; no_tmpfile < 2; no_tmpfile++) {
        put("m", "old", 0600);
        struct bnf_out out;
        struct bnf_err err = {0};
        fault.no_tmpfile = no_tmpfile;
        assert_int_equal(bnf_out_open(&out, "m", &err), BNF_OK);
        assert_int_equal(bnf_out_write(&out, "new", 3, 0, &err), BNF_OK);
        bnf_out_discard(&out);
        fault.write_error = ENOSPC;
        assert_int_equal(replace("m", "new", false, &err), BNF_EIO);
        assert_non_null(strstr(err.text, "'m': No space left on device"));
        fault.write_error = 0;
        fault.fsync_error = EIO;
        assert_int_equal(replace("m", "new", true, &err), BNF_EIO);
        assert_non_null(strstr(err.text, "'m': Input/output error"));
        fault.fsync_error = 0;
        fault.rename_error = EPERM;
        assert_int_equal(replace("m", "new", false, &err), BNF_EIO);
        assert_non_null(strstr(err.text, "'m': Operation not permitted"));
        fault.rename_error = 0;
        assert_holds("m", "old");
        assert_int_equal(files_in("."), 1);
    }
}

/* What was a file or nothing at first is a folder when the output is ready. */
static void test_target_changes(void **state)
{
    (void)state;
    for (int no_tmpfile = 0; no_tmpfile < 2; no_tmpfile++) {
        struct bnf_out out;
        struct bnf_err err = {0};
        fault.no_tmpfile = no_tmpfile;
        assert_int_equal(bnf_out_open(&out, "m", &err), BNF_OK);
        assert_int_equal(mkdir("m", 0755), 0);
        assert_int_equal(bnf_out_commit(&out, false, &err), BNF_EIO);
        assert_int_equal(files_in("."), 1);
        assert_int_equal(rmdir("m"), 0);
        assert_int_equal(bnf_out_open(&out, "m", &err), BNF_OK);
        put("m", "came in between", 0600);
        assert_int_equal(bnf_out_commit(&out, false, &err), BNF_OK);
        assert_holds("m", "");
        assert_int_equal(unlink("m"), 0);
    }
}

static void test_slow_writes(void **state)
{
    (void)state;
    struct bnf_err err = {0};
    fault.longest = 3;
    fault.interruptions = 2;
    assert_int_equal(replace("m", "in many small pieces", false, &err), BNF_OK);
    assert_holds("m", "in many small pieces");
    int descriptor = open("stream", O_CREAT | O_WRONLY, 0600);
    fault.interruptions = 2;
    assert_int_equal(bnf_write_all(descriptor, "in order", 8, "stream", &err), BNF_OK);
    fault.write_error = EPIPE;
    assert_int_equal(bnf_write_all(descriptor, "x", 1, "standard output", &err), BNF_EIO);
    assert_string_equal(err.text, "cannot write 'standard output': Broken pipe");
    close(descriptor);
    assert_holds("stream", "in order");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    umask(022);
    const struct CMUnitTest tests[] = {
        TEST(test_map),
        TEST(test_map_refuses),
        TEST(test_stdin),
        TEST(test_new_file),
        TEST(test_replace),
        TEST(test_without_tmpfile),
        TEST(test_other_folder),
        TEST(test_through_links),
        TEST(test_hard_links_part),
        TEST(test_out_refuses),
        TEST(test_read_only_folder),
        TEST(test_nothing_left),
        TEST(test_target_changes),
        TEST(test_slow_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
