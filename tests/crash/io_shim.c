/* Counts what a process does to the files of a journal, and breaks it at a chosen moment.
 *
 * Loaded with LD_PRELOAD. It stands before write, pwrite64, ftruncate64, fsync and fdatasync, and
 * looks only at files whose path holds IO_SHIM_MATCH. Every such call is a point, counted from 1 in the order in
 * which the calls come. Settings, all from the environment:
 *
 *   IO_SHIM_MATCH   part of the path, e.g. "journal.db"
 *   IO_SHIM_LOG     file that gets one line a point: number, call, path
 *   IO_SHIM_FAIL_AT number of the point that fails, and IO_SHIM_ERRNO with what
 *   IO_SHIM_KILL_AT number of the point at which the process is killed, before the call is made
 *   IO_SHIM_TORN    "1": a write at the point of the kill is made in half before it
 *
 * SIGKILL is sent to the process itself, so nothing of it runs afterwards.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off64_t);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long points = 0;
static int log_fd = -1;

static long setting(const char *name) {
    const char *text = getenv(name);
    return text && *text ? atol(text) : -1;
}

__attribute__((constructor)) static void begin(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
}

/* Opened at the first point, so that each fork of one parent can have a log of its own. */
static void open_log(void) {
    const char *log = getenv("IO_SHIM_LOG");
    if (log_fd < 0 && log) log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* Writes the path behind a descriptor; false when it is not one of ours. */
static int is_watched(int fd, char *path, size_t size) {
    char link[64];
    const char *match = getenv("IO_SHIM_MATCH");
    if (!match || fd == log_fd) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strstr(path, match) != NULL;
}

/* Counts a point. Returns true when the call must fail, with errno set. Does not return on a kill. */
static int point(int fd, const char *call, const void *data, size_t size, off64_t at) {
    char path[4096], line[4200];
    if (!is_watched(fd, path, sizeof path)) return 0;
    pthread_mutex_lock(&lock);
    long number = ++points;
    open_log();
    int length = snprintf(line, sizeof line, "%ld %s %s\n", number, call, path);
    if (log_fd >= 0 && real_write(log_fd, line, (size_t)length) < 0) abort();
    if (number == setting("IO_SHIM_KILL_AT")) {
        const char *torn = getenv("IO_SHIM_TORN");
        if (data && torn && *torn == '1') {
            ssize_t half = at < 0 ? real_write(fd, data, size / 2) : real_pwrite(fd, data, size / 2, at);
            (void)half;
        }
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    pthread_mutex_unlock(&lock);
    if (number != setting("IO_SHIM_FAIL_AT")) return 0;
    errno = (int)setting("IO_SHIM_ERRNO");
    return 1;
}

ssize_t write(int fd, const void *data, size_t size) {
    return point(fd, "write", data, size, -1) ? -1 : real_write(fd, data, size);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    return point(fd, "pwrite", data, size, at) ? -1 : real_pwrite(fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    return pwrite64(fd, data, size, at);
}

int fsync(int fd) { return point(fd, "fsync", NULL, 0, 0) ? -1 : real_fsync(fd); }

int fdatasync(int fd) { return point(fd, "fdatasync", NULL, 0, 0) ? -1 : real_fdatasync(fd); }

int ftruncate64(int fd, off64_t size) {
    return point(fd, "ftruncate", NULL, 0, 0) ? -1 : real_ftruncate(fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }
