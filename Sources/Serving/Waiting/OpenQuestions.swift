// Which call waits for which questions. A call may ask of many ids at once, and goes on when all are answered; it can
// be sure when all of them are.

import Replication

/// The questions of one loop that have no answer yet.
struct OpenQuestions {
    private struct Call {
        var open: Int
        var isSure = true
    }

    private var lastNumber: UInt64 = 0
    /// By the question's number, the ticket of the call that waits. Bounded by what a call may ask and how many may
    /// wait; each is answered once.
    private var tickets: [UInt64: UInt64] = [:]
    private var calls: [UInt64: Call] = [:]

    var isEmpty: Bool { tickets.isEmpty }

    /// Begins to ask for a call.
    mutating func ask(_ keys: [StateKey], for call: UInt64, of loop: Int) -> [(ticket: QuestionTicket, key: StateKey)] {
        calls[call] = Call(open: keys.count)
        return keys.map { key in
            lastNumber += 1
            tickets[lastNumber] = call
            return (QuestionTicket(loop: loop, number: lastNumber), key)
        }
    }

    /// Takes an answer in; returns the call that goes on, when this was the last that it waited for.
    mutating func answer(_ number: UInt64, isSure: Bool) -> (call: UInt64, isSure: Bool)? {
        guard let ticket = tickets.removeValue(forKey: number), var call = calls[ticket] else { return nil }
        call.open -= 1
        call.isSure = call.isSure && isSure
        guard call.open == 0 else {
            calls[ticket] = call
            return nil
        }
        calls[ticket] = nil
        return (ticket, call.isSure)
    }

    /// A call waits no longer.
    mutating func forget(_ call: UInt64) { calls[call] = nil }
}
