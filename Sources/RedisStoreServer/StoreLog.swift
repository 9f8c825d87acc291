// What happens between this member and its store as log lines. Each is a change of state and comes once.

import Logging
import RedisStore
import Time

/// Writes what happens with the store. Belongs to the store thread.
struct StoreLog {
    private let logger: Logger
    /// The servers that could not be reached, and why, as last said.
    private var away: [StoreNode: String] = [:]
    /// Those that were ever connected.
    private var greeted: Set<StoreNode> = []

    init(_ logger: Logger) { self.logger = logger }

    mutating func connected(_ node: StoreNode, _ facts: ServerFacts) {
        let isFirst = greeted.insert(node).inserted
        let wasAway = away.removeValue(forKey: node) != nil
        if !isFirst && !wasAway { return }
        logger.info(
            "connected to the store",
            metadata: ["server": "\(node)", "engine": "\(facts.engine) \(facts.release)", "run": "\(facts.runID)"])
        if isFirst, !facts.isAppending {
            logger.warning(
                "the store keeps no append-only file: a master that is restarted empty empties its replicas",
                metadata: ["server": "\(node)"])
        }
    }

    mutating func disconnected(_ node: StoreNode, _ sentence: String, isRefusal: Bool) {
        let isNews = away.updateValue(sentence, forKey: node) != sentence
        logger.log(
            level: isNews ? (isRefusal ? .error : .warning) : .debug, "the store is away",
            metadata: ["server": "\(node)", "reason": "\(sentence)"])
    }

    func doubted(_ sentinel: StoreNode, _ reason: String?) {
        guard let reason else {
            return logger.info("a Sentinel is of use again", metadata: ["sentinel": "\(sentinel)"])
        }
        logger.warning("a Sentinel is of no use", metadata: ["sentinel": "\(sentinel)", "reason": "\(reason)"])
    }

    func write(_ note: StoreNote) {
        switch note {
        case .claimed(let shard):
            logger.info("the store was empty, and is this registry's now", metadata: ["shard": "\(shard.number)"])
        case .scanning(let shard, .first):
            logger.debug("reading the store", metadata: ["shard": "\(shard.number)"])
        case .scanning(let shard, let reason):
            logger.warning(
                "everything of a shard is read again",
                metadata: ["shard": "\(shard.number)", "reason": "\(reason.rawValue)"])
        case .ready(let instances):
            logger.info("the store is read", metadata: ["instances": "\(instances)"])
        case .lostEvents(let shard, let lost, let rewritten):
            logger.warning(
                "the store had lost its last events; what they were about was written again",
                metadata: ["shard": "\(shard.number)", "events": "\(lost)", "states": "\(rewritten)"])
        case .estranged(let shard):
            logger.error(
                "the store was emptied long after this member last followed it: say `registry store reseed` or `registry store accept-empty`",
                metadata: ["shard": "\(shard.number)"])
        case .refused(let shard, let sentence):
            logger.error(
                "the store takes no changes", metadata: ["shard": "\(shard.number)", "reason": "\(sentence)"])
        case .paused(let shard, let sentence):
            logger.notice(
                "a shard is not where it was",
                metadata: ["shard": "\(shard.number)", "reason": "\(sentence)"])
        case .acceptsAgain(let shard):
            logger.info("the store takes changes again", metadata: ["shard": "\(shard.number)"])
        case .unreadable(let shard, let what):
            logger.error(
                "the store has what this release cannot read",
                metadata: ["shard": "\(shard.number)", "what": "\(what)"])
        case .held(let duration):
            logger.notice(
                "no lease runs out for a while", metadata: ["milliseconds": "\(duration.wholeMilliseconds)"])
        }
    }
}
