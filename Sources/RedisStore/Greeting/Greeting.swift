// How a connection begins: who we are, which database, what the server is, and the functions where it lacks them. All
// of it is asked at once but for the functions, and judged in order, so that the first thing that is wrong is the one
// that is told. INFO says what ROLE and CONFIG GET would, and a user needs one right instead of three.

package import RESP

/// The first words on a connection, as a value: replies in, commands out.
package struct Greeting: Sendable {
    package enum Step: Sendable, Equatable {
        /// More replies have to come.
        case wait
        case ask(RESPCommand)
        case ready(ServerFacts)
        case refused(GreetingRefusal)
    }

    private enum Question {
        case password
        case database
        case name
        case info
        case functionsVersion
        case functions
    }

    private let introduction: Introduction
    /// Asked and not answered.
    private var questions: [Question] = []
    private var facts: ServerFacts?

    package init(_ introduction: Introduction) { self.introduction = introduction }

    /// What is asked first.
    package mutating func begin() -> [RESPCommand] {
        var commands: [RESPCommand] = []
        func ask(_ question: Question, _ command: RESPCommand) {
            questions.append(question)
            commands.append(command)
        }
        if let password = introduction.password {
            ask(.password, introduction.user.map { RESPCommand("AUTH", $0, password) } ?? RESPCommand("AUTH", password))
        }
        if introduction.database != 0 { ask(.database, RESPCommand("SELECT", String(introduction.database))) }
        ask(.name, RESPCommand("CLIENT", "SETNAME", introduction.name))
        ask(.info, RESPCommand("INFO"))
        if case .store = introduction.purpose { ask(.functionsVersion, RESPCommand("FCALL", "a8_version", "0")) }
        return commands
    }

    /// A reply has come to the first question that is open.
    package mutating func take(_ reply: RESPValue) -> Step {
        guard !questions.isEmpty else {
            return .refused(GreetingRefusal("the Redis server says something that nobody has asked for"))
        }
        switch questions.removeFirst() {
        case .password, .database: return accepted(reply)
        // A name is for those that look at the server's lists of connections; some servers have none.
        case .name: return .wait
        case .info: return informed(reply)
        case .functionsVersion: return hasLibrary(reply)
        case .functions: return loaded(reply)
        }
    }

    private func accepted(_ reply: RESPValue) -> Step {
        if case .error(let fault) = reply { return .refused(GreetingRefusal(fault)) }
        return .wait
    }

    private mutating func informed(_ reply: RESPValue) -> Step {
        if case .error(let fault) = reply { return .refused(GreetingRefusal(fault)) }
        guard case .bytes(let info) = reply, let facts = ServerFacts(info) else {
            return .refused(GreetingRefusal("what answers there is no Redis server", isLasting: true))
        }
        if let refusal = GreetingRefusal(of: facts, for: introduction.purpose) { return .refused(refusal) }
        self.facts = facts
        return questions.isEmpty ? .ready(facts) : .wait
    }

    private mutating func hasLibrary(_ reply: RESPValue) -> Step {
        guard case .store(let library, _) = introduction.purpose, var facts else { return .wait }
        switch reply {
        case .integer(let version) where version >= library.version:
            facts.functionsVersion = version
            return .ready(facts)
        case .integer: break
        case .error(let fault) where fault.kind == .noFunction: break
        case .error(let fault): return .refused(GreetingRefusal(fault))
        default: return .refused(GreetingRefusal("the server's a8_version is not the registry's", isLasting: true))
        }
        questions.append(.functions)
        return .ask(RESPCommand("FUNCTION", "LOAD", "REPLACE", library.code))
    }

    private func loaded(_ reply: RESPValue) -> Step {
        guard case .store(let library, _) = introduction.purpose, var facts else { return .wait }
        if case .error(let fault) = reply { return .refused(GreetingRefusal(fault)) }
        facts.functionsVersion = library.version
        return .ready(facts)
    }
}
