// What Redis says when it does not do what it was asked: a word, and a sentence for people. The words that something
// follows from are cases here.

/// An error that a server has answered.
package struct RESPFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is to be thought of it.
    package enum Kind: Sendable, Equatable {
        /// Another node has the slot, from now on, or for this one command.
        case moved(RESPRedirect)
        case ask(RESPRedirect)
        /// The server is a replica, or has become one.
        case readOnly
        /// It reads its data and answers nothing before it has.
        case loading
        /// It wants a password, refuses the one it was given, or allows the user too little.
        case unauthenticated
        case wrongPassword
        case forbidden
        /// It cannot save its data, and takes no changes until it can.
        case cannotSave
        /// Its memory is used up.
        case full
        case clusterDown
        /// The keys are being moved to another node.
        case tryAgain
        case crossSlot
        /// It is a replica whose master is gone.
        case masterDown
        case tooFewReplicas
        /// A script or function runs longer than it may.
        case busy
        case noFunction
        /// It lets in nobody from outside, as it has no password.
        case protected
        /// The words of the registry's own functions.
        case foreignEpoch
        case foreignSchema
        case badArgument
        case other
    }

    package let kind: Kind
    /// The first word, such as `ERR`.
    package let word: String
    /// All of it, without line ends.
    package let sentence: String

    /// An error as it is sent, without its first byte.
    package init(_ line: String) {
        sentence = line
        let words = line.split(separator: " ", maxSplits: 1)
        word = words.first.map(String.init) ?? ""
        kind = Self.kind(word, words.count > 1 ? words[1] : "")
    }

    private static func kind(_ word: String, _ rest: Substring) -> Kind {
        switch word {
        case "MOVED": RESPRedirect(rest).map { .moved($0) } ?? .other
        case "ASK": RESPRedirect(rest).map { .ask($0) } ?? .other
        case "ERR" where rest.hasPrefix("Function not found"): .noFunction
        // A function has met a key that is on another node, or nowhere, while its slot moves. Redis and Valkey have this
        // much of the sentence in common.
        case "ERR" where rest.contains("ccess a non local key"): .tryAgain
        default: kinds[word] ?? .other
        }
    }

    private static let kinds: [String: Kind] = [
        "READONLY": .readOnly, "LOADING": .loading, "NOAUTH": .unauthenticated, "WRONGPASS": .wrongPassword,
        "NOPERM": .forbidden, "MISCONF": .cannotSave, "OOM": .full, "CLUSTERDOWN": .clusterDown,
        "TRYAGAIN": .tryAgain, "CROSSSLOT": .crossSlot, "MASTERDOWN": .masterDown, "NOREPLICAS": .tooFewReplicas,
        "BUSY": .busy, "DENIED": .protected, "A8EPOCH": .foreignEpoch, "A8SCHEMA": .foreignSchema,
        "A8ARG": .badArgument,
    ]

    package var description: String { sentence }
}

/// Which node of a cluster has a slot.
package struct RESPRedirect: Sendable, Equatable {
    package let slot: Int
    /// Empty when the host is the one that was asked.
    package let host: String
    package let port: UInt16

    package init(slot: Int, host: String, port: UInt16) {
        self.slot = slot
        self.host = host
        self.port = port
    }

    /// `3999 127.0.0.1:6381`; an address of IPv6 has no brackets here.
    init?(_ text: Substring) {
        let words = text.split(separator: " ")
        guard words.count == 2, let slot = Int(words[0]), (0..<Self.slots).contains(slot),
            let colon = words[1].lastIndex(of: ":"), let port = UInt16(words[1][words[1].index(after: colon)...]),
            port > 0
        else { return nil }
        self.init(slot: slot, host: String(words[1][..<colon]), port: port)
    }

    /// How many slots a cluster has.
    private static let slots = 16_384
}
