// hiredis' reader of replies; the RESP target alone speaks to it. Its connections have neither deadlines nor TLS in the
// version at hand. Its formatter is for tests, which compare our commands with it: it takes an array of pointers and
// gives memory of C, so that the bytes of a command would be copied twice more than an array that grows is.
#include <hiredis/hiredis.h>

// What the reader waits for: a REDIS_REPLY_ number, or -1 when not even the first byte of it has come. The first
// version kept its tasks in the structure itself.
static inline int chiredis_awaited_type(const redisReader *reader)
{
    if (reader->ridx < 0)
        return -1;
#if HIREDIS_MAJOR >= 1
    return reader->task[reader->ridx]->type;
#else
    return reader->rstack[reader->ridx].type;
#endif
}
