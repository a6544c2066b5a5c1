// unix(7) sockets: addresses, and ancillary data (cmsg(3)), whose macros Swift cannot see.
#pragma once
#include <stddef.h>
#include <sys/types.h>

enum { CLINUX_PASSED_MAX = 16 };

// All sockets are SOCK_SEQPACKET and close-on-exec. ENAMETOOLONG for a path over 107 bytes.
int clinux_unix_pair(int descriptors[2]);
// The file is for its owner alone, whatever the umask.
int clinux_unix_listen(const char *path, int backlog);
// Connecting, sending and receiving wait at most so long, and then fail with EAGAIN; 0 waits for ever.
int clinux_unix_connect(const char *path, int timeout_milliseconds);
int clinux_unix_accept(int listener);
int clinux_unix_peer(int socket, pid_t *process, uid_t *user, gid_t *group);

// Sends one message of at least one byte with up to CLINUX_PASSED_MAX descriptors.
ssize_t clinux_send_descriptors(int socket, const void *bytes, size_t count,
                                const int *descriptors, int descriptor_count);
// Receives one message. `descriptor_count` holds the room and then the number received, each
// close-on-exec. A message cut short is EMSGSIZE, and its descriptors are closed.
ssize_t clinux_receive_descriptors(int socket, void *bytes, size_t capacity, int *descriptors,
                                   int *descriptor_count);
