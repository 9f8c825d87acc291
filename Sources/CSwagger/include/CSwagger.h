// swagger/registry.json inside the binary. The compiler takes it in with #embed, in milliseconds; as a literal of Swift it
// took a minute.

#ifndef CSWAGGER_H
#define CSWAGGER_H

#include <stddef.h>

extern const unsigned char *const cswagger_registry_json;
extern const size_t cswagger_registry_json_size;

#endif
