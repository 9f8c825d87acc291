/* What each kind of stream asks, and what it makes of the answers. */

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet.h"

enum { REQUEST_ROOM = 1024, NEVER_SEEN_SECONDS = 10, GENERATION_STEP = 10000000, NUMBERS = 100000000 };

/* The instance that load.py registers, but for its TTL. */
static const char instance_format[] =
    "{\"service_name\":\"svc-%04u\",\"endpoint\":{\"type\":\"http\",\"value\":\"host-%08u.internal:8080\"},"
    "\"ttl\":%u,\"status\":\"UP\",\"tags\":[\"zone-a\",\"v1.4.2\",\"blue\"],"
    "\"metadata\":{\"version\":\"1.4.2\",\"region\":\"eu-west\",\"weight\":10,\"drain\":false}}";

static const char *const names[] = {"register", "heartbeat", "batch", "remove", "look", "list", "watch"};
static const int expected[] = {201, 200, 200, 200, 200, 200, 200};

bool kind_named(const char *name, enum kind *kind) {
    for (int i = REGISTER; i <= WATCH; i++)
        if (!strcmp(name, names[i])) {
            *kind = (enum kind)i;
            return true;
        }
    return false;
}

const char *kind_name(enum kind kind) { return names[kind]; }

void stream_idle(struct stream *stream, struct connection *connection, int64_t now) {
    connection->busy = false;
    connection->freed = now;
    connection->next = NULL;
    /* First freed, first used: every connection has its turn, as those of many clients would. */
    if (stream->idle_last) stream->idle_last->next = connection;
    else stream->idle_first = connection;
    stream->idle_last = connection;
}

/* Which instance, batch or service the stream's n-th request is about. */
static uint32_t item_at(const struct stream *stream, uint64_t n) {
    switch (stream->kind) {
    case REGISTER:
        return stream->from + (uint32_t)(n % stream->count);
    case LOOK: {
        uint32_t sample = stream->sample ? stream->sample : stream->count;
        return stream->from + (uint32_t)((n % sample) * stream->count / sample);
    }
    case LIST: {
        uint32_t sample = stream->sample ? stream->sample : leases.services;
        return (uint32_t)((n % sample) * leases.services / sample);
    }
    case BATCH:
        return (uint32_t)(n % ((stream->count + stream->size - 1) / stream->size));
    default: {
        /* An order unlike that of registration, and the same in every pass: each instance is renewed at even distances. */
        uint64_t stride = stream->count % 1000003 ? 1000003 : 999983;
        return stream->from + (uint32_t)(n % stream->count * stride % stream->count);
    }
    }
}

/* The k-th instance of a stream of batches, ordered by namespace, since a request speaks for one namespace. With
 * namespaces the count is a multiple of them, as is the size of the share of each (main.c sees to it). */
static uint32_t batched(const struct stream *stream, uint32_t k) {
    if (leases.namespaces < 2) return stream->from + k;
    uint32_t each = stream->count / leases.namespaces;
    return stream->from + k % each * leases.namespaces + k / each;
}

static uint32_t batch_begin(const struct stream *stream, uint32_t batch) { return batch * stream->size; }

static uint32_t batch_end(const struct stream *stream, uint32_t batch) {
    uint64_t end = (uint64_t)(batch + 1) * stream->size;
    return end < stream->count ? (uint32_t)end : stream->count;
}

static char *put(char *at, const char *text) {
    size_t length = strlen(text);
    memcpy(at, text, length);
    return at + length;
}

/* The headers that every request has, for the namespace of `service`. */
static char *put_head(char *at, const struct stream *stream, uint32_t service) {
    at += sprintf(at, " HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n", stream->port);
    if (leases.namespaces) at += sprintf(at, "Authorization: Bearer ns-%04u\r\n", service % leases.namespaces);
    return at;
}

static char *put_body(char *at, const char *body, size_t length) {
    at += sprintf(at, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n", length);
    memcpy(at, body, length);
    return at + length;
}

static void write_register(struct stream *stream, struct connection *connection, int64_t now) {
    uint32_t number = connection->item, service = number % leases.services;
    struct lease *lease = &leases.all[number];
    char *out = connection_output(connection, REQUEST_ROOM), *at = out, body[REQUEST_ROOM / 2];
    /* All run out within the same second when each asks for what is left until then in whole seconds. */
    uint32_t elapsed = (uint32_t)((now - stream->begun) / SECOND);
    lease->ttl = !stream->until ? stream->ttl : stream->until > elapsed ? stream->until - elapsed : 1;
    lease->pending++;
    int length = snprintf(body, sizeof body, instance_format, service,
                          (number + stream->generation * GENERATION_STEP) % NUMBERS, lease->ttl);
    at = put_head(put(at, "POST /api/v1/instances"), stream, service);
    connection->output_length = (size_t)(put_body(at, body, (size_t)length) - out);
}

static void write_about(struct stream *stream, struct connection *connection, const char *method, const char *after) {
    uint32_t number = connection->item;
    char *out = connection_output(connection, REQUEST_ROOM), *at = put(put(out, method), " /api/v1/instances/");
    memcpy(at, leases.all[number].id, ID_BYTES);
    at = put_head(put(at + ID_BYTES, after), stream, number % leases.services);
    connection->output_length = (size_t)(put(at, method[0] == 'G' ? "\r\n" : "Content-Length: 0\r\n\r\n") - out);
}

static void write_batch(struct stream *stream, struct connection *connection) {
    static char body[MAX_BATCH * (ID_BYTES + 3) + 16];
    uint32_t begin = batch_begin(stream, connection->item), end = batch_end(stream, connection->item);
    char *out = connection_output(connection, sizeof body + REQUEST_ROOM), *at = put(body, "{\"ids\":[");
    for (uint32_t k = begin; k < end; k++) {
        struct lease *lease = &leases.all[batched(stream, k)];
        lease->pending++;
        if (k > begin) *at++ = ',';
        *at++ = '"';
        memcpy(at, lease->id, ID_BYTES);
        at += ID_BYTES;
        *at++ = '"';
    }
    at = put(at, "]}");
    char *head = put_head(put(out, "PUT /api/v1/heartbeats"), stream, batched(stream, begin) % leases.services);
    connection->output_length = (size_t)(put_body(head, body, (size_t)(at - body)) - out);
}

void stream_request(struct stream *stream, struct connection *connection, int64_t now) {
    connection->item = item_at(stream, stream->started);
    switch (stream->kind) {
    case REGISTER: write_register(stream, connection, now); break;
    case HEARTBEAT:
        leases.all[connection->item].pending++;
        write_about(stream, connection, "PUT", "/heartbeat");
        break;
    case REMOVE:
        leases.all[connection->item].pending++;
        write_about(stream, connection, "DELETE", "");
        break;
    case BATCH: write_batch(stream, connection); break;
    case LOOK: write_about(stream, connection, "GET", ""); break;
    case LIST: {
        char *out = connection_output(connection, REQUEST_ROOM);
        char *at = out + sprintf(out, "GET /api/v1/services/svc-%04u", connection->item);
        connection->output_length = (size_t)(put(put_head(at, stream, connection->item), "\r\n") - out);
        break;
    }
    case WATCH: break; /* has a way of its own */
    }
}

void watch_request(struct stream *stream, struct connection *connection, int64_t now) {
    write_about(stream, connection, "GET", "");
    connection->sent = now;
    connection->busy = true;
}

static void note(struct stream *stream, enum verdict verdict, int64_t by) {
    if (verdict == NOTHING_TO_SAY) return;
    stream->checked++;
    if (verdict == GONE_EARLY) {
        stream->gone_early++;
        if (by > stream->worst_early) stream->worst_early = by;
    } else if (verdict == SEEN_LATE) {
        stream->seen_late++;
    }
}

static void judge(struct stream *stream, const struct lease *lease, bool seen, int64_t asked, int64_t answered) {
    int64_t by = 0;
    enum verdict verdict = lease_judge(lease, seen, asked, answered, &by);
    note(stream, verdict, by);
    /* How long after its TTL anything was seen at the longest, within the bound or not. */
    if (verdict != NOTHING_TO_SAY && seen && lease->state == LIVE && by > stream->worst_late) stream->worst_late = by;
}

static void lease_changed(struct lease *lease, const struct connection *connection, int64_t now, enum lease_state state) {
    lease->sent = connection->sent;
    lease->answered = now;
    lease->state = (uint8_t)state;
}

/* The statuses in the answer to a batch, in the order its ids were sent. */
static bool batch_answered(struct stream *stream, const struct connection *connection, const struct answer *answer,
                           int64_t now) {
    const char *at = memmem(answer->body, answer->body_length, "\"results\":[", 11), *end = answer->body + answer->body_length;
    if (!at) return false;
    at += 11;
    for (uint32_t k = batch_begin(stream, connection->item); k < batch_end(stream, connection->item); k++) {
        if (at + 4 > end) return false;
        int status = (at[0] - '0') * 100 + (at[1] - '0') * 10 + (at[2] - '0');
        struct lease *lease = &leases.all[batched(stream, k)];
        if (status == 200) {
            lease_changed(lease, connection, now, LIVE);
            stream->instances++;
        } else if (status >= 0 && status < MAX_STATUS) {
            stream->statuses[status]++;
        }
        at += 4;
    }
    return true;
}

static int ids_compare(const void *one, const void *other) { return memcmp(one, other, ID_BYTES); }

/* Every instance of a service against the list of it, which is ordered by id. */
static void list_answered(struct stream *stream, const struct connection *connection, const struct answer *answer,
                          int64_t now) {
    static char (*ids)[ID_BYTES];
    static size_t room;
    size_t found = 0;
    if (answer->status == 200) {
        const char *at = answer->body, *end = at + answer->body_length;
        while ((at = memmem(at, (size_t)(end - at), "\"id\":\"", 6)) && at + 6 + ID_BYTES <= end) {
            if (found == room) ids = must(realloc(ids, (room = room ? room * 2 : 256) * sizeof *ids));
            memcpy(ids[found++], at + 6, ID_BYTES);
            at += 6 + ID_BYTES;
        }
    }
    for (uint32_t number = connection->item; number < leases.count; number += leases.services) {
        const struct lease *lease = &leases.all[number];
        bool seen = found > 0 && bsearch(lease->id, ids, found, sizeof *ids, ids_compare);
        judge(stream, lease, seen, connection->sent, now);
        stream->instances += seen;
    }
}

static void unpend(struct stream *stream, struct connection *connection) {
    if (stream->kind == BATCH) {
        for (uint32_t k = batch_begin(stream, connection->item); k < batch_end(stream, connection->item); k++)
            leases.all[batched(stream, k)].pending--;
    } else if (stream->kind == REGISTER || stream->kind == HEARTBEAT || stream->kind == REMOVE) {
        leases.all[connection->item].pending--;
    }
}

static void begin_watching(struct stream *watcher, const struct connection *registered, int64_t now) {
    struct connection *free = watcher->idle_first;
    if (!free) {
        watcher->skipped++; /* all watchers are waiting: this one is not looked for, which is said */
        return;
    }
    watcher->idle_first = free->next;
    if (!watcher->idle_first) watcher->idle_last = NULL;
    free->item = registered->item;
    free->watched_sent = registered->sent;
    free->watched_answered = now;
    free->look_again = now;
    free->watching = true;
    watcher->started++;
}

static void watch_answered(struct stream *stream, struct connection *connection, const struct answer *answer, int64_t now) {
    connection->busy = false;
    histogram_add(&stream->latency, now - connection->sent);
    if (answer->status == 404 && now - connection->watched_answered < NEVER_SEEN_SECONDS * SECOND) {
        connection->look_again = connection->sent + (int64_t)(stream->interval_us * 1e3);
        return;
    }
    if (answer->status == 200) {
        histogram_add(&stream->visible, now - connection->watched_answered);
        histogram_add(&stream->visible_from_sent, now - connection->watched_sent);
        stream->instances++;
    } else if (answer->status == 404) {
        stream->never_seen++;
    } else {
        stream->statuses[answer->status % MAX_STATUS]++;
    }
    connection->watching = false;
    stream_idle(stream, connection, now);
}

void stream_answered(struct stream *stream, struct connection *connection, const struct answer *answer, int64_t now,
                     struct stream *watcher) {
    stream->requests++;
    stream->bytes += answer->size;
    if (stream->kind == WATCH) {
        watch_answered(stream, connection, answer, now);
        return;
    }
    stream->outstanding--;
    histogram_add(&stream->latency, now - connection->due);
    unpend(stream, connection);
    struct lease *lease = &leases.all[connection->item];
    bool as_expected = answer->status == expected[stream->kind];
    switch (stream->kind) {
    case REGISTER:
        if (!as_expected) break;
        if (answer->body_length < 7 + ID_BYTES || memcmp(answer->body, "{\"id\":\"", 7) != 0) {
            stream->unreadable++;
            break;
        }
        memcpy(lease->id, answer->body + 7, ID_BYTES);
        lease_changed(lease, connection, now, LIVE);
        stream->instances++;
        if (watcher && stream->every && stream->requests % stream->every == 0) begin_watching(watcher, connection, now);
        break;
    case HEARTBEAT:
    case REMOVE:
        if (!as_expected) break;
        lease_changed(lease, connection, now, stream->kind == REMOVE ? REMOVED : LIVE);
        stream->instances++;
        break;
    case BATCH:
        if (as_expected && !batch_answered(stream, connection, answer, now)) stream->unreadable++;
        break;
    case LOOK:
        as_expected |= answer->status == 404;
        if (as_expected) judge(stream, lease, answer->status == 200, connection->sent, now);
        break;
    case LIST:
        as_expected |= answer->status == 404;
        if (as_expected) list_answered(stream, connection, answer, now);
        break;
    case WATCH: break;
    }
    if (!as_expected) stream->statuses[answer->status > 0 && answer->status < MAX_STATUS ? answer->status : 0]++;
    stream_idle(stream, connection, now);
}

void stream_lost(struct stream *stream, struct connection *connection) {
    stream->broken++;
    stream->alive--;
    if (connection->busy && stream->kind != WATCH) {
        stream->outstanding--;
        unpend(stream, connection);
    }
}
