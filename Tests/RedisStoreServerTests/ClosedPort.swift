// A port on which nobody listens any more, so that connecting to it is refused.

import Glibc
import TestSupport

func shutDown(_ port: LoopbackPort) { close(port.descriptor) }
