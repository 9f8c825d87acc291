// How the body of an answer gets into the buffer that evhttp writes from. Small bodies of an answer's own are copied;
// all others are only pointed to, and held until libevent has written them or given up on the client. While they exist,
// they count against the shared limits.

import CLibevent
import HTTP

extension ResponseBody {
    /// Appends the bytes to an evbuffer of this loop's. Over TLS libevent passes a piece of the buffer to OpenSSL as a
    /// whole, so progress shows only when the piece has left: so a piece is a record.
    func append(to output: OpaquePointer, overTLS isSecure: Bool, _ connectionLimits: ConnectionLimits) {
        switch self {
        case .bytes(let bytes) where bytes.count < ConnectionLimits.largeBody:
            if !bytes.isEmpty { unsafe evbuffer_add(output, bytes, bytes.count) }
        case .bytes(let bytes):
            unsafe Loan(of: FragmentChain([Fragment(bytes)]), connectionLimits).lend(to: output, isSecure)
        case .shared(let chain): unsafe Loan(of: chain, connectionLimits).lend(to: output, isSecure)
        }
    }
}

/// A body that libevent points to for one answer. Released when the last byte has been let go of.
private final class Loan {
    private let chain: FragmentChain
    private let connectionLimits: ConnectionLimits

    init(of chain: FragmentChain, _ connectionLimits: ConnectionLimits) {
        self.chain = chain
        self.connectionLimits = connectionLimits
        connectionLimits.lend(chain)
    }

    deinit { connectionLimits.takeBack(chain) }

    /// Has the buffer point to the bytes. The pointers outlive the closure that lends them: `bytes` is a constant of an
    /// object that is held until the buffer lets go, and the elements of an array that is not written to stay where
    /// they are.
    func lend(to output: OpaquePointer, _ isSecure: Bool) {
        for fragment in chain.fragments {
            unsafe fragment.bytes.withUnsafeBytes { bytes in
                let longest = isSecure ? Connection.recordBytes : bytes.count
                for start in stride(from: 0, to: bytes.count, by: max(longest, 1)) {
                    unsafe lend(
                        UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + longest, bytes.count)]), to: output)
                }
            }
        }
    }

    private func lend(_ piece: UnsafeRawBufferPointer, to output: OpaquePointer) {
        let held = unsafe Unmanaged.passRetained(self)
        let isTaken =
            unsafe evbuffer_add_reference(
                output, piece.baseAddress, piece.count,
                { _, _, held in
                    guard let held = unsafe held else { return }
                    unsafe Unmanaged<Loan>.fromOpaque(held).release()
                }, unsafe held.toOpaque()) == 0
        if !isTaken { unsafe held.release() }
    }
}
