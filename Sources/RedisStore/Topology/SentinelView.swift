// Which server is the master, by the word of the Sentinels. All of them are asked each second, since any one of them may
// be behind, cut off, or paused; the word of the latest epoch counts, once a majority has spoken or the rest has had its
// time, and only if the server itself says that it is a master. A master that was lost, or is about to be replaced, is
// not used again on words from before that: what it acknowledges then would be lost.
//
// A majority is not demanded for good. Sentinels cannot replace a master without one, so the last word stands when most
// of them are down; and a registry that starts beside one Sentinel of three has a master to work with.
//
// What Sentinels publish (`+switch-master`) is not listened to: it comes about a second after they answer the same to a
// question, once the other replicas follow the new master, and not at all to a connection that was lost.

package import RESP
package import Time

/// What a member believes of a group of servers that Sentinels watch.
package struct SentinelView: Sendable {
    /// What the owner of the connections is to do.
    package enum Step: Sendable, Equatable {
        /// Ask `SentinelWord.questions`, and tell the answers by `answered`, or that there are none by `failed`.
        case ask(StoreNode)
        /// Connect to it, and tell by `confirmed` that it says that it is a master, or by `lost` that it does not or cannot
        /// be reached.
        case check(StoreNode)
        /// It is the master, and says so: use it.
        case use(StoreNode)
        /// Use it no more: close the connections to it.
        case leave(StoreNode)
    }

    /// How often each Sentinel is asked: seldom while there is a master, often while there is none.
    static let calmInterval: Duration = .milliseconds(500)
    static let urgentInterval: Duration = .milliseconds(200)
    /// A Sentinel that has not answered for so long is not waited for.
    static let patience: Duration = .seconds(2)
    /// For how long a word counts.
    static let wordLifetime: Duration = .seconds(3)
    /// A server that does not say that it is a master is asked again after this.
    static let checkInterval: Duration = .milliseconds(200)
    static let mostSentinels = 16

    private enum Standing: Equatable {
        /// Nobody is named, or what is named must not be used.
        case unknown
        /// Named, and to be checked.
        case candidate
        case checking
        case master
    }

    private struct Sentinel {
        var isAsked = false
        /// When it was asked last, and is to be asked next.
        var asked: MonotonicTime
        var next: MonotonicTime
        /// Its last answer, and when the question was sent.
        var word: (word: SentinelWord, asked: MonotonicTime)?
        var problem: SentinelWord.Problem?
    }

    package let group: String
    private let configured: [StoreNode]
    private var sentinels: [StoreNode: Sentinel] = [:]
    private var standing = Standing.unknown
    /// The server that is believed to be the master, and the epoch of that belief.
    private var named: (node: StoreNode, epoch: UInt64)?
    private var nextCheck = MonotonicTime.distantPast
    /// Since when there has been nobody to check, and so when patience ends. Words on questions from before this say
    /// nothing, since they may be about a master that was lost meanwhile.
    private var searching: MonotonicTime
    /// What the owner was told to use.
    private var used: StoreNode?

    package init(group: String, sentinels configured: [StoreNode], now: MonotonicTime) {
        self.group = group
        self.configured = Array(configured.prefix(Self.mostSentinels))
        searching = now
        for node in self.configured { sentinels[node] = Sentinel(asked: now, next: now) }
    }

    /// The master that is in use.
    package var master: StoreNode? { standing == .master ? named?.node : nil }

    /// Why a Sentinel's last answer could not be used, for the log; nil when it could, and when there was none.
    package func problem(of node: StoreNode) -> SentinelWord.Problem? { sentinels[node]?.problem }

    /// The Sentinels that are asked, in a fixed order.
    package var known: [StoreNode] {
        configured + sentinels.keys.filter { !configured.contains($0) }.sorted { $0.description < $1.description }
    }

    // MARK: - What the owner tells

    /// All answers of one Sentinel, in the order of the questions.
    package mutating func answered(_ node: StoreNode, _ replies: [RESPValue], now: MonotonicTime) {
        guard var sentinel = sentinels[node], sentinel.isAsked else { return }
        sentinel.isAsked = false
        do throws(SentinelWord.Problem) {
            sentinel.word = (try SentinelWord(replies), sentinel.asked)
            sentinel.problem = nil
        } catch {
            sentinel.word = nil
            sentinel.problem = error
        }
        sentinel.next = sentinel.asked + interval
        sentinels[node] = sentinel
        meetOthers(now)
    }

    /// A Sentinel could not be asked. What it said before counts for as long as words do.
    package mutating func failed(_ node: StoreNode, now: MonotonicTime) {
        let next = now + interval
        sentinels[node]?.isAsked = false
        sentinels[node]?.next = next
    }

    /// A server that was to be checked says that it is a master.
    package mutating func confirmed(_ node: StoreNode) {
        if named?.node == node, standing == .checking { standing = .master }
    }

    /// A server is not connected, or is no master, by what it says or by what it refuses.
    package mutating func lost(_ node: StoreNode, now: MonotonicTime) {
        guard named?.node == node else { return }
        if standing == .checking {
            standing = .candidate
            nextCheck = now + Self.checkInterval
        } else if standing == .master {
            search(now)
        }
    }

    // MARK: - What follows

    /// What is to be done. To be called after anything was told, and at `next`.
    package mutating func advance(_ now: MonotonicTime) -> [Step] {
        decide(now)
        var steps: [Step] = []
        if used != master {
            if let used { steps.append(.leave(used)) }
            if let master { steps.append(.use(master)) }
            used = master
        }
        if standing == .candidate, nextCheck <= now, let named {
            standing = .checking
            steps.append(.check(named.node))
        }
        for node in known {
            guard let sentinel = sentinels[node], !sentinel.isAsked, sentinel.next <= now else { continue }
            sentinels[node]?.isAsked = true
            sentinels[node]?.asked = now
            steps.append(.ask(node))
        }
        return steps
    }

    /// When `advance` is to be called again if nothing is told before.
    package var next: MonotonicTime {
        var next = sentinels.values.lazy.filter { !$0.isAsked }.map(\.next).min() ?? .distantFuture
        if standing == .candidate { next = min(next, nextCheck) }
        return next
    }

    private var interval: Duration { master == nil ? Self.urgentInterval : Self.calmInterval }

    /// Believes what the words come to.
    private mutating func decide(_ now: MonotonicTime) {
        let words = sentinels.values.compactMap(\.word).filter {
            now - $0.asked < Self.wordLifetime && $0.asked >= searching
        }.map(\.word)
        guard let latest = words.max(by: { $0.epoch < $1.epoch }) else { return }
        if let word = successor(latest, among: words, now) {
            if named?.node != word.node || standing == .unknown {
                standing = .candidate
                nextCheck = now
            }
            named = (word.node, word.epoch)
        }
        // Sentinels that promote a replica have agreed that this server is gone, whatever it says itself.
        if standing != .unknown, let named,
            words.contains(where: { $0.isBeingReplaced && $0.node == named.node && $0.epoch >= named.epoch })
        {
            search(now)
        }
    }

    /// The word that is to be believed from now on; nil when the belief stays as it is.
    private func successor(_ latest: SentinelWord, among words: [SentinelWord], _ now: MonotonicTime) -> SentinelWord? {
        // An election has a majority behind it, so one Sentinel that knows of it is enough.
        if let named, latest.epoch > named.epoch { return latest }
        let agreeing = words.filter { $0.node == latest.node }.count
        let isMajority = agreeing * 2 > sentinels.count
        if let named, named.node != latest.node || named.epoch != latest.epoch {
            // Epochs begin anew when an operator has the Sentinels forget the group; and one that has just started, or
            // was cut off, names a master of long ago.
            return isMajority ? latest : nil
        }
        guard standing == .unknown else { return nil }
        return isMajority || now - searching >= Self.patience ? latest : nil
    }

    /// There is no master until new words name one.
    private mutating func search(_ now: MonotonicTime) {
        standing = .unknown
        searching = now
        hurry(now)
    }

    /// Asks all Sentinels soon.
    private mutating func hurry(_ now: MonotonicTime) {
        for (node, sentinel) in sentinels {
            sentinels[node]?.next = max(now, sentinel.asked + Self.urgentInterval)
        }
    }

    /// Asks those too that a Sentinel names, and no more those that nobody does.
    private mutating func meetOthers(_ now: MonotonicTime) {
        let told = Set(sentinels.values.flatMap { $0.word?.word.others ?? [] })
        for node in sentinels.keys where !told.contains(node) && !configured.contains(node) { sentinels[node] = nil }
        for node in told.sorted(by: { $0.description < $1.description }) where sentinels[node] == nil {
            guard sentinels.count < Self.mostSentinels else { return }
            sentinels[node] = Sentinel(asked: now, next: now)
        }
    }
}
