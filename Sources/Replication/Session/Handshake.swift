// Any program may connect to the port. Until a member has shown that it knows the cluster's secret, and that its
// certificate is that of the member it claims to be, nothing is published to it, nothing accepted from it, and no more
// kept of it than a kilobyte.
//
//      opened ──► hello out
//         │
//     hello in ── no version in common, another's certificate ──► refused
//         │
//         ▼
//      proof out                     both ends do the same, at the same time; with a secret all behind it is sealed
//         │
//     proof in ── not the code of both hellos ──► refused
//         │
//         ▼
//      proven

import Catalog
import Text

/// The beginning of a link, the same at both ends.
struct Handshake {
    enum State {
        case awaitingHello
        case awaitingProof(Hello)
        case proven(Hello)
    }

    /// What comes of a frame.
    enum Step {
        case send([UInt8])
        case proven(Hello)
        case refuse(RefusalReason)
        case refusedBy(RefusalReason)
        /// The other end leaves.
        case leaving
    }

    private let role: LinkRole
    private let versions: ClosedRange<UInt16>
    /// What we said, without its length.
    private let said: [UInt8]
    /// Names and addresses of the other's certificate; nil when none was demanded.
    private let boundTo: Set<String>?
    private(set) var state = State.awaitingHello
    /// What the other has proven itself with, and so seals with: it may be another secret than ours.
    private var provenWith: Authenticator?
    /// What the other said, without its length; empty until it has.
    private var told: [UInt8] = []

    /// Also gives the frame to begin with.
    init(role: LinkRole, hello: Hello, boundTo: Set<String>?, opening: inout [UInt8]) {
        self.role = role
        versions = hello.versions
        self.boundTo = boundTo
        opening = FrameCodec.encode(.hello(hello, raw: []))
        said = Array(opening.dropFirst(FrameCodec.prefix))
    }

    /// The member at the other end, once it is authenticated.
    var proven: Hello? {
        if case .proven(let hello) = state { hello } else { nil }
    }

    /// The highest version of the protocol that both ends speak. Of meaning once the other is proven; of none, the
    /// lowest of ours.
    var version: UInt16 { min(versions.upperBound, proven?.versions.upperBound ?? versions.lowerBound) }

    mutating func received(_ frame: Frame, authenticator: Authenticator?) throws(FrameError) -> Step {
        switch (state, frame) {
        case (.awaitingHello, .hello(let hello, let raw)):
            guard hello.versions.overlaps(versions) else { return .refuse(.version) }
            guard Self.isBound(hello, to: boundTo) else { return .refuse(.certificate) }
            state = .awaitingProof(hello)
            told = raw
            return .send(FrameCodec.encode(.proof(authenticator?.code(ourTranscript) ?? [])))
        case (.awaitingProof(let hello), .proof(let code)):
            if let authenticator {
                guard let key = authenticator.proven(by: code, of: theirTranscript) else { return .refuse(.secret) }
                provenWith = key
            } else if !code.isEmpty {
                // It has a secret and we have none: it will refuse this member, and should be distinguished from a
                // member without any.
                return .refuse(.secret)
            }
            state = .proven(hello)
            return .proven(hello)
        case (.awaitingHello, .goodbye(.refused(let reason))), (.awaitingProof, .goodbye(.refused(let reason))):
            return .refusedBy(reason)
        case (.awaitingHello, .goodbye), (.awaitingProof, .goodbye):
            return .leaving
        default:
            throw .unexpected
        }
    }

    /// What our proof is a code of.
    private var ourTranscript: [UInt8] { FrameCodec.transcript(provenBy: role, said: said, told: told) }

    private var theirTranscript: [UInt8] { FrameCodec.transcript(provenBy: role.other, said: told, told: said) }

    /// For what we say behind our proof.
    func sealing(_ authenticator: Authenticator?) throws(FrameError) -> FrameSeal? {
        try Self.seal(authenticator, ourTranscript)
    }

    /// For what the other says behind its own.
    func opening() throws(FrameError) -> FrameSeal? { try Self.seal(provenWith, theirTranscript) }

    private static func seal(_ authenticator: Authenticator?, _ transcript: [UInt8]) throws(FrameError) -> FrameSeal? {
        guard let authenticator else { return nil }
        // Without a key nothing is said rather than unsealed.
        guard let seal = FrameSeal(authenticator, transcript: transcript) else { throw .seal }
        return seal
    }

    /// Whether a member may be the one that it claims to be: its host or its name, either of which a cluster's
    /// certificates may be made out to, must be among the names of its certificate. A certificate made out to one name
    /// for all members binds them to that name and not to one another.
    static func isBound(_ hello: Hello, to certificate: Set<String>?) -> Bool {
        guard let certificate else { return true }
        return certificate.contains(hello.address.host.description)
            || (!hello.name.isEmpty && certificate.contains(hello.name))
    }
}
