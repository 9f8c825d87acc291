// The OpenSSL headers that the TLS target speaks to, and what of them Swift cannot see: macros that call a function, and variadic functions.
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// Macros over SSL_CTX_ctrl.
static inline int ctls_set_min_version(SSL_CTX *context, int version) { return (int)SSL_CTX_set_min_proto_version(context, version); }
static inline int ctls_set_max_version(SSL_CTX *context, int version) { return (int)SSL_CTX_set_max_proto_version(context, version); }
static inline int ctls_set_groups(SSL_CTX *context, const char *list) { return (int)SSL_CTX_set1_groups_list(context, list); }
static inline int ctls_add_chain_certificate(SSL_CTX *context, X509 *certificate) { return (int)SSL_CTX_add1_chain_cert(context, certificate); }
static inline void ctls_set_mode(SSL_CTX *context, long mode) { SSL_CTX_set_mode(context, mode); }
static inline void ctls_set_session_cache_mode(SSL_CTX *context, long mode) { SSL_CTX_set_session_cache_mode(context, mode); }

// An inline function whose constants are macros with casts.
static inline int ctls_error_reason(unsigned long code) { return ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0; }

// Whether reading PEM has ended because there is no further block: an error like others, whose parts macros take out.
static inline int ctls_is_end_of_pem(unsigned long code) { return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE; }

// A macro over SSL_ctrl.
static inline int ctls_set_server_name(SSL *session, const char *name) { return (int)SSL_set_tlsext_host_name(session, name); }

// Constants that are macros with a cast, which Swift does not import.
static const uint64_t ctls_no_renegotiation = SSL_OP_NO_RENEGOTIATION;
static const uint64_t ctls_ignore_unexpected_eof = SSL_OP_IGNORE_UNEXPECTED_EOF;
static const uint64_t ctls_no_compression = SSL_OP_NO_COMPRESSION;
static const uint64_t ctls_no_ticket = SSL_OP_NO_TICKET;

// A macro over CRYPTO_get_ex_new_index: a slot of every SSL_CTX, emptied by `release`.
static inline int ctls_new_context_slot(CRYPTO_EX_free *release) { return SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, release); }

// A macro over the variadic EVP_Q_keygen: a key pair on the curve P-256.
static inline EVP_PKEY *ctls_new_p256_key(void) { return EVP_EC_gen("P-256"); }

// A macro over BIO_ctrl: the bytes that a memory BIO holds.
static inline long ctls_memory(BIO *bio, char **bytes) { return BIO_get_mem_data(bio, bytes); }

// A macro with file and line: frees what OpenSSL allocated for the caller.
static inline void ctls_free(void *pointer) { OPENSSL_free(pointer); }

// GENERAL_NAMES is a stack, whose accessors are macros. How many names there are, and the URI at an index; NULL when that name is no URI.
static inline int ctls_name_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
static inline const ASN1_STRING *ctls_uri(const GENERAL_NAMES *names, int index) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    return name != NULL && name->type == GEN_URI ? name->d.uniformResourceIdentifier : NULL;
}
// The same for a DNS name, and for an address: 4 or 16 bytes.
static inline const ASN1_STRING *ctls_dns_name(const GENERAL_NAMES *names, int index) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    return name != NULL && name->type == GEN_DNS ? name->d.dNSName : NULL;
}
static inline const ASN1_STRING *ctls_address(const GENERAL_NAMES *names, int index) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    return name != NULL && name->type == GEN_IPADD ? name->d.iPAddress : NULL;
}
static inline void ctls_free_names(GENERAL_NAMES *names) { GENERAL_NAMES_free(names); }

// OSSL_PARAM keeps pointers to its names and values, which must outlive the call that makes it: a C array does, a Swift string passed as one does not.
// Starts an HMAC with SHA-256 under a key of any length; `key` is not NULL even when `length` is 0, since NULL asks for the key set before.
static inline int ctls_start_hmac_sha256(EVP_MAC_CTX *mac, const unsigned char *key, size_t length) {
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0), OSSL_PARAM_construct_end()};
    return EVP_MAC_init(mac, key, length, parameters);
}
// The same without starting: for the callback that prepares session tickets.
static inline int ctls_set_hmac_sha256(EVP_MAC_CTX *mac, const unsigned char *key, size_t length) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key, length),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0), OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, parameters);
}
