// zlib's header; the Gzip target alone speaks to it.
#include <zlib.h>
