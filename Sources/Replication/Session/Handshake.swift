// Whoever connects to the port may be anybody. Until a member has shown that it knows the cluster's secret, and that its certificate is
// that of the member it claims to be, nothing is told to it, nothing believed of it, and no more kept of it than a kilobyte.
//
//      opened ──► hello out
//         │
//     hello in ── no version in common, another's certificate ──► refused
//         │
//         ▼
//      proof out                     both ends do the same, at the same time
//         │
//     proof in ── not the code of both hellos ──► refused
//         │
//         ▼
//      proven

import Catalog

/// The beginning of a link, the same at both ends.
struct Handshake {
    enum State {
        case awaitingHello
        case awaitingProof(Hello, raw: [UInt8])
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
    /// What we said, without its length.
    private let said: [UInt8]
    /// Names and addresses of the other's certificate; nil when none was demanded.
    private let boundTo: Set<String>?
    private(set) var state = State.awaitingHello

    /// Also gives the frame to begin with.
    init(role: LinkRole, hello: Hello, boundTo: Set<String>?, opening: inout [UInt8]) {
        self.role = role
        self.boundTo = boundTo
        opening = FrameCodec.encode(.hello(hello, raw: []))
        said = Array(opening.dropFirst(FrameCodec.prefix))
    }

    /// Who is at the other end, once that is proven.
    var proven: Hello? {
        if case .proven(let hello) = state { hello } else { nil }
    }

    mutating func received(_ frame: Frame, authenticator: Authenticator?) throws(FrameError) -> Step {
        switch (state, frame) {
        case (.awaitingHello, .hello(let hello, let raw)):
            guard hello.versions.overlaps(FrameCodec.versions) else { return .refuse(.version) }
            guard Self.isBound(hello, to: boundTo) else { return .refuse(.certificate) }
            state = .awaitingProof(hello, raw: raw)
            let transcript = FrameCodec.transcript(provenBy: role, said: said, told: raw)
            return .send(FrameCodec.encode(.proof(authenticator?.code(transcript) ?? [])))
        case (.awaitingProof(let hello, let raw), .proof(let code)):
            let other: LinkRole = role == .dialed ? .accepted : .dialed
            if let authenticator {
                let transcript = FrameCodec.transcript(provenBy: other, said: raw, told: said)
                guard authenticator.isValid(code, transcript) else { return .refuse(.secret) }
            } else if !code.isEmpty {
                // It has a secret and we have none: it will refuse us, and had better be told apart from a member without any.
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

    /// Whether a member may be who it claims to be: its host or its name, either of which a cluster's certificates may be made out to, must
    /// be among the names of its certificate. A certificate made out to one name for all members binds them to that name and not to one
    /// another.
    static func isBound(_ hello: Hello, to certificate: Set<String>?) -> Bool {
        guard let certificate else { return true }
        return certificate.contains(hello.address.host) || (!hello.name.isEmpty && certificate.contains(hello.name))
    }
}
