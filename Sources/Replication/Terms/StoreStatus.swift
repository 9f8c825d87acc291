// How a member stands with a store that keeps what is registered, as pages and metrics show it.

package import Time

/// A member's view of its store, as of a moment not long ago.
package struct StoreStatus: Sendable, Equatable {
    /// A server that is, or should be, connected.
    package struct Server: Sendable, Equatable {
        package var address: String
        /// `redis 7.0`, or nil before it has said so.
        package var engine: String?
        package var isConnected: Bool
        /// Why it is not, in a sentence.
        package var reason: String?

        package init(address: String, engine: String?, isConnected: Bool, reason: String?) {
            self.address = address
            self.engine = engine
            self.isConnected = isConnected
            self.reason = reason
        }
    }

    /// Another member, or this one, in its own words.
    package struct Member: Sendable, Equatable {
        package var id: String
        /// A JSON object.
        package var about: String

        package init(id: String, about: String) {
            self.id = id
            self.about = about
        }
    }

    /// This member's id.
    package var member: String
    package var prefix: String
    package var servers: [Server] = []
    package var members: [Member] = []
    /// Of how many parts the store has, how many are followed, are being read, and wait for an operator's word.
    package var shards = 0
    package var following = 0
    package var reading = 0
    package var estranged = 0
    /// Since when it is not whole; nil while it is.
    package var awaySince: MonotonicTime?
    /// Why the store takes no changes, in its words; nil when it does.
    package var trouble: String?
    /// Milliseconds by which the store's clock is ahead of this machine's.
    package var clockOffset: Int64 = 0
    package var counts = StoreCounts()

    package init(member: String, prefix: String) {
        self.member = member
        self.prefix = prefix
    }

    /// Whether all is followed and written as it should be.
    package var isHealthy: Bool { following == shards && trouble == nil }
}

/// What a member has done with its store since it was started.
package struct StoreCounts: Sendable, Equatable {
    /// States written, heartbeats passed on, events taken in.
    package var puts: UInt64 = 0
    package var renewals: UInt64 = 0
    package var events: UInt64 = 0
    /// Leases that this member's calls have ended, and instances that went here because theirs had.
    package var swept: UInt64 = 0
    package var expired: UInt64 = 0
    /// Shards read as a whole; states written again because a server had lost them; registrations that were taken back
    /// because their namespace was full; commands that were refused or not answered.
    package var scans: UInt64 = 0
    package var rewritten: UInt64 = 0
    package var full: UInt64 = 0
    package var failures: UInt64 = 0

    package init() {}
}

/// What an operator may say of a store that was emptied.
package enum StoreWord: Sendable, Equatable {
    /// It is filled from this member's view.
    case reseed
    /// It is right: the view is given up.
    case acceptEmpty
}
