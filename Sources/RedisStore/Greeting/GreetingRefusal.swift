// Why a server is of no use, in a sentence for its operator; and whether somebody has to put something right first, or
// another attempt may find it changed.

import RESP

/// A server that is not used.
package struct GreetingRefusal: Error, Sendable, Equatable {
    /// Without a full stop.
    package let sentence: String
    /// Whether it stays so until somebody changes a setting, here or there.
    package let isLasting: Bool

    init(_ sentence: String, isLasting: Bool = false) {
        self.sentence = sentence
        self.isLasting = isLasting
    }

    /// A command of the greeting was refused.
    init(_ fault: RESPFault) {
        switch fault.kind {
        case .unauthenticated:
            self.init("the Redis server wants a password: set STORE_PASSWORD", isLasting: true)
        case .wrongPassword:
            self.init(
                "the Redis server refuses the password: check STORE_USER and STORE_PASSWORD (\(fault.sentence))",
                isLasting: true)
        case .forbidden:
            self.init("the Redis server allows its user too little: \(fault.sentence)", isLasting: true)
        case .protected:
            self.init(
                "the Redis server lets in nobody from another machine, as it has no password: \(fault.sentence)",
                isLasting: true)
        case .loading: self = .loading
        case .other:
            self.init(
                "the Redis server refuses: \(fault.sentence)",
                isLasting: !fault.sentence.hasPrefix(Self.tooManyClients))
        default: self.init("the Redis server refuses: \(fault.sentence)")
        }
    }

    /// What the server is makes it of no use; nil when it is as it should be.
    init?(of facts: ServerFacts, for purpose: Introduction.Purpose) {
        if case .clusterNode = purpose {
            guard facts.mode != .cluster else { return nil }
            self = .noClusterNode
            return
        }
        guard case .store(_, let isCluster) = purpose else {
            guard facts.mode != .sentinel else { return nil }
            self.init(
                "the server is no Sentinel, but one that holds data: name it in STORE_ADDRESS, not in STORE_SENTINEL",
                isLasting: true)
            return
        }
        switch facts.mode {
        case .sentinel:
            self.init(
                "the server is a Sentinel, which holds no data: name it in STORE_SENTINEL, not in STORE_ADDRESS",
                isLasting: true)
            return
        case .cluster where !isCluster:
            self.init("the Redis server is a node of a cluster: set STORE_CLUSTER", isLasting: true)
            return
        case .standalone where isCluster:
            self = .noClusterNode
            return
        case .cluster, .standalone: break
        }
        guard facts.version >= .withFunctions else {
            self.init(
                "the Redis server is of version \(facts.version), which has no functions: "
                    + "\(ServerVersion.withFunctions) or later is needed", isLasting: true)
            return
        }
        guard facts.evictionPolicy == "noeviction" || facts.evictionPolicy.hasPrefix("volatile-") else {
            self.init(
                "the Redis server throws instances away when its memory is used up: its maxmemory-policy is "
                    + "\(facts.evictionPolicy), and must be noeviction or one of volatile-*", isLasting: true)
            return
        }
        guard !facts.isLoading else {
            self = .loading
            return
        }
        guard facts.isMaster else {
            self.init("the Redis server is a replica, and its master is wanted")
            return
        }
        return nil
    }

    private static let noClusterNode = GreetingRefusal(
        "the Redis server is no node of a cluster, which STORE_CLUSTER says", isLasting: true)
    private static let loading = GreetingRefusal("the Redis server still reads its data")
    /// What a server says to those beyond its maxclients, without being asked.
    private static let tooManyClients = "ERR max number of clients"
}
