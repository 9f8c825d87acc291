// A port on which nobody listens any more, so that connecting to it is refused.

import Glibc

/// Closes a listening socket.
func shutdownListening(_ descriptor: Int32) { close(descriptor) }
