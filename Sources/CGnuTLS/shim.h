// GnuTLS's X.509 (https://gnutls.org/manual/), and the names in it that are macros with casts.
#pragma once
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

/// `gnutls_free` is a variable.
static inline void martlet_gnutls_free(void *memory) { gnutls_free(memory); }

static inline unsigned int martlet_gnutls_p256_bits(void) {
  return GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
}

static const char *const martlet_oid_common_name = GNUTLS_OID_X520_COMMON_NAME;
static const char *const martlet_oid_unit = GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME;
static const char *const martlet_oid_server = GNUTLS_KP_TLS_WWW_SERVER;
static const char *const martlet_oid_client = GNUTLS_KP_TLS_WWW_CLIENT;
