// expat's header; the XML target alone speaks to it.
#include <expat.h>
