#define _GNU_SOURCE
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

extern char **environ;

struct report {
  int step;
  int error;
};

// From here to `child`, everything runs in the child between fork and execve: async-signal-safe
// calls only (signal-safety(7)), no allocation, no lock.

// The program starts with the default signals and none blocked, whatever this process does.
static void reset_signals(void) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  for (int number = 1; number < NSIG; number++) sigaction(number, &action, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

// A /sys that describes the new network namespace, in a mount namespace of the program's own: what
// `ip netns exec` does. Mounts made outside still appear inside.
static int mount_sys(void) {
  if (unshare(CLONE_NEWNS) < 0) return -1;
  if (mount("", "/", "none", MS_SLAVE | MS_REC, NULL) < 0) return -1;
  unsigned long flags = 0;
  if (umount2("/sys", MNT_DETACH) < 0) {
    struct statvfs status;
    if (statvfs("/sys", &status) == 0 && (status.f_flag & ST_RDONLY)) flags = MS_RDONLY;
  }
  return mount("sysfs", "/sys", "sysfs", flags, NULL);
}

// Moves `descriptors` to 0, 1, 2, ...; two passes, because a source may be another's target.
// Everything else, `*report` included, closes at execve.
static int place_descriptors(const struct clinux_launch *launch, int *report) {
  int count = launch->descriptor_count;
  int moved[64];
  if (count > 64) {
    errno = EMFILE;
    return -1;
  }
  *report = fcntl(*report, F_DUPFD_CLOEXEC, count);
  if (*report < 0) return -1;
  for (int index = 0; index < count; index++) {
    moved[index] = fcntl(launch->descriptors[index], F_DUPFD_CLOEXEC, count);
    if (moved[index] < 0) return -1;
  }
  for (int index = 0; index < count; index++)
    if (dup2(moved[index], index) < 0) return -1;
  // Before Linux 5.11 what is not close-on-exec by itself stays open.
  syscall(SYS_close_range, count, ~0U, CLOSE_RANGE_CLOEXEC);
  return 0;
}

static int prepare(const struct clinux_launch *launch, pid_t parent, int *report) {
  reset_signals();
  if (launch->new_session && setsid() < 0) return CLINUX_STEP_SESSION;
  if (launch->die_with_parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) return CLINUX_STEP_SESSION;
    if (getppid() != parent) _exit(127);
  }
  if (launch->network_namespace >= 0) {
    if (setns(launch->network_namespace, CLONE_NEWNET) < 0) return CLINUX_STEP_NAMESPACE;
    if (mount_sys() < 0) return CLINUX_STEP_MOUNT;
  }
  if (launch->directory && chdir(launch->directory) < 0) return CLINUX_STEP_DIRECTORY;
  if (place_descriptors(launch, report) < 0) return CLINUX_STEP_DESCRIPTORS;
  return -1;
}

static void child(const struct clinux_launch *launch, pid_t parent, int report) {
  int step = prepare(launch, parent, &report);
  if (step < 0) {
    execve(launch->path, launch->arguments, launch->environment ? launch->environment : environ);
    step = CLINUX_STEP_EXECUTE;
  }
  struct report message = {.step = step, .error = errno};
  if (report >= 0 && write(report, &message, sizeof message) < 0) _exit(126);
  _exit(127);
}

pid_t clinux_launch_process(const struct clinux_launch *launch, int *failed_step) {
  *failed_step = CLINUX_STEP_FORK;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -1;
  // No handler of this process may run in the child.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t parent = getpid();
  pid_t process = fork();
  if (process == 0) child(launch, parent, ends[1]);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(ends[1]);
  if (process < 0) {
    close(ends[0]);
    errno = error;
    return -1;
  }
  // The pipe closes when execve succeeds, and carries a report when something failed.
  struct report message;
  ssize_t count;
  do count = read(ends[0], &message, sizeof message);
  while (count < 0 && errno == EINTR);
  close(ends[0]);
  if (count != (ssize_t)sizeof message) return process;
  while (waitpid(process, NULL, 0) < 0 && errno == EINTR) {
  }
  *failed_step = message.step;
  errno = message.error;
  return -1;
}

int clinux_wait_process(int pidfd, int block, int *was_signal, int *status) {
  siginfo_t info;
  int result;
  do {
    info.si_pid = 0;
    result = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | (block ? 0 : WNOHANG));
  } while (result < 0 && errno == EINTR);
  if (result < 0) return -1;
  if (info.si_pid == 0) return 0;
  *was_signal = info.si_code != CLD_EXITED;
  *status = info.si_status;
  return 1;
}
