#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct clinux_event) == 16, "an event is two words");
_Static_assert(CLINUX_EPOLL_ADD == EPOLL_CTL_ADD, "epoll_ctl(2)");
_Static_assert(CLINUX_EPOLL_REMOVE == EPOLL_CTL_DEL, "epoll_ctl(2)");
_Static_assert(CLINUX_EPOLL_MODIFY == EPOLL_CTL_MOD, "epoll_ctl(2)");

int clinux_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int clinux_epoll_control(int epoll, int operation, int descriptor, uint32_t interest,
                         uint64_t token) {
  struct epoll_event event = {.events = interest, .data.u64 = token};
  return epoll_ctl(epoll, operation, descriptor, &event);
}

static int wait_milliseconds(int epoll, struct epoll_event *events, int capacity,
                             int64_t timeout_nanoseconds) {
  int milliseconds = -1;
  if (timeout_nanoseconds >= 0) {
    int64_t rounded = timeout_nanoseconds / 1000000 + (timeout_nanoseconds % 1000000 != 0);
    milliseconds = rounded > INT_MAX ? INT_MAX : (int)rounded;
  }
  return epoll_wait(epoll, events, capacity, milliseconds);
}

int clinux_epoll_wait(int epoll, struct clinux_event *events, int capacity,
                      int64_t timeout_nanoseconds) {
  struct epoll_event found[CLINUX_EVENTS_MAX];
  if (capacity > CLINUX_EVENTS_MAX) capacity = CLINUX_EVENTS_MAX;
  struct timespec timeout = {
      .tv_sec = timeout_nanoseconds / 1000000000,
      .tv_nsec = timeout_nanoseconds % 1000000000,
  };
  int count =
      epoll_pwait2(epoll, found, capacity, timeout_nanoseconds < 0 ? NULL : &timeout, NULL);
  if (count < 0 && errno == ENOSYS)
    count = wait_milliseconds(epoll, found, capacity, timeout_nanoseconds);
  for (int index = 0; index < count; index++) {
    events[index].token = found[index].data.u64;
    events[index].readiness = found[index].events;
    events[index].reserved = 0;
  }
  return count;
}

int clinux_event_create(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int clinux_event_add(int event) { return eventfd_write(event, 1); }

int clinux_event_clear(int event) {
  eventfd_t count;
  return eventfd_read(event, &count);
}

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int clinux_may_run_on(int processor) {
    cpu_set_t set;
    if (processor < 0 || processor >= CPU_SETSIZE) return 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return -1;
    return CPU_ISSET(processor, &set) ? 1 : 0;
}

int clinux_run_on(int processor) {
    cpu_set_t set;
    if (processor < 0 || processor >= CPU_SETSIZE) {
        errno = EINVAL;
        return -1;
    }
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    return sched_setaffinity(0, sizeof set, &set);
}

void clinux_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

int clinux_signal_descriptor(const int *signals, int count) {
  sigset_t set;
  sigemptyset(&set);
  for (int index = 0; index < count; index++) sigaddset(&set, signals[index]);
  int failure = pthread_sigmask(SIG_BLOCK, &set, NULL);
  if (failure != 0) {
    errno = failure;
    return -1;
  }
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int clinux_read_signal(int descriptor) {
  struct signalfd_siginfo info;
  ssize_t count = read(descriptor, &info, sizeof info);
  return count == (ssize_t)sizeof info ? (int)info.ssi_signo : -1;
}

int clinux_enter_network_namespace(int descriptor) { return setns(descriptor, CLONE_NEWNET); }

int clinux_new_network_namespace(void) { return unshare(CLONE_NEWNET); }

int clinux_is_namespace(int descriptor) {
  struct statfs status;
  if (fstatfs(descriptor, &status) < 0) return -1;
  return status.f_type == NSFS_MAGIC;
}

int clinux_share_mount(const char *path) {
  if (mount("", path, "none", MS_SHARED | MS_REC, NULL) == 0) return 0;
  if (errno != EINVAL) return -1;
  // Not a mount point yet: mount it on itself, then share that.
  if (mount(path, path, "none", MS_BIND | MS_REC, NULL) < 0) return -1;
  return mount("", path, "none", MS_SHARED | MS_REC, NULL);
}

int clinux_bind_mount(const char *source, const char *target) {
  return mount(source, target, "none", MS_BIND, NULL);
}

int clinux_detach_mount(const char *path) { return umount2(path, MNT_DETACH); }

int clinux_pidfd_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

int clinux_pidfd_send_signal(int descriptor, int signal) {
  return (int)syscall(SYS_pidfd_send_signal, descriptor, signal, NULL, 0);
}

static int name_request(struct ifreq *request, const char *device) {
  memset(request, 0, sizeof *request);
  if (strlen(device) >= sizeof request->ifr_name) {
    errno = ENODEV;
    return -1;
  }
  strcpy(request->ifr_name, device);
  return 0;
}

int clinux_link_state(int socket, const char *device) {
  struct ifreq request;
  struct ethtool_value value = {.cmd = ETHTOOL_GLINK};
  if (name_request(&request, device) < 0) return -1;
  request.ifr_data = (char *)&value;
  if (ioctl(socket, SIOCETHTOOL, &request) < 0) return -1;
  return value.data != 0;
}

int clinux_link_speed(int socket, const char *device) {
  // The kernel answers the first request with minus the number of words per mask (ethtool.h).
  union {
    struct ethtool_link_settings settings;
    uint32_t room[sizeof(struct ethtool_link_settings) / 4 + 3 * 127];
  } question = {.settings.cmd = ETHTOOL_GLINKSETTINGS};
  struct ifreq request;
  if (name_request(&request, device) < 0) return -1;
  request.ifr_data = (char *)&question;
  if (ioctl(socket, SIOCETHTOOL, &request) < 0) return errno == EOPNOTSUPP ? 0 : -1;
  question.settings.cmd = ETHTOOL_GLINKSETTINGS;
  question.settings.link_mode_masks_nwords = (int8_t)-question.settings.link_mode_masks_nwords;
  if (ioctl(socket, SIOCETHTOOL, &request) < 0) return -1;
  uint32_t speed = question.settings.speed;
  return speed == (uint32_t)SPEED_UNKNOWN || speed > INT_MAX ? 0 : (int)speed;
}

int clinux_open_device_file(const char *device, const char *file) {
  // A sysfs of this namespace, mounted nowhere; it goes when its last file is closed.
  int context = (int)syscall(SYS_fsopen, "sysfs", 1 /* FSOPEN_CLOEXEC */);
  if (context < 0) return -1;
  int mount = -1, result = -1;
  if (syscall(SYS_fsconfig, context, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0) == 0)
    mount = (int)syscall(SYS_fsmount, context, 1 /* FSMOUNT_CLOEXEC */, 0);
  if (mount >= 0) {
    char path[128];
    int count = snprintf(path, sizeof path, "class/net/%s/%s", device, file);
    if (count > 0 && (size_t)count < sizeof path)
      result = openat(mount, path, O_RDONLY | O_CLOEXEC);
    else
      errno = ENAMETOOLONG;
  }
  int error = errno;
  if (mount >= 0) close(mount);
  close(context);
  errno = error;
  return result;
}
