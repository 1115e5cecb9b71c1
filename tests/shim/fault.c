/* Makes chosen system calls of a process fail, or the process die right before one of them.
 *
 * Loaded with LD_PRELOAD by tests/support/fault.rs.  The program under test has no hook for it.
 *
 * What is covered: every system call listed in RULES, of every thread, whoever makes it: libc's
 * wrappers, or rustix, which enters the kernel without libc.  So it is no wrapper of libc's
 * functions but a seccomp filter that turns these calls into SIGSYS, and a handler that counts the
 * call, does what it was told, and if that is nothing makes the call itself: with a mark in the
 * sixth argument, which none of these calls has and which the filter lets through.  Opening a
 * file counts if it may make or empty it, writing if it is not to standard output or error.
 * What is not covered: a change through a memory map, and calls before this library is loaded.
 *
 *   FAULT_AT       number of the first call that meets its fate, from 1; 0 or none for no call
 *   FAULT_KIND     kill, eio, enospc or erofs; or stop: the process halts before that call and,
 *                  told to continue, makes it
 *   FAULT_REACH    once: that call alone; on: it and every later one; space: from it on those that
 *                  need room on the disk, as on one that is full; to rename needs none
 *   FAULT_KILL_AT  number of a call right before which the process dies, beside all of the above
 *   FAULT_LACKS    links or exchange: a file system without hard links, or one that cannot exchange
 *                  two names, as overlayfs for what lies in a lower layer
 *   FAULT_LOG      a file that gets a line for each call: its name and what path it has
 *
 * The umask is 0 in the whole process: the worst there is for a private key.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define MARK 0x0dec0de5L
#define SIXTH 5

enum when { ALWAYS, IF_MAKES, IF_NOT_STANDARD };
enum room { NEEDS_NONE, NEEDS_ROOM };

struct rule {
    long number;
    const char *name;
    enum when when;
    int judged; /* the argument `when` looks at */
    enum room room;
    int path; /* the argument that is a path to log, -1 for none */
};

static const struct rule RULES[] = {
#ifdef SYS_open
    {SYS_open, "open", IF_MAKES, 1, NEEDS_ROOM, 0},
    {SYS_creat, "creat", ALWAYS, 0, NEEDS_ROOM, 0},
    {SYS_mkdir, "mkdir", ALWAYS, 0, NEEDS_ROOM, 0},
    {SYS_rmdir, "rmdir", ALWAYS, 0, NEEDS_NONE, 0},
    {SYS_unlink, "unlink", ALWAYS, 0, NEEDS_NONE, 0},
    {SYS_rename, "rename", ALWAYS, 0, NEEDS_NONE, 1},
    {SYS_link, "link", ALWAYS, 0, NEEDS_ROOM, 1},
    {SYS_symlink, "symlink", ALWAYS, 0, NEEDS_ROOM, 1},
    {SYS_chmod, "chmod", ALWAYS, 0, NEEDS_NONE, 0},
    {SYS_chown, "chown", ALWAYS, 0, NEEDS_NONE, 0},
    {SYS_lchown, "lchown", ALWAYS, 0, NEEDS_NONE, 0},
#endif
#ifdef SYS_renameat
    {SYS_renameat, "renameat", ALWAYS, 0, NEEDS_NONE, 3},
#endif
    {SYS_openat, "openat", IF_MAKES, 2, NEEDS_ROOM, 1},
    {SYS_mkdirat, "mkdirat", ALWAYS, 0, NEEDS_ROOM, 1},
    {SYS_unlinkat, "unlinkat", ALWAYS, 0, NEEDS_NONE, 1},
    {SYS_renameat2, "renameat2", ALWAYS, 0, NEEDS_NONE, 3},
    {SYS_linkat, "linkat", ALWAYS, 0, NEEDS_ROOM, 3},
    {SYS_symlinkat, "symlinkat", ALWAYS, 0, NEEDS_ROOM, 2},
    {SYS_fchmod, "fchmod", ALWAYS, 0, NEEDS_NONE, -1},
    {SYS_fchmodat, "fchmodat", ALWAYS, 0, NEEDS_NONE, 1},
    {SYS_fchown, "fchown", ALWAYS, 0, NEEDS_NONE, -1},
    {SYS_fchownat, "fchownat", ALWAYS, 0, NEEDS_NONE, 1},
    {SYS_truncate, "truncate", ALWAYS, 0, NEEDS_NONE, 0},
    {SYS_ftruncate, "ftruncate", ALWAYS, 0, NEEDS_NONE, -1},
    {SYS_fallocate, "fallocate", ALWAYS, 0, NEEDS_ROOM, -1},
    {SYS_write, "write", IF_NOT_STANDARD, 0, NEEDS_ROOM, -1},
    {SYS_writev, "writev", IF_NOT_STANDARD, 0, NEEDS_ROOM, -1},
    {SYS_pwrite64, "pwrite64", IF_NOT_STANDARD, 0, NEEDS_ROOM, -1},
    {SYS_sendfile, "sendfile", IF_NOT_STANDARD, 0, NEEDS_ROOM, -1},
    {SYS_setxattr, "setxattr", ALWAYS, 0, NEEDS_ROOM, 0},
    {SYS_lsetxattr, "lsetxattr", ALWAYS, 0, NEEDS_ROOM, 0},
    {SYS_fsetxattr, "fsetxattr", ALWAYS, 0, NEEDS_ROOM, -1},
    {SYS_fsync, "fsync", ALWAYS, 0, NEEDS_NONE, -1},
    {SYS_fdatasync, "fdatasync", ALWAYS, 0, NEEDS_NONE, -1},
    {SYS_syncfs, "syncfs", ALWAYS, 0, NEEDS_NONE, -1},
};
#define RULE_COUNT (sizeof RULES / sizeof RULES[0])

static unsigned long fault_at, kill_at, counted;
static int fault_errno; /* 0: the process dies or stops */
static int stops;
static enum { ONCE, ON, SPACE } reach;
static int lacks_links, lacks_exchange;
static const char *log_path;

static long pass(long number, const long *a)
{
    long result = syscall(number, a[0], a[1], a[2], a[3], a[4], MARK);
    return result == -1 ? -errno : result;
}

static void die(void)
{
    for (;;)
        kill(getpid(), SIGKILL);
}

static void log_call(const struct rule *rule, const long *arguments)
{
    char line[4200];
    const char *path = rule->path < 0 ? "" : (const char *)arguments[rule->path];
    int length = snprintf(line, sizeof line, "%s %s\n", rule->name, path);
    long open_log[] = {AT_FDCWD, (long)log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600, 0};
    long log = pass(SYS_openat, open_log);
    if (log < 0)
        die();
    long write_line[] = {log, (long)line, length, 0, 0};
    pass(SYS_write, write_line);
    close((int)log);
}

/* The call's result, or the negative errno. */
static long meet_fate(const struct rule *rule, const long *arguments)
{
    unsigned long now = __atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST);
    if (log_path)
        log_call(rule, arguments);
    if (kill_at && now == kill_at)
        die();
    int hit = 0;
    if (fault_at) {
        switch (reach) {
        case ONCE:
            hit = now == fault_at;
            break;
        case ON:
            hit = now >= fault_at;
            break;
        case SPACE:
            hit = now >= fault_at && rule->room == NEEDS_ROOM;
            break;
        }
    }
    if (hit && fault_errno)
        return -fault_errno;
    if (hit && stops)
        kill(getpid(), SIGSTOP);
    else if (hit)
        die();
    if (lacks_links && strncmp(rule->name, "link", 4) == 0)
        return -EPERM;
    if (lacks_exchange && rule->number == SYS_renameat2 && arguments[4] & RENAME_EXCHANGE)
        return -EINVAL;
    return pass(rule->number, arguments);
}

static void on_call(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    int saved = errno;
    mcontext_t *machine = &((ucontext_t *)context)->uc_mcontext;
#if defined(__x86_64__)
    greg_t *g = machine->gregs;
    long arguments[] = {g[REG_RDI], g[REG_RSI], g[REG_RDX], g[REG_R10], g[REG_R8]};
#elif defined(__aarch64__)
    unsigned long long *r = machine->regs;
    long arguments[] = {(long)r[0], (long)r[1], (long)r[2], (long)r[3], (long)r[4]};
#else
#error "the registers of this machine are not known here"
#endif
    long result = -ENOSYS;
    for (size_t i = 0; i < RULE_COUNT; i++)
        if (RULES[i].number == info->si_syscall)
            result = meet_fate(&RULES[i], arguments);
#if defined(__x86_64__)
    g[REG_RAX] = result;
#else
    r[0] = (unsigned long long)result;
#endif
    errno = saved;
}

static void give_up(const char *what)
{
    dprintf(2, "fault.c: %s: %s\n", what, strerror(errno));
    _exit(99);
}

static unsigned long number(const char *name)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 10) : 0;
}

static int is(const char *name, const char *wanted)
{
    const char *text = getenv(name);
    return text && strcmp(text, wanted) == 0;
}

__attribute__((constructor)) static void install(void)
{
    static struct sock_filter code[8 * RULE_COUNT + 8];
    unsigned short length = 0;
#define EMIT(...) code[length++] = (struct sock_filter)__VA_ARGS__
#define ARGUMENT(n) ((unsigned)(offsetof(struct seccomp_data, args) + 8 * (n)))

    umask(0);
    fault_at = number("FAULT_AT");
    kill_at = number("FAULT_KILL_AT");
    log_path = getenv("FAULT_LOG");
    fault_errno = is("FAULT_KIND", "eio")      ? EIO
                  : is("FAULT_KIND", "enospc") ? ENOSPC
                  : is("FAULT_KIND", "erofs")  ? EROFS
                                               : 0;
    lacks_links = is("FAULT_LACKS", "links");
    lacks_exchange = is("FAULT_LACKS", "exchange");
    stops = is("FAULT_KIND", "stop");
    reach = is("FAULT_REACH", "on") ? ON : is("FAULT_REACH", "space") ? SPACE : ONCE;

    EMIT(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(SIXTH)));
    EMIT(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MARK, 0, 1));
    EMIT(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    for (size_t i = 0; i < RULE_COUNT; i++) {
        const struct rule *rule = &RULES[i];
        unsigned char skip = rule->when == ALWAYS ? 1 : 3;
        EMIT(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
        EMIT(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)rule->number, 0, skip));
        if (rule->when != ALWAYS)
            EMIT(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(rule->judged)));
        if (rule->when == IF_MAKES)
            EMIT(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_CREAT | O_TRUNC, 0, 1));
        if (rule->when == IF_NOT_STANDARD)
            EMIT(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 2, 0, 1));
        EMIT(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP));
    }
    EMIT(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));

    struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER};
    if (sigaction(SIGSYS, &action, NULL))
        give_up("sigaction");
    struct sock_fprog program = {.len = length, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        give_up("seccomp");
}
