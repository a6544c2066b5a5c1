// libmicrohttpd(3), and the one call of it that Swift cannot import: MHD_start_daemon is variadic.
#pragma once
#include <microhttpd.h>
#include <sys/socket.h>

/// The callbacks of a daemon; `context` is handed to each of them.
struct martlet_httpd_callbacks {
  void *context;
  /// Sees the target as it came, before unescaping; what it returns is the request's own pointer.
  void *(*target)(void *context, const char *target, struct MHD_Connection *connection);
  MHD_AccessHandlerCallback access;
  MHD_RequestCompletedCallback completed;
};

/// Starts a daemon on a listening socket, which it owns from then on. NULL when it cannot start.
static inline struct MHD_Daemon *martlet_httpd_start(
    int listen_socket, unsigned int threads, unsigned int connections, unsigned int idle_seconds,
    struct martlet_httpd_callbacks callbacks) {
  return MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, callbacks.access,
      callbacks.context, MHD_OPTION_LISTEN_SOCKET, listen_socket, MHD_OPTION_THREAD_POOL_SIZE,
      threads, MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_TIMEOUT,
      idle_seconds, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, callbacks.target,
      callbacks.context, MHD_OPTION_NOTIFY_COMPLETED, callbacks.completed, callbacks.context,
      MHD_OPTION_END);
}

/// Who is at the other end of a Unix socket: `struct ucred` of unix(7), which glibc declares only
/// for _GNU_SOURCE.
struct martlet_httpd_credentials {
  int process;
  unsigned int user, group;
};

/// 0, or -1 when the kernel does not say.
static inline int martlet_httpd_peer(
    struct MHD_Connection *connection, struct martlet_httpd_credentials *peer) {
  const union MHD_ConnectionInfo *information =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  socklen_t size = sizeof(*peer);
  if (information == NULL) return -1;
  return getsockopt(information->connect_fd, SOL_SOCKET, SO_PEERCRED, peer, &size);
}
