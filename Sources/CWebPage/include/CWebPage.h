// The files of the page for people inside the binary. The compiler takes them in with #embed.

#ifndef CWEBPAGE_H
#define CWEBPAGE_H

#include <stddef.h>

struct cwebpage_file {
    // As it is called in Sources/WebPage/files.
    const char *name;
    const unsigned char *bytes;
    size_t size;
};

extern const struct cwebpage_file *const cwebpage_files;
extern const size_t cwebpage_file_count;

#endif
