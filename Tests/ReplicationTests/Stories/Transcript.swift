// What the members of a simulated cluster say to one another, in words: the trace of a story, which a reviewer can read
// and compare.

import Catalog
import TestTime
import Time

@testable import Replication

/// Collects the lines of a story.
final class Transcript {
    private(set) var lines: [String] = []
    /// When the present chapter began.
    private var start: MonotonicTime = 0
    /// The links on which an end has proven itself: what it says from then on bears a code.
    private var sealed: Set<LinkID> = []

    private unowned let simulation: Simulation

    init(simulation: Simulation) {
        self.simulation = simulation
    }

    /// Something happens to the cluster.
    func begin(_ chapter: String) {
        if !lines.isEmpty { lines.append("") }
        lines.append("# \(chapter)")
        start = simulation.now
    }

    private func add(_ line: String) {
        // Before the first chapter nothing is told.
        guard !lines.isEmpty else { return }
        let time = "\((simulation.now - start).wholeMilliseconds)"
        lines.append("\(String(repeating: " ", count: max(0, 6 - time.utf8.count)))\(time)  \(line)")
    }

    /// A member does something by itself.
    func does(_ member: SimulatedMember, _ words: String) { add("\(member)        \(words)") }

    /// One member sends bytes to another.
    func says(_ bytes: [UInt8], on link: LinkID, from sender: SimulatedMember, to receiver: SimulatedMember) {
        var start = 0
        while let length = try? FrameCodec.length(of: bytes, at: start, limit: .max) {
            let body = start + FrameCodec.prefix
            let end = body + length - (sealed.contains(link) ? FrameSeal.length : 0)
            guard end <= bytes.count, let frame = try? FrameCodec.decode(bytes, in: body..<end) else {
                return add("\(sender) -> \(receiver)  something that is no frame")
            }
            if case .proof = frame { sealed.insert(link) }
            if let words = words(frame) { add("\(sender) -> \(receiver)  \(words)") }
            start = body + length
        }
    }

    // MARK: - Words

    /// Nil for what is said all the time.
    private func words(_ frame: Frame) -> String? {
        switch frame {
        case .ping, .pong, .root: nil
        case .hello: "hello"
        case .proof: "proof"
        case .goodbye(.leaving): "goodbye: I leave"
        case .goodbye(.refused(let reason)): "goodbye: refused, \(reason)"
        case .goodbye(.other): "goodbye"
        case .question(_, let key): "what do you know of \(name(key.id))?"
        case .answer(_, let states): "answer: \(list(states))"
        case .subscribe: "tell me everything, and then all that changes"
        case .acknowledge(let changes): "acknowledged up to change \(changes)"
        case .relay(let members): members.isEmpty ? "pass nobody on" : "pass on what \(names(members)) says"
        case .askBuckets: "which hashes have your buckets?"
        case .askKeys(let buckets): "which keys are in \(buckets.count) buckets?"
        case .askStates(let keys): "what of \(keys.map { name($0.id) }.sorted().joined(separator: ", "))?"
        case .copyStart(let afterGap): afterGap ? "copy begins, after a gap" : "copy begins"
        case .copy(let states): "copy: \(list(states))"
        case .copyEnd(let summary):
            "copy ends: \(summary.count) \(summary.count == 1 ? "state" : "states")\(summary.isReady ? "" : ", and I am not ready")"
                + (summary.isExtended ? ", and may have dead ones" : "")
        case .changes(let states): "changes: \(list(states))"
        case .relayed(let states): "passed on: \(list(states))"
        case .reaches(let reaches):
            reaches.isEmpty ? "I reach nobody through others" : "through others I reach \(names(reaches.map(\.member)))"
        case .buckets: "hashes of buckets"
        case .keys(let keys, _): "keys: \(keys.map { name($0.id) }.sorted().joined(separator: ", "))"
        case .states(let states): "states: \(list(states))"
        case .notice(.waitedFor): "I wait for you"
        case .notice(.leftOut): "I do not wait for you"
        case .notice(.neverWaits): "I never wait"
        case .unknown(let type): "a frame of type \(type)"
        }
    }

    private func list(_ states: States) -> String {
        let words = states.states.map { state in
            switch state.replica {
            case .present(let instance, _, _): "\(name(instance.id)) is \(instance.status.token)"
            case .absent(let id, _, _, _): "\(name(id)) is gone"
            case .renewed(let id, _, _): "\(name(id)) lives"
            case .service(let name, let override): "\(name.text) is \(override.status?.token ?? "itself")"
            }
        }
        return words.isEmpty ? "nothing" : words.sorted().joined(separator: ", ")
    }

    private func name(_ id: InstanceID) -> String { "#\(id.description.drop { $0 == "0" })" }

    private func names(_ members: [MemberID]) -> String {
        members.map { id in simulation.members.first { $0.id == id }.map { "\($0)" } ?? "\(id)" }.sorted().joined(
            separator: ", ")
    }

    func words(_ ground: ReadinessGround) -> String {
        switch ground {
        case .copied(let address): "answers look-ups: it has copied all from \(name(address))"
        case .startedTogether(let members): "answers look-ups: all \(members) members have started together"
        case .alone: "answers look-ups: it is alone"
        case .timeout(let peersAnswered):
            "answers look-ups: \(peersAnswered ? "nobody answers any more" : "nobody has answered")"
        }
    }

    func words(_ hearing: PeerHearing) -> String {
        switch hearing {
        case .whole(restarts: false): "hears all, or knows who is gone"
        case .whole(restarts: true): "hears enough again; leases begin anew"
        case .unsure: "is not sure who is gone"
        case .cutOff: "is cut off, and keeps what others vouched for"
        }
    }

    func words(_ standing: ClusterStanding) -> String {
        var words = [standing.waits ? "answers changes when others have them" : "answers changes at once"]
        if standing.mayBeUnderWay { words.append("asks others about unknown ids") }
        if standing.behindSince != nil { words.append("may lack what was acknowledged") }
        if standing.isCatchingUp { words.append("calls nothing registered yet") }
        return words.joined(separator: "; ")
    }

    private func name(_ address: PeerAddress) -> String {
        simulation.member(at: address).map { "\($0)" } ?? "\(address)"
    }
}
