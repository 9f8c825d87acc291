// The keys that session tickets (RFC 5077; RFC 8446, section 4.6.1) are sealed under. One set for all loops and all
// contexts, so that a client resumes on whichever loop it meets and after any reload; rotated, so that a stolen key
// opens the past of hours and not of months.

import CTLS
import Synchronization

/// The current key and the one before it. Safe to use from any thread.
package final class TicketKeys: Sendable {
    /// How long a key seals new tickets, and how long a ticket is good for, in seconds: so the key before the current
    /// one opens every ticket that is still good. In TLS 1.3 each resumption brings a new ticket, which is good for as
    /// long again: a client that comes back in time resumes for as long as the process lives and trusts the same
    /// authorities and revocation lists, and its certificate has not expired. In TLS 1.2 the time runs from the full
    /// handshake, however often the ticket is renewed.
    package static let rotationPeriod: Int64 = 12 * 3_600

    private static let nameBytes = 16
    private static let secretBytes = 32
    private static let ivBytes = 16

    private struct Key {
        let name = randomBytes(nameBytes)
        var sealing = randomBytes(secretBytes)
        var signing = randomBytes(secretBytes)

        mutating func wipe() {
            unsafe sealing.withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
            unsafe signing.withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
        }
    }

    private struct State {
        var current = Key()
        var previous: Key?
        /// When the current key was made, in seconds of the clock that `rotate` is given.
        var since: Int64
    }

    private let state: Mutex<State>

    /// Draws the first key; `now` is in seconds of any steady clock.
    package init(now: Int64) {
        state = Mutex(State(since: now))
    }

    /// Takes a new key when the current one is old enough. To be called every now and then.
    package func rotate(now: Int64) {
        state.withLock { state in
            guard now - state.since >= Self.rotationPeriod else { return }
            // After a long sleep the previous key is as outdated as the current one, and so goes with the next call.
            state.previous?.wipe()
            state.previous = state.current
            state.current = Key()
            state.since = now
        }
    }

    // MARK: - For OpenSSL

    /// What the callback of `SSL_CTX_set_tlsext_ticket_key_evp_cb` may answer.
    enum Answer {
        static let failed: Int32 = -1
        static let unknownKey: Int32 = 0
        static let done: Int32 = 1
        static let doneButRenew: Int32 = 2
    }

    /// Prepares the sealing of a ticket: writes the key's name and a new initialisation vector.
    func seal(
        name: UnsafeMutablePointer<UInt8>, iv: UnsafeMutablePointer<UInt8>, cipher: OpaquePointer, mac: OpaquePointer
    ) -> Int32 {
        let vector = randomBytes(Self.ivBytes)
        for (index, byte) in vector.enumerated() { unsafe iv[index] = byte }
        return state.withLock { state in
            for (index, byte) in state.current.name.enumerated() { unsafe name[index] = byte }
            guard unsafe EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), state.current.sealing, iv, nil) == 1,
                unsafe Self.sign(mac, with: state.current.signing)
            else { return Answer.failed }
            return Answer.done
        }
    }

    /// Prepares the opening of a ticket, when the key it names is still known.
    func open(
        name: UnsafePointer<UInt8>, iv: UnsafePointer<UInt8>, cipher: OpaquePointer, mac: OpaquePointer
    ) -> Int32 {
        state.withLock { state in
            if unsafe Self.matches(state.current, name) {
                return unsafe Self.open(state.current, iv, cipher, mac) ? Answer.done : Answer.failed
            }
            guard let previous = state.previous, unsafe Self.matches(previous, name) else { return Answer.unknownKey }
            return unsafe Self.open(previous, iv, cipher, mac) ? Answer.doneButRenew : Answer.failed
        }
    }

    private static func matches(_ key: Key, _ name: UnsafePointer<UInt8>) -> Bool {
        unsafe UnsafeBufferPointer(start: name, count: nameBytes).elementsEqual(key.name)
    }

    private static func open(_ key: Key, _ iv: UnsafePointer<UInt8>, _ cipher: OpaquePointer, _ mac: OpaquePointer)
        -> Bool
    {
        unsafe EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), key.sealing, iv, nil) == 1 && sign(mac, with: key.signing)
    }

    private static func sign(_ mac: OpaquePointer, with key: [UInt8]) -> Bool {
        unsafe ctls_set_hmac_sha256(mac, key, key.count) == 1
    }
}
