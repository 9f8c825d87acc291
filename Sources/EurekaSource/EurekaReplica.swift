// What another Eureka has, answer by answer. It is told what was answered and at which time, and says what is to be asked
// next and what has changed; it asks nothing itself and knows no clock.
//
//   full list ──► current ──every 30 s: what has changed──► hash codes agree? ──yes──► current
//      ▲                                                          │ no
//      │                                                          ▼
//      └──────────the next one disagrees too────────────────── doubtful      (an answer may be 30 s old: one is normal)
//
// A server that does not answer is followed by the next of the URLs, at once, and that one is asked for everything; after
// the last of them comes a pause. All the while what was read last is shown.

import Catalog
import Time

struct EurekaReplica {
    /// The time between two questions.
    static let standardPeriod: Duration = .seconds(30)
    /// The pause after no server has answered: this, twice that, and so on.
    static let shortestPause: Duration = .seconds(1)

    /// What is asked of a server.
    enum Question: Sendable, Equatable {
        case everything
        case changes
    }

    private let serverCount: Int
    private let period: Duration
    /// Which of the URLs is asked.
    private(set) var server = 0
    /// What is asked next, and when.
    private(set) var question = Question.everything
    private(set) var next: MonotonicTime
    /// How many servers in a row have not answered.
    private var failures = 0
    /// Of the pause that came last; 0 after an answer.
    private var pause = Duration.zero
    private var isDoubtful = false
    private var services: [Name: [EurekaKey: LeasedInstance]] = [:]
    /// Of every instance, those included that cannot be shown.
    private var statuses: [EurekaKey: (status: String, service: Name?)] = [:]
    private var tally: [String: Int] = [:]

    /// - Parameter period: the time between two questions.
    init(servers: Int, period: Duration = standardPeriod, at now: MonotonicTime) {
        serverCount = servers
        self.period = period
        next = now
    }

    // MARK: - Answers

    /// Takes the answer to `question` in. Returns the services that it is about, each as it is now.
    mutating func take(_ listing: EurekaListing, at now: MonotonicTime) -> [Name: [LeasedInstance]] {
        (failures, pause) = (0, .zero)
        let asked = question
        var touched: Set<Name> = []
        if asked == .everything {
            touched.formUnion(services.keys)
            (services, statuses, tally) = ([:], [:], [:])
        }
        for entry in listing.entries { take(entry, &touched) }
        let agrees = listing.hashCode.map { $0 == hashCode } ?? true
        switch (asked, agrees) {
        case (_, true), (.everything, _):
            // A full list is the truth, whatever it says of itself.
            isDoubtful = false
            (question, next) = (.changes, now + period)
        case (.changes, false) where isDoubtful: (question, next) = (.everything, now)
        case (.changes, false):
            isDoubtful = true
            (question, next) = (.changes, now + period)
        }
        return touched.reduce(into: [:]) { $0[$1] = services[$1].map { Array($0.values) } ?? [] }
    }

    private mutating func take(_ entry: EurekaListing.Entry, _ touched: inout Set<Name>) {
        let service = entry.leased?.instance.serviceName
        if let old = statuses[entry.key] {
            // Servers tell of a change for minutes.
            if !entry.isDeleted, old.status == entry.status, old.service == service, isKnown(entry) { return }
            statuses[entry.key] = nil
            tally[old.status, default: 0] -= 1
            if let service = old.service {
                touched.insert(service)
                services[service]?[entry.key] = nil
                if services[service]?.isEmpty ?? false { services[service] = nil }
            }
        }
        guard !entry.isDeleted else { return }
        statuses[entry.key] = (entry.status, service)
        tally[entry.status, default: 0] += 1
        if let service, let leased = entry.leased {
            touched.insert(service)
            services[service, default: [:]][entry.key] = leased
        }
    }

    private func isKnown(_ entry: EurekaListing.Entry) -> Bool {
        guard let leased = entry.leased else { return true }
        let known = services[leased.instance.serviceName]?[entry.key]
        return known?.instance == leased.instance && known?.lastHeartbeat == leased.lastHeartbeat
    }

    /// As servers write it: the statuses in alphabetical order, each with its number.
    var hashCode: String {
        tally.filter { $0.value > 0 }.sorted { $0.key < $1.key }.map { "\($0.key)_\($0.value)_" }.joined()
    }

    /// Everything that is shown.
    var content: [Name: [LeasedInstance]] { services.mapValues { Array($0.values) } }

    /// How many instances there are, those included that cannot be shown.
    var count: Int { statuses.count }

    // MARK: - Failures

    /// The server has not answered, or not so that it is of use. Returns whether there is no other to be asked at once.
    ///
    /// - Parameter isOfChanges: whether it answers, but has no list of changes: then it is asked for everything.
    mutating func fail(hasNoChanges: Bool = false, at now: MonotonicTime) -> Bool {
        if hasNoChanges, question == .changes {
            (question, next) = (.everything, now)
            return false
        }
        failures += 1
        // Another server's changes are of another history.
        question = .everything
        isDoubtful = false
        server = (server + 1) % serverCount
        guard failures >= serverCount else {
            next = now
            return false
        }
        failures = 0
        pause = min(max(pause * 2, Self.shortestPause), Self.standardPeriod)
        next = now + pause
        return true
    }

    /// All has to be read again, since what was shown is shown no more.
    mutating func forget() { question = .everything }
}
