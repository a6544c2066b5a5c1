// libmicrohttpd(3), and what of it Swift cannot import: MHD_start_daemon is variadic, and the session of a
// TLS connection comes in a union.
#pragma once
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
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

/// What a daemon shows over TLS, in PEM form; it must outlive the daemon. `trust`: the authority of clients.
struct martlet_httpd_tls {
  char *key, *certificate, *trust;
};

/// Starts a daemon on a listening socket, which it owns from then on. NULL when it cannot start.
static inline struct MHD_Daemon *martlet_httpd_start(
    int listen_socket, unsigned int threads, unsigned int connections, unsigned int idle_seconds,
    struct martlet_httpd_callbacks callbacks, const struct martlet_httpd_tls *tls) {
  unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
  struct MHD_OptionItem options[5] = {{MHD_OPTION_END, 0, NULL}};
  if (tls != NULL) {
    int count = 0;
    flags |= MHD_USE_TLS;
    options[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, tls->key};
    options[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, tls->certificate};
    options[count++] = (struct MHD_OptionItem){
        MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)"SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"};
    if (tls->trust != NULL)
      options[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, tls->trust};
    options[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
  }
  return MHD_start_daemon(
      flags, 0, NULL, NULL, callbacks.access, callbacks.context, MHD_OPTION_LISTEN_SOCKET,
      listen_socket, MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT, connections,
      MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds, MHD_OPTION_STRICT_FOR_CLIENT, 1,
      MHD_OPTION_URI_LOG_CALLBACK, callbacks.target, callbacks.context, MHD_OPTION_NOTIFY_COMPLETED,
      callbacks.completed, callbacks.context, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

/// The certificate of the client, in DER form and owned by the connection, when it was signed by the daemon's
/// `trust` for clients and is valid now. The daemon asks for one and takes whatever comes, so this is asked on
/// every request. 1: it is; 0: the client has shown none; -1: what it has shown is not good.
static inline int martlet_httpd_certificate(
    struct MHD_Connection *connection, const unsigned char **bytes, unsigned int *count) {
  const union MHD_ConnectionInfo *information =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  if (information == NULL || information->tls_session == NULL) return 0;
  gnutls_session_t session = (gnutls_session_t)information->tls_session;
  unsigned int listed = 0, status = 0;
  const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &listed);
  if (list == NULL || listed == 0) return 0;
  gnutls_typed_vdata_st purpose = {
      GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT, 0};
  if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) != 0 || status != 0) return -1;
  *bytes = list[0].data;
  *count = list[0].size;
  return 1;
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
