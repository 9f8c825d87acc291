#include "CSwagger.h"

// An extension before C23, which every clang of Swift 6.3 knows.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char bytes[] = {
#embed "../../swagger/registry.json"
};

const unsigned char *const cswagger_registry_json = bytes;
const size_t cswagger_registry_json_size = sizeof bytes;
