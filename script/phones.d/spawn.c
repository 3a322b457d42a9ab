/* Lets a test under qemu start itself again: preloaded into the arm64 program, it puts qemu before any arm64 program started.
 *
 * Without it the kernel is asked to run an arm64 file and cannot, unless root has registered qemu with the whole machine
 * (binfmt_misc), which a test should not do. It stops at posix_spawn, which is what Rust's Command uses; programs of the
 * machine itself are started as they are. QEMU_SELF names qemu, QEMU_LIBRARIES the folder with arm64's C library. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int spawn_fn(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const[], char *const[]);

static int is_arm64(const char *path) {
    Elf64_Ehdr head;
    int file = open(path, O_RDONLY | O_CLOEXEC), same;
    if (file < 0) return 0;
    same = read(file, &head, sizeof head) == (ssize_t)sizeof head && !memcmp(head.e_ident, ELFMAG, SELFMAG) && head.e_machine == EM_AARCH64;
    close(file);
    return same;
}

static int start(const char *real, pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]) {
    spawn_fn *next = (spawn_fn *)dlsym(RTLD_NEXT, real);
    const char *qemu = getenv("QEMU_SELF"), *libraries = getenv("QEMU_LIBRARIES");
    size_t count = 0;
    int result;
    char **longer;
    if (!qemu || !libraries || !is_arm64(path)) return next(pid, path, actions, attributes, argv, envp);
    while (argv[count]) count++;
    longer = calloc(count + 5, sizeof *longer);
    if (!longer) abort();
    longer[0] = (char *)qemu;
    longer[1] = "-L";
    longer[2] = (char *)libraries;
    longer[3] = (char *)path;
    for (size_t i = 1; i < count; i++) longer[3 + i] = argv[i];
    result = next(pid, qemu, actions, attributes, longer, envp);
    free(longer);
    return result;
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
                char *const argv[], char *const envp[]) {
    return start("posix_spawn", pid, path, actions, attributes, argv, envp);
}

int posix_spawnp(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
                 char *const argv[], char *const envp[]) {
    return start("posix_spawnp", pid, path, actions, attributes, argv, envp);
}
