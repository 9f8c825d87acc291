// The way from one registry to another without a gap: what the one holds is brought to the other, and then, again and
// again, what has changed since, so that clients can be moved one by one while both serve.

import Configuration
import JSON
import Libevent
import Snapshot
import System
import Time

/// What a round of a migration has come to. A pure value.
struct MigrationRound: Equatable {
    /// What the snapshot had, and how much of it was told.
    var states = 0
    var told = 0
    /// What became of that: new, only renewed, refused because its namespace is full, and not understood.
    var taken = 0
    var renewed = 0
    var full = 0
    var unusable = 0

    /// Adds what an answer says.
    mutating func add(_ answer: JSONTree) {
        taken += answer["taken"].integer ?? 0
        renewed += answer["renewed"].integer ?? 0
        full += answer["full"].integer ?? 0
        unusable += answer["unusable"].integer ?? 0
    }

    var line: String {
        var text = "\(states) states read, \(told) told: \(taken) new, \(renewed) renewed"
        if full > 0 { text += ", \(full) refused because their namespaces are full" }
        if unusable > 0 { text += ", \(unusable) not understood" }
        return text + "\n"
    }

    var json: [UInt8] {
        var text: [UInt8] = []
        for (name, count) in [
            ("states", states), ("told", told), ("taken", taken), ("renewed", renewed), ("full", full),
            ("unusable", unusable),
        ] {
            text.append(UInt8(ascii: text.isEmpty ? "{" : ","))
            text.appendJSON(string: name)
            text.append(UInt8(ascii: ":"))
            text.appendJSON(count)
        }
        return text + [UInt8(ascii: "}"), UInt8(ascii: "\n")]
    }
}

/// Brings what one registry holds to another. Belongs to the main thread.
final class MigrationRun {
    /// Between two rounds there is this time at least, and as long as the last one took, in milliseconds.
    private static let pause: Int64 = 1_000
    /// How often a registry may ask to come back later before anything more was told, without `--follow`.
    private static let attempts = 30

    private let source: RegistryClient
    private let target: RegistryClient
    private let isFollowing: Bool
    private var parcels = StateParcels()
    /// What was told since a round was last whole.
    private var sum = MigrationRound()
    private var hasBegun = false

    init(from source: RegistryClient, to target: RegistryClient, isFollowing: Bool) {
        (self.source, self.target, self.isFollowing) = (source, target, isFollowing)
    }

    /// Goes on until it is interrupted, where it follows; else returns what the one round has come to.
    func run(_ show: (MigrationRound) -> Void) throws(CommandFailure) -> MigrationRound {
        var failures = 0
        while true {
            let (began, told) = (MonotonicClock.now(), sum.told)
            do throws(CommandFailure) {
                try tell()
                if sum.told > 0 || !hasBegun { show(sum) }
                guard isFollowing else { return sum }
                (hasBegun, failures, sum) = (true, 0, MigrationRound())
            } catch {
                failures = sum.told > told ? 0 : failures + 1
                guard passes(error, failures) else { throw error }
                StandardStream.error.write("\(error.sentence); going on\n")
            }
            try wait(milliseconds: max(Self.pause, (MonotonicClock.now() - began).wholeMilliseconds))
        }
    }

    /// Whether a failure may pass by itself. What was not told is read again then, so that no lease is told with an old
    /// age.
    private func passes(_ failure: CommandFailure, _ failures: Int) -> Bool {
        isFollowing && hasBegun
            ? [.later, .noAnswer, .refused].contains(failure.status)
            : failure.status == .later && failures < Self.attempts
    }

    /// Reads what the one registry holds, and tells the other one what it does not know of that.
    private func tell() throws(CommandFailure) {
        let snapshot = try source.success(of: RegistryRequest(api: "snapshot"))
        let found: (parcels: [StateParcel], states: Int)
        do throws(SnapshotFault) { found = try parcels.parcels(of: snapshot.body) } catch {
            let sentence = TerminalText.escaped("what \(snapshot.server) answers cannot be used: \(error)")
            throw CommandFailure(status: .noAnswer, sentence: sentence)
        }
        sum.states = found.states
        for parcel in found.parcels {
            sum.add(try target.success(of: .states(parcel.bytes)).tree)
            parcels.delivered(parcel)
            sum.told += parcel.count
        }
    }

    private func wait(milliseconds: Int64) throws(CommandFailure) {
        let loop = target.loop
        let timer: LoopEvent
        do throws(LibeventError) {
            timer = try LoopEvent.timer(on: loop) { onLoop in loop.stop(onLoop) }
        } catch {
            throw CommandFailure(status: .noAnswer, sentence: "no request can be made: \(error)")
        }
        try target.run { _ in timer.schedule(afterMilliseconds: Int(milliseconds)) }
    }
}
