/* What the fleet knows: clocks, histograms, and the bounds of every lease. No I/O but for dying. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fleet.h"

struct leases leases;

int64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

void die(const char *sentence, const char *detail) {
    fprintf(stderr, "fleet: %s: %s\n", sentence, detail);
    exit(2);
}

void *must(void *memory) {
    if (!memory) die("no memory", "for the load");
    return memory;
}

void histogram_add(struct histogram *histogram, int64_t nanoseconds) {
    uint64_t value = nanoseconds > 0 ? (uint64_t)nanoseconds : 0;
    /* Values below HISTOGRAM_STEPS have a step each; above, the power of two and the six bits below its first. */
    unsigned at = (unsigned)value;
    if (value >= HISTOGRAM_STEPS) {
        unsigned shift = 63 - (unsigned)__builtin_clzll(value) - 6;
        at = (shift + 1) * HISTOGRAM_STEPS + (unsigned)(value >> shift) - HISTOGRAM_STEPS;
    }
    histogram->counts[at < HISTOGRAM_SIZE ? at : HISTOGRAM_SIZE - 1]++;
    histogram->total++;
    if (nanoseconds > histogram->largest) histogram->largest = nanoseconds;
}

double histogram_us(const struct histogram *histogram, double share) {
    if (histogram->total == 0) return 0;
    if (share >= 1) return (double)histogram->largest / 1e3;
    uint64_t wanted = (uint64_t)(share * (double)histogram->total), seen = 0;
    for (unsigned at = 0; at < HISTOGRAM_SIZE; at++) {
        seen += histogram->counts[at];
        if (seen > wanted) {
            if (at < HISTOGRAM_STEPS) return at / 1e3;
            unsigned shift = at / HISTOGRAM_STEPS - 1;
            return (double)((uint64_t)(at % HISTOGRAM_STEPS + HISTOGRAM_STEPS) << shift) / 1e3;
        }
    }
    return (double)histogram->largest / 1e3;
}

void leases_reserve(uint32_t count) {
    if (count > leases.room) {
        leases.all = must(realloc(leases.all, count * sizeof *leases.all));
        memset(leases.all + leases.room, 0, (count - leases.room) * sizeof *leases.all);
        leases.room = count;
    }
    if (count > leases.count) leases.count = count;
}

enum verdict lease_judge(const struct lease *lease, bool seen, int64_t asked, int64_t answered, int64_t *by_ns) {
    /* What changed while the question was on its way may be seen or not. */
    if (lease->pending > 0 || lease->state == UNKNOWN || lease->answered >= asked) return NOTHING_TO_SAY;
    if (lease->state == REMOVED) {
        *by_ns = asked - lease->answered;
        return seen ? SEEN_LATE : AS_DUE;
    }
    /* It began no earlier than `sent` and no later than `answered`; it was looked for between the two arguments. */
    int64_t ttl = (int64_t)lease->ttl * SECOND;
    if (!seen) {
        *by_ns = lease->sent + ttl - answered;
        return *by_ns > 0 ? GONE_EARLY : AS_DUE;
    }
    *by_ns = asked - (lease->answered + ttl);
    return *by_ns > LATEST_EXPIRY_MS * MILLISECOND ? SEEN_LATE : AS_DUE;
}
