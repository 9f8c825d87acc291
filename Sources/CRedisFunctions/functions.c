#include "CRedisFunctions.h"

// An extension before C23, which every clang of Swift 6.3 knows.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char bytes[] = {
#embed "functions.lua"
};

const unsigned char *const credisfunctions_lua = bytes;
const size_t credisfunctions_lua_size = sizeof bytes;
