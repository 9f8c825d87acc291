// How answers leave a connection, and how the client's end is taken.
//
//   fast path   answerFast ─► the end of the turn: written at once ─► reading
//   and kept    answerKept ─► written at once ─► reading
//                                  └─ the socket took a part: libevent writes the rest, nothing is read ─► reading
//   evhttp      answerByEvhttp ─► evhttp writes it, and the fast path's before it ─► evhttpWrote ─► reading
//   a stream    beginStream ─► libevent writes what is sent ─► endStream ─► as the rest of the fast path's, or closed

extension ConnectionMachine {
    /// A request of the fast path is answered: its bytes are to be put into the output. Nil when nobody waits for them
    /// any more.
    package mutating func answerFast() -> ConnectionDirectives? {
        var answers: FastAnswers
        switch state {
        case .asking(.fast, let given), .waiting(.fast, let given): answers = given
        default: return nil
        }
        answers.count += 1
        answers.announcesEnd = isDraining
        state = .answering(answers)
        // Those before it are written at the end of this turn already.
        return answers.count == 1 ? .writeAtEndOfTurn : []
    }

    /// Whether a reply of the fast path is kept, and no answer before it is still to be written.
    package var isOnlyReplyKept: Bool {
        if case .waiting(.fast, let answers) = state { answers.count == 0 } else { false }
    }

    /// The only reply that is kept was given: the socket has taken the answer, but for `left` bytes in the output.
    package mutating func answerKept(left: Int) -> ConnectionDirectives {
        guard case .waiting(.fast, var answers) = state, answers.count == 0 else { return [] }
        answers.count = 1
        answers.announcesEnd = isDraining
        state = .answering(answers)
        return writeAnswers { left }
    }

    /// A request of evhttp's is answered: evhttp is to be given the answer when what this returns has been done. Nil
    /// when the connection has gone, and has left the request to its holder.
    package mutating func answerByEvhttp() -> ConnectionDirectives? {
        switch state {
        case .asking(.evhttp, let answers):
            state = .writing(before: answers.count)
            return []
        case .waiting(.evhttp, let answers):
            state = .writing(before: answers.count)
            return .returnCallbacks
        default: return nil
        }
    }

    /// evhttp has written its answer, and is about to turn to the next request, or to close.
    package mutating func evhttpWrote(input: Int, bound: Int) -> ConnectionDirectives {
        guard case .writing(let before) = state else { return [] }
        answersWritten += before + 1
        state = .reading
        var directives = refuseIfCaughtUp()
        guard isServing else { return directives }
        if hasClientEnded { directives.formUnion(owe(.clientEnd)) }
        if isSecure {
            // evhttp will turn reading on for its next request, which has come already.
            if isFull(input, bound) { directives.formUnion(owe(.lessReading)) }
        } else if readsLess, parser.completeRequests == 0 {
            readsLess = false
            directives.insert(.boundInput)
        }
        return directives
    }

    // MARK: - Writing on the fast path

    /// The turn ends in which the fast path has answered: `write` writes what the socket takes, and returns how much is
    /// left in the output. After the fast path's answers evhttp may have put one of its own, or a stream may have
    /// begun: then libevent writes them all.
    package mutating func writeAnswers(_ write: () -> Int) -> ConnectionDirectives {
        switch state {
        case .answering(var answers) where answers.way != .rest:
            if write() == 0 { return finish(answers) }
            answers.way = .rest
            state = .answering(answers)
        case .waiting(let path, var answers) where answers.count > 0 && answers.way != .rest:
            if write() == 0 {
                count(&answers)
                state = .waiting(path, answers)
                return []
            }
            answers.way = .rest
            state = .waiting(path, answers)
        default: return []
        }
        return [.takeCallbacks, .stopReading, .startWriting]
    }

    /// libevent has written something, to the connection's own callback, and `waiting` bytes are left. A report may be
    /// late, and more have been queued since.
    package mutating func written(waiting: Int) -> ConnectionDirectives {
        guard waiting == 0 else { return [] }
        switch state {
        case .answering(let answers) where answers.way == .rest: return [.stopWriting, finish(answers)]
        case .waiting(let path, var answers) where answers.way == .rest:
            count(&answers)
            state = .waiting(path, answers)
            return hasClientEnded ? .stopWriting : [.stopWriting, .startReading]
        case .streaming(let body, var answers):
            let wasRest = answers.way == .rest
            count(&answers)
            answersWritten += 1
            state = .streaming(body, answers)
            return wasRest && !hasClientEnded ? .startReading : []
        case .finishing: return .close
        case .refusing(let refused):
            state = .lingering(refused)
            return hasClientEnded ? .close : .endSending
        default: return []
        }
    }

    /// The answers before the one that is awaited have left.
    private mutating func count(_ answers: inout FastAnswers) {
        answersWritten += answers.count
        answers.count = 0
        answers.way = .held
    }

    /// All answers of the fast path have left, and none is awaited.
    private mutating func finish(_ answers: FastAnswers) -> ConnectionDirectives {
        answersWritten += answers.count
        state = .reading
        let wasHeld = answers.way != .open
        var directives: ConnectionDirectives = wasHeld ? .returnCallbacks : []
        directives.formUnion(refuseIfCaughtUp())
        guard isServing else { return directives }
        if isDraining, answers.announcesEnd { return [directives, .close] }
        // Leaves what came after to evhttp. After most kept replies nothing has come, and reading was never off.
        let isAll = answers.way == .held && !isSecure && !hasClientEnded && parser.isIdle
        if wasHeld, !isAll { directives.formUnion([.startReading, owe(.anotherLook)]) }
        if hasClientEnded { directives.formUnion(owe(.clientEnd)) }
        // A client without this answer may have begun another request: that one will be.
        if isDraining, parser.isIdle { directives.insert(.closeIfIdle) }
        return directives
    }

    // MARK: - Streams

    /// The awaited answer is a head, whose body is sent piece by piece from now on. Returns the number by which its
    /// sender knows it; nil when nobody waits for it any more.
    package mutating func beginStream() -> (number: Int, path: AnswerPath, ConnectionDirectives)? {
        var directives: ConnectionDirectives = .startWriting
        let path: AnswerPath
        var answers: FastAnswers
        switch state {
        case .asking(let from, let given):
            (path, answers) = (from, given)
            answers.way = .held
            directives.insert(.takeCallbacks)
            if !hasClientEnded { directives.insert(.startReading) }
        case .waiting(let from, let given): (path, answers) = (from, given)
        default: return nil
        }
        streams += 1
        state = .streaming(StreamedBody(number: streams, path: path), answers)
        // Its end was reported before: no event will report it.
        if hasClientEnded { directives.formUnion(owe(.streamEnd)) }
        return (streams, path, directives)
    }

    /// Whether this streamed answer goes on.
    package func isStreaming(_ number: Int) -> Bool {
        if case .streaming(let body, _) = state { body.number == number } else { false }
    }

    /// The sender of this streamed answer has ended it, and its last bytes are in the output. The connection serves on
    /// after the fast path's; evhttp cannot know that its request was answered, so after evhttp's the connection ends.
    package mutating func endStream(_ number: Int) -> ConnectionDirectives {
        guard case .streaming(let body, var answers) = state, body.number == number else { return [] }
        switch body.path {
        case .fast:
            answers.count += 1
            answers.way = .rest
            answers.announcesEnd = isDraining
            state = .answering(answers)
            return [.stopReading, .startWriting]
        case .evhttp:
            state = .finishing(.evhttp)
            return owe(.streamEnd)
        }
    }

    // MARK: - The client's end

    /// The end of the client's sending was reported to the connection's own callbacks.
    package mutating func clientEnded() -> ConnectionDirectives {
        hasClientEnded = true
        switch state {
        case .lingering: return .close
        case .streaming: return isSecure ? [.startWriting, owe(.streamEnd)] : owe(.streamEnd)
        // Over TLS libevent stops writing too.
        case .finishing, .refusing: return isSecure ? .startWriting : []
        case .answering(let answers), .waiting(_, let answers):
            return isSecure && answers.way == .rest ? .startWriting : []
        default: return []
        }
    }

    /// The end of the client's sending was reported to the callbacks of `delayEnd`.
    package mutating func clientEndSeen() -> ConnectionDirectives { owe(.clientEnd) }

    /// The connection is closed when all requests that came whole before the client's end are answered.
    mutating func lookForEnd() -> ConnectionDirectives {
        guard isServing else { return [] }
        hasClientEnded = true
        if case .reading = state, parser.completeRequests == 0 { return .close }
        return []
    }

    /// A streamed answer ends with its client's sending: a client that follows a stream has nothing more to send, and
    /// one that has gone looks the same until it is written to. Answers before it are still written.
    mutating func endFinishedStream(waiting: Int) -> ConnectionDirectives {
        switch state {
        case .streaming(let body, let answers):
            guard answers.count > 0, waiting > 0 else { return .close }
            state = .finishing(body.path)
            return .startWriting
        case .finishing: return waiting == 0 ? .close : []
        default: return []
        }
    }
}
