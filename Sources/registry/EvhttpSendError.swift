// libevent's shared library calls its own evhttp_send_error through the dynamic linker, which looks in the executable
// first: exporting a function of this name replaces evhttp's HTML pages by the registry's JSON. It must be here,
// because only an executable comes first, and public, because nothing in it calls the function and the optimizer would
// drop it.

import Libevent
import RegistryServer

@_cdecl("evhttp_send_error")
public func sendErrorInsteadOfEvhttp(_ request: OpaquePointer?, _ code: Int32, _ reason: UnsafePointer<CChar>?) {
    guard let request = unsafe request else { return }
    unsafe EvhttpErrorPage.send(
        request, code: code, standing: RefusalWording.standing, wording: RefusalWording.response)
}
