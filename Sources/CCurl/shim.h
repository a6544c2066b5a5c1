// libcurl-easy(3), and the calls of it that Swift cannot import: those with variable arguments.
#pragma once
#include <curl/curl.h>

static inline CURLcode martlet_curl_set_long(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

/// For strings (which libcurl copies) and for data that must outlive the transfer.
static inline CURLcode martlet_curl_set_pointer(
    CURL *handle, CURLoption option, const void *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode martlet_curl_set_writer(
    CURL *handle, size_t (*writer)(char *bytes, size_t size, size_t count, void *context),
    void *context) {
  CURLcode code = curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, writer);
  return code == CURLE_OK ? curl_easy_setopt(handle, CURLOPT_WRITEDATA, context) : code;
}

static inline CURLcode martlet_curl_status(CURL *handle, long *status) {
  return curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, status);
}

/// Bytes of the request that were sent, on whatever connection.
static inline CURLcode martlet_curl_request_size(CURL *handle, long *bytes) {
  return curl_easy_getinfo(handle, CURLINFO_REQUEST_SIZE, bytes);
}

/// The errno of the connect(2) that failed; 0 when none did.
static inline CURLcode martlet_curl_connect_errno(CURL *handle, long *number) {
  return curl_easy_getinfo(handle, CURLINFO_OS_ERRNO, number);
}
