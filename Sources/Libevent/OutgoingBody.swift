// How the body of an answer gets into the buffer that evhttp writes from. Bytes of the answer's own are copied; shared fragments are only
// pointed to, and held until libevent has written them or given up on the client.

import CLibevent
import HTTP

extension ResponseBody {
    /// Appends the bytes to an evbuffer of this loop's.
    func append(to output: OpaquePointer) {
        switch self {
        case .bytes(let bytes): if !bytes.isEmpty { evbuffer_add(output, bytes, bytes.count) }
        case .shared(let chain): for fragment in chain.fragments where fragment.count > 0 { fragment.lend(to: output) }
        }
    }
}

extension Fragment {
    /// Has the buffer point to the bytes. The pointer outlives the closure that lends it: `bytes` is a constant of an object that is held until
    /// the buffer lets go, and the elements of an array that is not written to stay where they are.
    fileprivate func lend(to output: OpaquePointer) {
        let held = Unmanaged.passRetained(self)
        let isTaken = bytes.withUnsafeBytes { bytes in
            evbuffer_add_reference(
                output, bytes.baseAddress, bytes.count,
                { _, _, held in
                    guard let held else { return }
                    Unmanaged<Fragment>.fromOpaque(held).release()
                }, held.toOpaque()) == 0
        }
        if !isTaken { held.release() }
    }
}
