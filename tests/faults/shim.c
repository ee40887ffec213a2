/* Makes the N-th file operation below one folder fail, as a bad disk, a full disk or a kill would.
 *
 * Loaded with LD_PRELOAD it stands before libc's calls and does nothing until `fault_arm`. It counts calls of
 * each kind on paths and descriptors below the folder alone, in all threads of the process. Calls that libc
 * makes inside itself (fwrite, opendir) do not pass here.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { READ, WRITE, FLUSH, RENAME, REMOVE, CHANGE }; /* CHANGE counts every call that is not a READ */
enum way { COUNT, BROKEN, FULL, KILLED };

static char folder[PATH_MAX];
static int armed, way, faulty_kind, happened;
static __thread int is_first; /* whether this thread's fault is the one asked for, and not a later one of a full disk */
static long faulty_call, counts[CHANGE + 1];

/* From now on the `call`-th call (from 1) of `kind` fails in the way asked for. */
void fault_arm(const char *below, int kind, int how, long call)
{
    snprintf(folder, sizeof folder, "%s/", below);
    faulty_kind = kind, way = how, faulty_call = call, armed = 1;
}

long fault_count(int kind) { return counts[kind]; }
int fault_happened(void) { return happened; }

static void absolute(int directory, const char *path, char *out)
{
    char link[64];
    if (path[0] == '/') {
        snprintf(out, PATH_MAX, "%s", path);
        return;
    }
    if (directory == AT_FDCWD)
        strcpy(link, "/proc/self/cwd");
    else
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    ssize_t length = readlink(link, out, PATH_MAX - 1);
    length = length < 0 ? 0 : length;
    snprintf(out + length, PATH_MAX - length, "/%s", path);
}

static int watched(int directory, const char *path)
{
    char found[PATH_MAX];
    if (!armed || !path)
        return 0;
    absolute(directory, path, found);
    return !strncmp(found, folder, strlen(folder));
}

static int watched_descriptor(int descriptor)
{
    char link[64], found[PATH_MAX];
    if (!armed)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, found, sizeof found - 1);
    found[length < 0 ? 0 : length] = 0;
    return !strncmp(found, folder, strlen(folder));
}

/* Count one call. Returns the error that it ends with, 0 for none, -1 where the process is to be killed. */
static int fault(int kind)
{
    long call = __atomic_add_fetch(&counts[kind], 1, __ATOMIC_SEQ_CST);
    long change = kind == READ ? 0 : __atomic_add_fetch(&counts[CHANGE], 1, __ATOMIC_SEQ_CST);
    if (way == COUNT || (faulty_kind != kind && (faulty_kind != CHANGE || kind == READ)))
        return 0;
    long number = faulty_kind == CHANGE ? change : call;
    if (number != faulty_call && !(way == FULL && number > faulty_call)) /* a full disk stays full */
        return 0;
    happened = 1, is_first = number == faulty_call;
    return way == KILLED ? -1 : way == FULL ? ENOSPC : EIO;
}

static int failed(int error)
{
    if (error < 0)
        kill(getpid(), SIGKILL);
    errno = error;
    return -1;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(real))dlsym(RTLD_NEXT, #name)
#define FAIL(is_watched, kind)                                                                                         \
    do {                                                                                                               \
        int error = (is_watched) ? fault(kind) : 0;                                                                    \
        if (error)                                                                                                     \
            return failed(error);                                                                                      \
    } while (0)

#define OPEN_KIND(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT) ? WRITE : READ)
#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        REAL(name);                                                                                                    \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = va_arg(rest, mode_t);                                                                            \
        va_end(rest);                                                                                                  \
        FAIL(watched(AT_FDCWD, path), OPEN_KIND(flags));                                                               \
        return real(path, flags, mode);                                                                                \
    }
#define OPENAT(name)                                                                                                   \
    int name(int directory, const char *path, int flags, ...)                                                          \
    {                                                                                                                  \
        REAL(name);                                                                                                    \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = va_arg(rest, mode_t);                                                                            \
        va_end(rest);                                                                                                  \
        FAIL(watched(directory, path), OPEN_KIND(flags));                                                              \
        return real(directory, path, flags, mode);                                                                     \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

#define READING(name, parameters, arguments)                                                                           \
    ssize_t name parameters                                                                                            \
    {                                                                                                                  \
        REAL(name);                                                                                                    \
        FAIL(watched_descriptor(file), READ);                                                                          \
        return real arguments;                                                                                         \
    }
ssize_t __read_chk(int, void *, size_t, size_t); /* what read and pread become under _FORTIFY_SOURCE */
ssize_t __pread64_chk(int, void *, size_t, off64_t, size_t);
READING(read, (int file, void *to, size_t size), (file, to, size))
READING(readv, (int file, const struct iovec *to, int count), (file, to, count))
READING(pread, (int file, void *to, size_t size, off_t at), (file, to, size, at))
READING(pread64, (int file, void *to, size_t size, off64_t at), (file, to, size, at))
READING(__read_chk, (int file, void *to, size_t size, size_t room), (file, to, size, room))
READING(__pread64_chk, (int file, void *to, size_t size, off64_t at, size_t room), (file, to, size, at, room))

/* A full disk and a kill come in the middle of a write: half of it is done; the next one finds no room. */
#define WRITING(name, parameters, arguments, half, rest)                                                               \
    ssize_t name parameters                                                                                            \
    {                                                                                                                  \
        REAL(name);                                                                                                    \
        int error = watched_descriptor(file) ? fault(WRITE) : 0;                                                       \
        if (!error)                                                                                                    \
            return real arguments;                                                                                     \
        ssize_t written = way != BROKEN && is_first && (rest) > 1 ? real half : 0;                                     \
        return written > 0 && error > 0 ? written : failed(error);                                                     \
    }
WRITING(write, (int file, const void *from, size_t size), (file, from, size), (file, from, size / 2), size)
WRITING(pwrite, (int file, const void *from, size_t size, off_t at), (file, from, size, at),
        (file, from, size / 2, at), size)
WRITING(pwrite64, (int file, const void *from, size_t size, off64_t at), (file, from, size, at),
        (file, from, size / 2, at), size)
WRITING(writev, (int file, const struct iovec *from, int count), (file, from, count), (file, from, count / 2), count)

#define ON_DESCRIPTOR(name, kind, parameters, arguments)                                                               \
    int name parameters                                                                                                \
    {                                                                                                                  \
        REAL(name);                                                                                                    \
        FAIL(watched_descriptor(file), kind);                                                                          \
        return real arguments;                                                                                         \
    }
ON_DESCRIPTOR(fsync, FLUSH, (int file), (file))
ON_DESCRIPTOR(fdatasync, FLUSH, (int file), (file))
ON_DESCRIPTOR(ftruncate, WRITE, (int file, off_t size), (file, size))
ON_DESCRIPTOR(ftruncate64, WRITE, (int file, off64_t size), (file, size))

#define ON_PATH(name, kind, parameters, arguments, directory, path)                                                    \
    int name parameters                                                                                                \
    {                                                                                                                  \
        REAL(name);                                                                                                    \
        FAIL(watched(directory, path), kind);                                                                          \
        return real arguments;                                                                                         \
    }
ON_PATH(rename, RENAME, (const char *from, const char *to), (from, to), AT_FDCWD, to)
ON_PATH(renameat, RENAME, (int a, const char *from, int b, const char *to), (a, from, b, to), b, to)
ON_PATH(unlink, REMOVE, (const char *path), (path), AT_FDCWD, path)
ON_PATH(unlinkat, REMOVE, (int at, const char *path, int flags), (at, path, flags), at, path)
ON_PATH(rmdir, REMOVE, (const char *path), (path), AT_FDCWD, path)
ON_PATH(mkdir, WRITE, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path)
ON_PATH(mkdirat, WRITE, (int at, const char *path, mode_t mode), (at, path, mode), at, path)
