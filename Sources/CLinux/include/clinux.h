// What the Swift importer cannot read or call by itself: packed structs, variadic calls, macros,
// and the few lines that run between fork(2) and execve(2).
//
// Every function returns -1 and sets errno when it fails, as the call that it wraps does.
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "attachments.h"
#include "vhost.h"

// --- epoll(7): epoll_event is packed on x86-64 and holds a union; this is the same, flat.
struct clinux_event {
  uint64_t token;
  uint32_t readiness;
  uint32_t reserved;
};

enum { CLINUX_EVENTS_MAX = 256 };

// The operations of epoll_ctl(2).
enum { CLINUX_EPOLL_ADD = 1, CLINUX_EPOLL_REMOVE = 2, CLINUX_EPOLL_MODIFY = 3 };

int clinux_epoll_create(void);
int clinux_epoll_control(int epoll, int operation, int descriptor, uint32_t interest,
                         uint64_t token);
// Waits for at most `capacity` events (no more than CLINUX_EVENTS_MAX). A negative timeout waits
// for ever. Falls back to whole milliseconds, rounded up, before Linux 5.11.
int clinux_epoll_wait(int epoll, struct clinux_event *events, int capacity,
                      int64_t timeout_nanoseconds);

// --- eventfd(2), close-on-exec and non-blocking.
int clinux_event_create(void);
int clinux_event_add(int event);
// 0 and the counter back to zero; -1 with EAGAIN when it was zero.
int clinux_event_clear(int event);

// --- pipe2(2), close-on-exec: the reading end, then the writing end.
int clinux_pipe(int ends[2]);

// --- pthread_setname_np(3): names the calling thread; a name over 15 bytes is not set.
void clinux_name_thread(const char *name);

// --- sched_setaffinity(2): the processors of the calling thread.
// 1 when it may run on a processor, 0 when not.
int clinux_may_run_on(int processor);
int clinux_run_on(int processor);

// --- signalfd(2): blocks the signals in the calling thread and returns a descriptor of them.
int clinux_signal_descriptor(const int *signals, int count);
// The number of a waiting signal; -1 with EAGAIN when there is none.
int clinux_read_signal(int descriptor);

// --- network_namespaces(7), mount_namespaces(7)
// Moves the calling thread, and only it, into a network namespace.
int clinux_enter_network_namespace(int descriptor);
// Moves the calling thread, and only it, into a new network namespace.
int clinux_new_network_namespace(void);
// 1 when the open file is a namespace, 0 when it is an ordinary file.
int clinux_is_namespace(int descriptor);
// Makes `path` a mount point whose mounts reach other mount namespaces, as `ip netns add` does.
int clinux_share_mount(const char *path);
int clinux_bind_mount(const char *source, const char *target);
int clinux_detach_mount(const char *path);

// --- pidfd_open(2): a descriptor of a process, which a recycled number cannot fool.
int clinux_pidfd_open(pid_t process);
int clinux_pidfd_send_signal(int descriptor, int signal);

// --- ethtool(7): asks the driver, not the event queue. 1 up, 0 down.
int clinux_link_state(int socket, const char *device);
// Megabits per second; 0 when the device does not know.
int clinux_link_speed(int socket, const char *device);
// Opens /sys/class/net/DEVICE/FILE as the calling thread's network namespace has it, whatever is
// mounted on /sys (fsopen(2), Linux 5.2; root).
int clinux_open_device_file(const char *device, const char *file);
