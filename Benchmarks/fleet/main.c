/* The fleet's driver: phases of streams, one line of command each on standard input, one line of JSON in answer.
 *
 *     fleet PORT SERVICES NAMESPACES          NAMESPACES 0: no authorization, everything in one namespace
 *
 *     run register from=0 count=1000000 ttl=120 connections=32
 *     run heartbeat count=900000 rate=30000 seconds=60 ; batch from=900000 count=100000 size=100 rate=33 ; look rate=100
 *
 * The streams of a line run at once. A phase ends when every stream with an end (seconds=, passes=, limit=; register and
 * remove: one pass unless told otherwise) has come to it; those without one stop then. All times are in the driver's
 * own monotonic clock, latencies in microseconds. One thread: `cpu_seconds` beside `seconds` tells how near it was to
 * its own limit, `own_delay` how late it was by its own fault.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "fleet.h"

enum { EVENTS = 512, DEFAULT_CONNECTIONS = 32, ANSWER_SECONDS = 30, BURST = 256, TIMER_SLACK_NS = 1000 };

static struct stream *streams[MAX_STREAMS];
static unsigned stream_count;
static struct stream *watcher; /* the WATCH stream of the phase, or NULL */
static int epoll, main_port;
static bool stopping;          /* every stream with an end has come to it */

static double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Reading a command */

static void set(struct stream *stream, char *word) {
    char *equals = strchr(word, '='), *end = NULL;
    if (!equals) die("not NAME=NUMBER", word);
    double number = strtod(equals + 1, &end);
    if (*end || end == equals + 1 || number < 0) die("not a number", word);
    *equals = '\0';
    if (!strcmp(word, "port")) stream->port = (int)number;
    else if (!strcmp(word, "from")) stream->from = (uint32_t)number;
    else if (!strcmp(word, "count")) stream->count = (uint32_t)number;
    else if (!strcmp(word, "sample")) stream->sample = (uint32_t)number;
    else if (!strcmp(word, "rate")) stream->rate = number;
    else if (!strcmp(word, "seconds")) stream->seconds = number;
    else if (!strcmp(word, "passes")) stream->limit = (uint64_t)number; /* turned into requests by `prepare` */
    else if (!strcmp(word, "ttl")) stream->ttl = (uint32_t)number;
    else if (!strcmp(word, "until")) stream->until = (uint32_t)number;
    else if (!strcmp(word, "generation")) stream->generation = (uint32_t)number;
    else if (!strcmp(word, "size")) stream->size = (uint32_t)number;
    else if (!strcmp(word, "every")) stream->every = (uint32_t)number;
    else if (!strcmp(word, "interval")) stream->interval_us = number;
    else if (!strcmp(word, "connections")) stream->connection_count = (uint32_t)number;
    else die("unknown option", word);
}

static void prepare(struct stream *stream) {
    if (stream->count == 0) stream->count = leases.count > stream->from ? leases.count - stream->from : 0;
    if (stream->kind == REGISTER) leases_reserve(stream->from + stream->count);
    if (stream->kind != WATCH && (stream->count == 0 || stream->from + stream->count > leases.count))
        die("there are no such instances yet", kind_name(stream->kind));
    if (stream->sample > stream->count) stream->sample = stream->count;
    bool one_pass = (stream->kind == REGISTER || stream->kind == REMOVE) && stream->limit == 0 && stream->seconds == 0;
    uint64_t in_pass = stream->kind == BATCH ? (stream->count + stream->size - 1) / stream->size
        : stream->kind == LOOK && stream->sample ? stream->sample
        : stream->kind == LIST ? (stream->sample ? stream->sample : leases.services) : stream->count;
    stream->limit = (one_pass ? 1 : stream->limit) * in_pass;
    if (stream->kind == BATCH) {
        if (stream->size < 1 || stream->size > MAX_BATCH) die("size is 1 to 1000", kind_name(stream->kind));
        if (leases.namespaces > 1
            && (stream->count % leases.namespaces || stream->from % leases.namespaces
                || stream->count / leases.namespaces % stream->size))
            die("a batch would hold instances of two namespaces", kind_name(stream->kind));
    }
}

static void read_streams(char *command) {
    char *rest = NULL;
    for (char *part = strtok_r(command, ";", &rest); part; part = strtok_r(NULL, ";", &rest)) {
        if (stream_count == MAX_STREAMS) die("too many streams", part);
        struct stream *stream = streams[stream_count++] = must(calloc(1, sizeof *stream));
        char *inner = NULL, *word = strtok_r(part, " \t\n", &inner);
        if (!word || !kind_named(word, &stream->kind)) die("unknown kind of stream", word ? word : "none");
        *stream = (struct stream){.kind = stream->kind, .port = main_port, .connection_count = DEFAULT_CONNECTIONS,
                                  .ttl = 3600, .size = MAX_BATCH, .interval_us = 200};
        while ((word = strtok_r(NULL, " \t\n", &inner))) set(stream, word);
        prepare(stream);
        if (stream->kind == WATCH) watcher = stream;
    }
}

/* Running a phase */

static void open_connections(struct stream *stream) {
    stream->connections = must(calloc(stream->connection_count, sizeof *stream->connections));
    for (uint32_t i = 0; i < stream->connection_count; i++) {
        struct connection *connection = &stream->connections[i];
        connection->stream = stream;
        if (!connection_open(connection, epoll, stream->port)) {
            stream->broken++;
            continue;
        }
        stream->alive++;
        stream_idle(stream, connection, 0);
    }
}

static void lost(struct connection *connection) {
    struct stream *stream = connection->stream;
    if (connection->descriptor < 0) return;
    stream_lost(stream, connection);
    connection_close(connection);
    connection->busy = connection->watching = false;
    /* Idle ones are in a queue: out of it, so that nothing is sent on them. */
    struct connection **link = &stream->idle_first, *last = NULL;
    while (*link) {
        if (*link == connection) *link = connection->next;
        else link = &(last = *link)->next;
    }
    stream->idle_last = last;
}

static bool over(const struct stream *stream, int64_t now) {
    return stopping || stream->alive == 0 || (stream->limit && stream->started >= stream->limit)
        || (stream->seconds > 0 && now - stream->begun >= (int64_t)(stream->seconds * 1e9));
}

/* Sends what is due. Returns when there is something to do again, in the monotonic clock. */
static int64_t pump(struct stream *stream, int64_t now) {
    const int64_t never = INT64_MAX;
    if (stream->kind == WATCH) {
        int64_t next = never;
        for (uint32_t i = 0; i < stream->connection_count; i++) {
            struct connection *connection = &stream->connections[i];
            if (!connection->watching || connection->busy || connection->descriptor < 0) continue;
            if (connection->look_again <= now) {
                watch_request(stream, connection, now);
                if (!connection_flush(connection)) lost(connection);
            } else if (connection->look_again < next) {
                next = connection->look_again;
            }
        }
        return next;
    }
    if (stream->finished) return never;
    for (int burst = 0; burst < BURST; burst++) {
        if (over(stream, now)) {
            if (stream->outstanding == 0) {
                stream->finished = true;
                stream->ended = now;
            }
            return never;
        }
        if (stream->rate > 0 && stream->next_due > now) return stream->next_due;
        struct connection *connection = stream->idle_first;
        if (!connection) return never; /* an answer will come first */
        stream->idle_first = connection->next;
        if (!stream->idle_first) stream->idle_last = NULL;
        int64_t due = stream->rate > 0 ? stream->next_due : now;
        stream_request(stream, connection, now);
        connection->due = due;
        connection->sent = now;
        connection->busy = true;
        stream->started++;
        stream->outstanding++;
        int64_t could = due > connection->freed ? due : connection->freed;
        histogram_add(&stream->own_delay, now - could);
        if (stream->rate > 0) stream->next_due += (int64_t)(1e9 / stream->rate);
        if (!connection_flush(connection)) lost(connection);
        now = now_ns();
    }
    return now; /* the others' turn, then this one's again */
}

static void happened(struct connection *connection, uint32_t events) {
    if (connection->descriptor < 0) return;
    if (events & (EPOLLERR | EPOLLHUP) || ((events & EPOLLOUT) && !connection_flush(connection))) {
        lost(connection);
        return;
    }
    if (!(events & (EPOLLIN | EPOLLRDHUP))) return;
    bool filled = connection_fill(connection);
    if (connection->busy) {
        struct answer answer;
        int found = connection_answer(connection, &answer);
        if (found > 0) stream_answered(connection->stream, connection, &answer, now_ns(), watcher);
        else if (found < 0) {
            connection->stream->unreadable++;
            filled = false;
        }
    }
    if (!filled || events & EPOLLRDHUP) lost(connection);
}

static bool bounded(const struct stream *stream) { return stream->limit > 0 || stream->seconds > 0; }

static bool all_over(void) {
    bool any = false;
    for (unsigned i = 0; i < stream_count; i++) {
        if (!bounded(streams[i]) || streams[i]->kind == WATCH) continue;
        any = true;
        if (!streams[i]->finished) return false;
    }
    if (!any) die("nothing in the command has an end", "");
    return true;
}

static bool all_done(void) {
    for (unsigned i = 0; i < stream_count; i++) {
        if (streams[i]->kind != WATCH && !streams[i]->finished) return false;
        for (uint32_t n = 0; streams[i]->kind == WATCH && n < streams[i]->connection_count; n++)
            if (streams[i]->connections[n].watching) return false;
    }
    return true;
}

static void run_phase(void) {
    struct epoll_event events[EVENTS];
    int64_t last_answer = now_ns();
    for (;;) {
        int64_t now = now_ns(), next = INT64_MAX;
        for (unsigned i = 0; i < stream_count; i++) {
            int64_t wanted = pump(streams[i], now);
            if (wanted < next) next = wanted;
        }
        if (!stopping && all_over()) stopping = true, next = now;
        if (stopping && all_done()) return;
        now = now_ns();
        int64_t wait = next <= now ? 0 : next - now < SECOND / 10 ? next - now : SECOND / 10;
        struct timespec timeout = {.tv_sec = 0, .tv_nsec = wait};
        int count = epoll_pwait2(epoll, events, EVENTS, &timeout, NULL);
        if (count < 0 && errno != EINTR) die("epoll_pwait2", strerror(errno));
        for (int i = 0; i < count; i++) happened(events[i].data.ptr, events[i].events);
        now = now_ns();
        uint64_t outstanding = 0;
        for (unsigned i = 0; i < stream_count; i++) outstanding += streams[i]->outstanding;
        if (count > 0 || outstanding == 0) last_answer = now;
        else if (now - last_answer > ANSWER_SECONDS * SECOND) die("no answer for too long", "the server hangs");
    }
}

/* Telling what was found */

static void tell_histogram(const char *name, const struct histogram *histogram) {
    printf(",\"%s\":{\"count\":%lu,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}", name,
           (unsigned long)histogram->total, histogram_us(histogram, 0.5), histogram_us(histogram, 0.9),
           histogram_us(histogram, 0.99), histogram_us(histogram, 0.999), histogram_us(histogram, 1));
}

static void tell(const struct stream *stream) {
    printf("{\"kind\":\"%s\",\"connections\":%u,\"seconds\":%.6f,\"requests\":%lu,\"instances\":%lu,\"bytes\":%lu,"
           "\"broken\":%lu,\"unreadable\":%lu,\"checked\":%lu,\"gone_early\":%lu,\"seen_late\":%lu,"
           "\"worst_early_ms\":%.3f,\"worst_late_ms\":%.3f,\"skipped\":%lu,\"never_seen\":%lu,\"unexpected\":{",
           kind_name(stream->kind), stream->connection_count,
           (double)((stream->ended ? stream->ended : now_ns()) - stream->begun) / 1e9, (unsigned long)stream->requests,
           (unsigned long)stream->instances, (unsigned long)stream->bytes, (unsigned long)stream->broken,
           (unsigned long)stream->unreadable, (unsigned long)stream->checked, (unsigned long)stream->gone_early,
           (unsigned long)stream->seen_late, (double)stream->worst_early / 1e6, (double)stream->worst_late / 1e6,
           (unsigned long)stream->skipped, (unsigned long)stream->never_seen);
    const char *comma = "";
    for (int status = 0; status < MAX_STATUS; status++)
        if (stream->statuses[status]) {
            printf("%s\"%d\":%lu", comma, status, (unsigned long)stream->statuses[status]);
            comma = ",";
        }
    putchar('}');
    tell_histogram("latency_us", &stream->latency);
    tell_histogram("own_delay_us", &stream->own_delay);
    if (stream->kind == WATCH) {
        tell_histogram("visible_us", &stream->visible);
        tell_histogram("visible_from_sent_us", &stream->visible_from_sent);
    }
    putchar('}');
}

static void run(char *command) {
    stream_count = 0;
    watcher = NULL;
    stopping = false;
    read_streams(command);
    for (unsigned i = 0; i < stream_count; i++) open_connections(streams[i]);
    int64_t begun = now_ns();
    double cpu = cpu_seconds();
    for (unsigned i = 0; i < stream_count; i++) streams[i]->begun = streams[i]->next_due = begun;
    run_phase();
    printf("{\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"streams\":[", (double)(now_ns() - begun) / 1e9, cpu_seconds() - cpu);
    for (unsigned i = 0; i < stream_count; i++) {
        if (i > 0) putchar(',');
        tell(streams[i]);
    }
    puts("]}");
    fflush(stdout);
    for (unsigned i = 0; i < stream_count; i++) {
        for (uint32_t n = 0; n < streams[i]->connection_count; n++) connection_close(&streams[i]->connections[n]);
        free(streams[i]->connections);
        free(streams[i]);
    }
}

int main(int count, char **arguments) {
    if (count != 4) die("usage", "fleet PORT SERVICES NAMESPACES, commands on standard input");
    main_port = atoi(arguments[1]);
    leases.services = (uint32_t)atoi(arguments[2]);
    leases.namespaces = (uint32_t)atoi(arguments[3]);
    if (main_port <= 0 || leases.services == 0 || (leases.namespaces && leases.services % leases.namespaces))
        die("usage", "a port, services, and namespaces that divide them evenly");
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) die("epoll", strerror(errno));
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        if (strncmp(line, "run ", 4) == 0) run(line + 4);
        else die("not a command", line);
    }
    return 0;
}
