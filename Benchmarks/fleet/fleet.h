/* The fleet: the load of a million instances, each with a lease that the fleet knows the bounds of.
 *
 * wrk sends as fast as it can and looks at no answer; what a registry is for is the opposite: very many clients, each at
 * its own slow pace, to whom a wrong answer matters. So the fleet sends at a given rate whether or not answers come
 * (latency counts from when a request was due, not from when a connection was free for it), reads every answer, and
 * holds what it sees of an instance against what it knows of its lease. main.c tells how it is driven.
 */

#ifndef FLEET_H
#define FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ID_BYTES = 16,
    MAX_STREAMS = 16,
    MAX_STATUS = 600,
    MAX_BATCH = 1000,           /* ids in one PUT /api/v1/heartbeats */
    LATEST_EXPIRY_MS = 1000     /* an instance may be seen so long after its TTL */
};

static const int64_t MILLISECOND = 1000000, SECOND = 1000000000;

int64_t now_ns(void);
void die(const char *sentence, const char *detail) __attribute__((noreturn));
void *must(void *memory);

/* Latencies: 64 steps to a power of two, so a value read back is at most 1.6 % too small. */

enum { HISTOGRAM_STEPS = 64, HISTOGRAM_SIZE = 64 * HISTOGRAM_STEPS };

struct histogram {
    uint64_t counts[HISTOGRAM_SIZE];
    uint64_t total;
    int64_t largest; /* exact, nanoseconds */
};

void histogram_add(struct histogram *histogram, int64_t nanoseconds);
double histogram_us(const struct histogram *histogram, double share); /* the value that `share` of all are not above */

/* Leases: what the fleet knows of each instance. */

enum lease_state { UNKNOWN = 0, LIVE, REMOVED };

struct lease {
    char id[ID_BYTES];
    int64_t sent;       /* of the last registration, renewal or removal that was answered: */
    int64_t answered;   /* the lease began somewhere between these two */
    uint32_t ttl;       /* seconds */
    uint8_t state;
    uint16_t pending;   /* Invariant: how many requests that change this lease are on their way */
};

struct leases {
    struct lease *all;
    uint32_t count;      /* Invariant: every index below has been registered, or is about to be */
    uint32_t room;
    uint32_t services, namespaces; /* instance i is of service i % services, that of namespace s % namespaces */
};

extern struct leases leases;

void leases_reserve(uint32_t count);

/* What looking for an instance may find, given that it was asked for at `asked` and answered at `answered`. */
enum verdict { NOTHING_TO_SAY, AS_DUE, GONE_EARLY, SEEN_LATE };
enum verdict lease_judge(const struct lease *lease, bool seen, int64_t asked, int64_t answered, int64_t *by_ns);

/* Connections: keep-alive, one request at a time, edge-triggered. */

struct stream;

struct connection {
    int descriptor;             /* -1 once broken */
    struct stream *stream;
    bool busy;
    int64_t due, sent, freed;   /* when the request should have left, when it did, when its predecessor was answered */
    uint32_t item;              /* what was asked about: an index of an instance, a batch, a service */
    struct connection *next;    /* in the stream's queue of idle ones */
    char *input;
    size_t input_length, input_room;
    char *output;
    size_t output_length, output_sent, output_room;
    /* Of a watcher only: what it waits for. */
    bool watching;
    int64_t watched_sent, watched_answered, look_again;
};

struct answer {
    int status;
    const char *body;
    size_t body_length;
    size_t size; /* of the whole answer on the wire */
};

bool connection_open(struct connection *connection, int epoll, int port);
char *connection_output(struct connection *connection, size_t room); /* where the next request is to be written */
bool connection_flush(struct connection *connection);                /* false: broken */
bool connection_fill(struct connection *connection);                 /* false: broken or ended */
/* 1: there is an answer, which stays valid until the next fill; 0: not yet; -1: it cannot be read. */
int connection_answer(struct connection *connection, struct answer *answer);
void connection_close(struct connection *connection);

/* Streams: one kind of request, at one rate, over connections of its own. */

enum kind { REGISTER, HEARTBEAT, BATCH, REMOVE, LOOK, LIST, WATCH };

struct stream {
    enum kind kind;
    int port;
    uint32_t from, count;   /* the instances it is about */
    uint32_t sample;        /* LOOK and LIST: how many of them, evenly spread; 0 is all */
    double rate;            /* requests a second; 0: as fast as the answers come */
    double seconds;         /* when to end; 0: by count or never */
    uint64_t limit;         /* how many requests at most; 0: by time or never */
    uint32_t ttl;           /* REGISTER: of each instance, seconds; */
    uint32_t until;         /* or: all run out so many seconds after the phase began */
    uint32_t generation;    /* REGISTER: other endpoints, and so other ids, for the same numbers */
    uint32_t size;          /* BATCH: ids in each */
    uint32_t every;         /* REGISTER: the share that watchers look for, one in so many; 0: none */
    double interval_us;     /* WATCH: the pause between two looks */

    struct connection *connections;
    uint32_t connection_count, alive;
    struct connection *idle_first, *idle_last;
    int64_t begun, ended, next_due;
    bool finished;
    uint64_t started, outstanding;

    uint64_t requests, instances, bytes, broken, unreadable, skipped, never_seen;
    uint64_t statuses[MAX_STATUS]; /* answers that were not as they should be, by status */
    uint64_t checked, gone_early, seen_late;
    int64_t worst_early, worst_late; /* nanoseconds */
    uint64_t late_total;
    struct histogram latency;   /* from when a request was due to its answer */
    struct histogram own_delay; /* what of that was the fleet's fault: the connection was free and it was due */
    struct histogram visible;   /* WATCH: from the registration's answer to that of the look that found it */
    struct histogram visible_from_sent;
};

bool kind_named(const char *name, enum kind *kind);
const char *kind_name(enum kind kind);
void stream_idle(struct stream *stream, struct connection *connection, int64_t now); /* joins the queue */
/* Writes the stream's next request for `connection`; the caller sends it. */
void stream_request(struct stream *stream, struct connection *connection, int64_t now);
/* Judges the answer. `watcher` is the stream of watchers or NULL. */
void stream_answered(struct stream *stream, struct connection *connection, const struct answer *answer, int64_t now,
                     struct stream *watcher);
void stream_lost(struct stream *stream, struct connection *connection); /* its request will never be answered */
void watch_request(struct stream *stream, struct connection *connection, int64_t now);

#endif
