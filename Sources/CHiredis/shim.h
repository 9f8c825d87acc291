// hiredis' reader of replies, the one part of it that is used; the RESP target alone speaks to it. Its connections have
// neither deadlines nor TLS in the version at hand, and its formatter would cost two copies more than an array does.
#include <hiredis/read.h>
