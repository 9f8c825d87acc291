// What is being asked of the other members. An id is asked for once at a time: whoever comes while a question is under
// way may know of more than its answers say, and is served by the next one, together with all who came meanwhile.

import Catalog
import Time

/// The questions under way, and the requests that wait for their answers.
struct QuestionLine {
    /// The ids that may be asked for at once, and those who may wait.
    static let idLimit = 1_000
    static let askerLimit = 10_000

    struct Asker {
        let ticket: QuestionTicket
        let deadline: MonotonicTime
    }

    private struct Question {
        let number: UInt64
        var awaited: Set<LinkID>
        /// Whether all who are no longer awaited have answered.
        var isSure = true
        var askers: [Asker]
        /// Those for whom it is asked once more.
        var later: [Asker] = []
    }

    private var questions: [StateKey: Question] = [:]
    private var keys: [UInt64: StateKey] = [:]
    private var lastNumber: UInt64 = 0
    private var askerCount = 0
    /// No asker's deadline is before; nil when there is none.
    private(set) var deadline: MonotonicTime?

    enum Admission {
        /// The id is to be asked for.
        case ask
        /// It is being asked for, and will be once more.
        case later
        /// Too much is asked for already.
        case full
    }

    mutating func admit(_ asker: Asker, about key: StateKey) -> Admission {
        guard askerCount < Self.askerLimit else { return .full }
        guard questions[key] != nil else { return questions.count < Self.idLimit ? .ask : .full }
        questions[key]?.later.append(asker)
        count(asker)
        return .later
    }

    private mutating func count(_ asker: Asker) {
        askerCount += 1
        deadline = min(deadline ?? .distantFuture, asker.deadline)
    }

    /// Returns the number of the question.
    ///
    /// - Parameter isNew: whether the askers were not admitted before.
    mutating func begin(_ key: StateKey, askers: [Asker], isNew: Bool) -> UInt64 {
        lastNumber += 1
        questions[key] = Question(number: lastNumber, awaited: [], askers: askers)
        keys[lastNumber] = key
        if isNew { for asker in askers { count(asker) } }
        return lastNumber
    }

    mutating func await(_ link: LinkID, for number: UInt64) {
        if let key = keys[number] { questions[key]?.awaited.insert(link) }
    }

    /// What a question that is over leaves: whom to answer, and for whom to ask once more.
    struct End {
        let key: StateKey
        let isSure: Bool
        let askers: [Asker]
        let later: [Asker]
    }

    /// This link's member has answered, or will not. Returns the end of the question if it was the last.
    mutating func answered(_ number: UInt64, by link: LinkID, isSure: Bool) -> End? {
        guard let key = keys[number], var question = questions[key], question.awaited.remove(link) != nil else {
            return nil
        }
        question.isSure = question.isSure && isSure
        questions[key] = question
        return question.awaited.isEmpty ? end(key) : nil
    }

    /// Ends a question. With nobody to answer it, nothing is sure.
    mutating func end(_ number: UInt64, isSure: Bool) -> End? {
        guard let key = keys[number] else { return nil }
        questions[key]?.isSure = isSure
        return end(key)
    }

    private mutating func end(_ key: StateKey) -> End? {
        guard let question = questions.removeValue(forKey: key) else { return nil }
        keys[question.number] = nil
        askerCount -= question.askers.count
        if questions.isEmpty, question.later.isEmpty { deadline = nil }
        return End(key: key, isSure: question.isSure, askers: question.askers, later: question.later)
    }

    /// The questions that this link's member was to answer.
    func awaiting(_ link: LinkID) -> [UInt64] {
        questions.values.filter { $0.awaited.contains(link) }.map(\.number).sorted()
    }

    /// Takes out the requests that have waited long enough. A question for which no request waits any more is dropped,
    /// and its answers are ignored.
    mutating func expire(at now: MonotonicTime) -> [QuestionTicket] {
        guard let deadline, deadline <= now else { return [] }
        var expired: [QuestionTicket] = []
        var next: MonotonicTime?
        for (key, var question) in questions {
            for asker in question.askers + question.later {
                if asker.deadline <= now {
                    expired.append(asker.ticket)
                } else {
                    next = min(next ?? .distantFuture, asker.deadline)
                }
            }
            question.askers.removeAll { $0.deadline <= now }
            question.later.removeAll { $0.deadline <= now }
            questions[key] = question
            guard question.askers.isEmpty, question.later.isEmpty else { continue }
            questions[key] = nil
            keys[question.number] = nil
        }
        askerCount -= expired.count
        self.deadline = next
        return expired.sorted { ($0.loop, $0.number) < ($1.loop, $1.number) }
    }
}

#if DEBUG
    extension QuestionLine {
        /// Sentences on what must always hold and does not. For tests, after each step.
        func checkInvariants() -> [String] {
            var broken: [String] = []
            let askers = questions.values.flatMap { $0.askers + $0.later }
            if askers.count != askerCount {
                broken.append("\(askers.count) askers wait, and \(askerCount) are counted")
            }
            if askers.count > Self.askerLimit { broken.append("too many askers wait") }
            if questions.count > Self.idLimit { broken.append("too many ids are asked for") }
            if keys.count != questions.count || keys.contains(where: { questions[$0.value]?.number != $0.key }) {
                broken.append("a question is not found by its number")
            }
            if let first = askers.map(\.deadline).min(), first < deadline ?? .distantFuture {
                broken.append("an asker's deadline is before all deadlines")
            }
            return broken
        }
    }
#endif
