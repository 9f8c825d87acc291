// functions.lua inside the binary: what members without state have the Redis server do for them. The compiler takes it in
// with #embed.

#ifndef CREDISFUNCTIONS_H
#define CREDISFUNCTIONS_H

#include <stddef.h>

extern const unsigned char *const credisfunctions_lua;
extern const size_t credisfunctions_lua_size;

#endif
