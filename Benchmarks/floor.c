/* The floor: what evhttp costs when the application behind it does nothing.
 *
 * A registry built over evhttp cannot answer faster than evhttp does, so its throughput means something only beside a
 * bare evhttp that sends the same bytes. This one is tuned as well as evhttp allows: a base without locks that batches
 * its epoll changes, one write and one read per turn of the loop, no delay for small segments, and the general callback
 * only. It answers from a file of canned answers which the driver learnt from the real registry, and pays for each
 * answer as an application must: one evhttp_add_header per header and request, a copy for small bodies, a reference for
 * large ones. Date and Content-Length are left to evhttp.
 *
 * With a certificate it speaks TLS in place of plain HTTP, through libevent's own OpenSSL bufferevents.
 *
 * The file holds any number of answers, each made of one line, its headers, and its body followed by a newline:
 *
 *     METHOD PATTERN STATUS HEADER-COUNT BODY-LENGTH REASON
 *     Name: value
 *     ...
 *
 * PATTERN is compared with the request target as sent, query included; one `*` in it stands for any run of bytes.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <openssl/ssl.h>

enum {
    MAX_ANSWERS = 16,
    MAX_HEADERS = 32,
    SINGLE_IO_BYTES = 1 << 20,    /* evhttp's own 16 KB per turn of the loop make large answers slow */
    REFERENCE_FROM_BYTES = 4096,  /* below this a copy is cheaper than a chain element of its own */
    REQUEST_BODY_BYTES = 128 << 10 /* the most of a request's body that is looked at */
};

struct header {
    char *name;
    char *value;
};

struct answer {
    enum evhttp_cmd_type method;
    char *prefix; /* of the pattern: what stands before `*`, or all of it */
    char *suffix; /* what stands after `*`; NULL when the pattern has none */
    size_t prefix_length, suffix_length;
    int status;
    char *reason;
    struct header headers[MAX_HEADERS];
    int header_count;
    char *body;
    size_t body_length;
};

static struct answer answers[MAX_ANSWERS];
static int answer_count;

static void die(const char *sentence, const char *detail) {
    fprintf(stderr, "floor: %s: %s\n", sentence, detail);
    exit(2);
}

static enum evhttp_cmd_type method_named(const char *name) {
    if (!strcmp(name, "GET")) return EVHTTP_REQ_GET;
    if (!strcmp(name, "PUT")) return EVHTTP_REQ_PUT;
    if (!strcmp(name, "POST")) return EVHTTP_REQ_POST;
    die("unknown method in the canned answers", name);
    return 0;
}

/* Reads one line without its newline; NULL at the end of the file. The caller owns the line. */
static char *read_line(FILE *file) {
    char *line = NULL;
    size_t room = 0;
    ssize_t length = getline(&line, &room, file);
    if (length < 0) {
        free(line);
        return NULL;
    }
    if (length > 0 && line[length - 1] == '\n') line[length - 1] = '\0';
    return line;
}

static bool read_answer(FILE *file) {
    char *line = read_line(file);
    if (!line) return false;
    if (answer_count == MAX_ANSWERS) die("too many canned answers", line);
    struct answer *answer = &answers[answer_count++];

    char method[16], pattern[512];
    int reason_at = 0;
    if (sscanf(line, "%15s %511s %d %d %zu %n", method, pattern, &answer->status, &answer->header_count,
               &answer->body_length, &reason_at) != 5 || reason_at == 0
        || answer->header_count < 0 || answer->header_count > MAX_HEADERS)
        die("a canned answer does not read METHOD PATTERN STATUS HEADER-COUNT BODY-LENGTH REASON", line);
    answer->method = method_named(method);
    answer->reason = strdup(line + reason_at);
    free(line);

    char *star = strchr(pattern, '*');
    if (star) {
        *star = '\0';
        answer->suffix = strdup(star + 1);
        answer->suffix_length = strlen(answer->suffix);
    }
    answer->prefix = strdup(pattern);
    answer->prefix_length = strlen(pattern);

    for (int i = 0; i < answer->header_count; i++) {
        char *header = read_line(file);
        char *colon = header ? strstr(header, ": ") : NULL;
        if (!colon) die("a header is not `Name: value`", header ? header : "end of file");
        *colon = '\0';
        answer->headers[i] = (struct header){.name = header, .value = colon + 2};
    }
    answer->body = malloc(answer->body_length + 1);
    if (!answer->body || fread(answer->body, 1, answer->body_length + 1, file) != answer->body_length + 1)
        die("a body is cut short", pattern);
    return true;
}

static const struct answer *answer_for(enum evhttp_cmd_type method, const char *target) {
    size_t length = strlen(target);
    for (int i = 0; i < answer_count; i++) {
        const struct answer *answer = &answers[i];
        if (answer->method != method) continue;
        if (!answer->suffix) {
            if (length == answer->prefix_length && !memcmp(target, answer->prefix, length)) return answer;
        } else if (length >= answer->prefix_length + answer->suffix_length
                   && !memcmp(target, answer->prefix, answer->prefix_length)
                   && !memcmp(target + length - answer->suffix_length, answer->suffix, answer->suffix_length)) {
            return answer;
        }
    }
    return NULL;
}

/* Copies the body out, as anyone must who parses it, and says whether it looks like the JSON object that was sent. */
static bool read_request_body(struct evhttp_request *request) {
    static char body[REQUEST_BODY_BYTES];
    ev_ssize_t length = evbuffer_copyout(evhttp_request_get_input_buffer(request), body, sizeof body);
    return length > 1 && body[0] == '{' && body[length - 1] == '}';
}

static void on_request(struct evhttp_request *request, void *unused) {
    (void)unused;
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    const struct answer *answer = answer_for(method, evhttp_request_get_uri(request));
    if (!answer) {
        evhttp_send_reply(request, 404, "Not Found", NULL);
        return;
    }
    if (method == EVHTTP_REQ_POST && !read_request_body(request)) {
        evhttp_send_reply(request, 400, "Bad Request", NULL);
        return;
    }
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    for (int i = 0; i < answer->header_count; i++)
        evhttp_add_header(headers, answer->headers[i].name, answer->headers[i].value);
    struct evbuffer *output = evhttp_request_get_output_buffer(request);
    if (answer->body_length >= REFERENCE_FROM_BYTES)
        evbuffer_add_reference(output, answer->body, answer->body_length, NULL, NULL);
    else if (answer->body_length > 0)
        evbuffer_add(output, answer->body, answer->body_length);
    evhttp_send_reply(request, answer->status, answer->reason, NULL);
}

static struct bufferevent *make_bufferevent(struct event_base *base, void *tls) {
    struct bufferevent *connection =
        tls ? bufferevent_openssl_socket_new(base, -1, SSL_new(tls), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE)
            : bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (connection) {
        bufferevent_set_max_single_write(connection, SINGLE_IO_BYTES);
        bufferevent_set_max_single_read(connection, SINGLE_IO_BYTES);
    }
    return connection;
}

/* TLS with OpenSSL's defaults, which are what the registry and nginx come to with a client of OpenSSL's. */
static SSL_CTX *make_tls(const char *certificate, const char *key) {
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (!tls || SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
        die("cannot use the certificate or its key", certificate);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    return tls;
}

/* Writes `api PORT` beside the path and renames it into place, so that a reader never sees half of it. */
static void tell_port(const char *path, unsigned port) {
    char beside[4096];
    if ((size_t)snprintf(beside, sizeof beside, "%s.new", path) >= sizeof beside) die("path too long", path);
    FILE *file = fopen(beside, "w");
    if (!file || fprintf(file, "api %u\n", port) < 0 || fclose(file) != 0 || rename(beside, path) != 0)
        die("cannot write the port file", strerror(errno));
}

int main(int count, char **arguments) {
    const char *canned = NULL, *port_file = NULL, *certificate = NULL, *key = NULL;
    for (int i = 1; i + 1 < count; i += 2) {
        if (!strcmp(arguments[i], "--canned")) canned = arguments[i + 1];
        else if (!strcmp(arguments[i], "--port_file")) port_file = arguments[i + 1];
        else if (!strcmp(arguments[i], "--tls_cert")) certificate = arguments[i + 1];
        else if (!strcmp(arguments[i], "--tls_key")) key = arguments[i + 1];
        else die("unknown argument", arguments[i]);
    }
    if (!canned || !port_file) 
        die("usage", "floor --canned FILE --port_file FILE [--tls_cert FILE --tls_key FILE] (API_PORT: environment)");

    FILE *file = fopen(canned, "r");
    if (!file) die("cannot read the canned answers", canned);
    while (read_answer(file)) {}
    fclose(file);

    struct event_config *config = event_config_new();
    event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST | EVENT_BASE_FLAG_NOLOCK);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    if (!base) die("no event base", strerror(errno));

    struct evhttp *http = evhttp_new(base);
    evhttp_set_bevcb(http, make_bufferevent, certificate && key ? make_tls(certificate, key) : NULL);
    evhttp_set_gencb(http, on_request, NULL);
    evhttp_set_default_content_type(http, NULL); /* the canned headers say what the registry says, nothing else */

    const char *wanted = getenv("API_PORT");
    struct evhttp_bound_socket *bound =
        evhttp_bind_socket_with_handle(http, "127.0.0.1", wanted ? (ev_uint16_t)atoi(wanted) : 0);
    if (!bound) die("cannot listen", strerror(errno));
    evutil_socket_t listener = evhttp_bound_socket_get_fd(bound);
    int on = 1;
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* connections inherit it */
    struct sockaddr_in address;
    socklen_t address_length = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &address_length) != 0)
        die("no address", strerror(errno));

    signal(SIGPIPE, SIG_IGN);
    tell_port(port_file, ntohs(address.sin_port));
    return event_base_dispatch(base) == 0 ? 0 : 1; /* until a signal ends the process */
}
