// The load of the handshake items: new TLS 1.3 connections, one small request on each, as many as the time allows.
//
//     handshakes PORT SECONDS PROCESSES full|resume REQUEST-FILE
//
// PROCESSES children each open one connection after the other, so that the server always has some of them to work on.
// With `resume`, each child keeps the newest ticket it was given and offers it on the next connection; what makes that
// possible, a first full handshake, is made before the time begins. A handshake of the other kind than asked for is an
// error, as is an answer that is not 200 or a connection that the server does not end after it. Ends by printing one
// line of JSON as the wrk scripts of load.py do.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LATENCIES_MAX = 200000, REQUEST_MAX = 4096, PROCESSES_MAX = 256, TIMEOUT_SECONDS = 10 };

// What one child found, in memory it shares with its parent.
struct tally {
    long done, bytes;
    long connect, read, write, status, handshake, resumption;
    long begun, ended;  // nanoseconds of the monotonic clock; 0 until the child got so far
    char negotiated[128];
    unsigned latency[LATENCIES_MAX];  // microseconds, the first so many
};

static SSL_CTX *context;
static SSL_SESSION *newest;  // the ticket to offer next; NULL before the first
static char request[REQUEST_MAX];
static size_t request_length;
static struct sockaddr_in server;

static long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000L + time.tv_nsec;
}

static int keep(SSL *session, SSL_SESSION *ticket) {
    (void)session;
    SSL_SESSION_free(newest);
    newest = ticket;
    return 1;  // kept: the reference is ours
}

static int dial(void) {
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
    int one = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    if (descriptor >= 0 && connect(descriptor, (struct sockaddr *)&server, sizeof server) != 0) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

// The answer up to its end, which the server makes; only its status is looked at.
static void receive(SSL *session, struct tally *tally) {
    char answer[16384];
    long have = 0;
    int got;
    while ((got = SSL_read(session, answer + (have < 16 ? have : 16), sizeof answer - 16)) > 0) have += got;
    tally->bytes += have;
    if (SSL_get_error(session, got) != SSL_ERROR_ZERO_RETURN) tally->read++;  // no close_notify: cut off, or too late
    else if (have < 12 || memcmp(answer, "HTTP/1.1 200", 12) != 0) tally->status++;
    else tally->done++;
}

static void note_negotiated(SSL *session, struct tally *tally) {
    char text[sizeof tally->negotiated];
    snprintf(text, sizeof text, "%s %s %s", SSL_get_version(session), SSL_get_cipher_name(session),
             OBJ_nid2sn(SSL_get_negotiated_group(session)));
    if (tally->negotiated[0] == 0) memcpy(tally->negotiated, text, sizeof text);
    else if (strcmp(tally->negotiated, text) != 0) tally->handshake++;
}

static void once(struct tally *tally, int resumes) {
    int descriptor = dial();
    if (descriptor < 0) {
        tally->connect++;
        return;
    }
    SSL *session = SSL_new(context);
    SSL_set_fd(session, descriptor);
    if (resumes && newest) SSL_set_session(session, newest);
    if (SSL_connect(session) != 1) tally->handshake++;
    else {
        if (SSL_session_reused(session) != resumes) tally->resumption++;
        note_negotiated(session, tally);
        if (SSL_write(session, request, (int)request_length) != (int)request_length) tally->write++;
        else receive(session, tally);
        SSL_set_shutdown(session, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);  // else its ticket would be spoilt
    }
    ERR_clear_error();
    SSL_free(session);
    close(descriptor);
}

static void child(struct tally *tally, int resumes, long seconds) {
    if (resumes) {
        once(tally, 0);
        if (!newest) tally->resumption++;
        tally->done = tally->bytes = 0;
    }
    tally->begun = now();
    long end = tally->begun + seconds * 1000000000L, before = tally->begun;
    while (before < end) {
        long counted = tally->done;
        once(tally, resumes);
        long after = now();
        if (tally->done > counted && tally->done <= LATENCIES_MAX)
            tally->latency[tally->done - 1] = (unsigned)((after - before) / 1000);
        before = after;
    }
    tally->ended = before;
}

static int ascending(const void *one, const void *other) {
    unsigned a = *(const unsigned *)one, b = *(const unsigned *)other;
    return (a > b) - (a < b);
}

static void report(struct tally *tallies, int processes) {
    struct tally sum = {.begun = tallies[0].begun};
    int same = 1;
    size_t count = 0, at = 0;
    for (int n = 0; n < processes; n++) {
        struct tally *tally = &tallies[n];
        sum.done += tally->done, sum.bytes += tally->bytes, sum.connect += tally->connect, sum.read += tally->read;
        sum.write += tally->write, sum.status += tally->status, sum.handshake += tally->handshake;
        sum.resumption += tally->resumption;
        if (tally->begun < sum.begun) sum.begun = tally->begun;
        if (tally->ended > sum.ended) sum.ended = tally->ended;
        same &= strcmp(tally->negotiated, tallies[0].negotiated) == 0;
        count += (size_t)(tally->done < LATENCIES_MAX ? tally->done : LATENCIES_MAX);
    }
    unsigned *latency = calloc(count + 1, sizeof *latency);
    if (!latency) exit(2);
    for (int n = 0; n < processes; n++) {
        size_t own = (size_t)(tallies[n].done < LATENCIES_MAX ? tallies[n].done : LATENCIES_MAX);
        memcpy(latency + at, tallies[n].latency, own * sizeof *latency);
        at += own;
    }
    qsort(latency, count, sizeof *latency, ascending);
    printf("RESULT {\"requests\":%ld,\"microseconds\":%ld,\"bytes\":%ld,\"connect\":%ld,\"read\":%ld,\"write\":%ld,"
           "\"status\":%ld,\"timeout\":0,\"handshake\":%ld,\"resumption\":%ld,\"p50\":%u,\"p99\":%u,"
           "\"negotiated\":\"%s\"}\n",
           sum.done, (sum.ended - sum.begun) / 1000, sum.bytes, sum.connect, sum.read, sum.write, sum.status,
           sum.handshake, sum.resumption, latency[count / 2], latency[count - count / 100 - (count > 0)],
           same ? tallies[0].negotiated : "not the same in all processes");
    free(latency);
}

static int usage(void) {
    fputs("usage: handshakes PORT SECONDS PROCESSES full|resume REQUEST-FILE\n", stderr);
    return 2;
}

int main(int count, char **arguments) {
    if (count != 6) return usage();
    int port = atoi(arguments[1]), processes = atoi(arguments[3]), resumes = strcmp(arguments[4], "resume") == 0;
    long seconds = atol(arguments[2]);
    FILE *file = fopen(arguments[5], "rb");
    if (port <= 0 || seconds <= 0 || processes <= 0 || processes > PROCESSES_MAX || !file) return usage();
    request_length = fread(request, 1, sizeof request, file);
    fclose(file);
    signal(SIGPIPE, SIG_IGN);
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    // The chain is not verified: that is the client's work, the same against every server. The server's signature is.
    context = SSL_CTX_new(TLS_client_method());
    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1) return 2;
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    if (resumes) SSL_CTX_sess_set_new_cb(context, keep);

    struct tally *tallies = mmap(NULL, sizeof *tallies * (size_t)processes, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tallies == MAP_FAILED) return 2;
    for (int n = 0; n < processes; n++) {
        pid_t forked = fork();
        if (forked < 0) return 2;
        if (forked == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            child(&tallies[n], resumes, seconds);
            _exit(0);
        }
    }
    for (int status; wait(&status) > 0;)
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return 2;
    report(tallies, processes);
    return 0;
}
