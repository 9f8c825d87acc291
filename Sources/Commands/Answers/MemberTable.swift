// The cluster as one member sees it, and above all which member is behind.

/// `GET /api/v1/cluster` for people.
struct MemberTable {
    private let cluster: JSONTree

    init(_ cluster: JSONTree) { self.cluster = cluster }

    /// A sentence on the member that answers, the table of the others, and a sentence on those that are behind.
    var text: String {
        guard cluster["replication"].isTrue else {
            let state = cluster["ready"] == .boolean(false) ? " It is \(unready)." : ""
            guard let store = cluster["store"].string else {
                return TerminalText.escaped("This registry is alone: it has no other members.\(state)") + "\n"
            }
            return TerminalText.escaped(
                "Members of this registry share a store (\(store)): `registry store status` shows them.\(state)") + "\n"
        }
        let members = cluster["members"].elements
        return summary + (members.isEmpty ? "" : table(members)) + conflicts + verdict(members)
    }

    private var summary: String {
        let name = cluster["name"].string ?? cluster["address"].string ?? "a member"
        let address = cluster["address"].string.map { " at \($0)" } ?? ""
        let state =
            cluster["ready"].isTrue ? "ready" : unready
        let size = cluster["size"].integer ?? 1
        let expected = cluster["expected_size"].integer.flatMap { $0 > 0 ? " of \($0)" : nil } ?? ""
        return TerminalText.escaped("Asked \(name)\(address): \(state), \(size)\(expected) members.") + "\n"
    }

    private var unready: String {
        switch cluster["not_ready_because"].string {
        case "operator": "not ready (drained by an operator)"
        case let reason: "not ready (\(reason ?? "no reason is given"))"
        }
    }

    /// What `PUT` or `DELETE /api/v1/cluster/drain` has come to, in a sentence.
    static func drain(_ answer: JSONTree, of server: String) -> String {
        let since = TimeText.short(answer["since"].string).map { " since \($0)" } ?? ""
        let state =
            answer["draining"].isTrue
            ? "is drained\(since): it is not ready for balancers, and answers as before until --lift or its end"
            : "is not drained: balancers may send requests to it"
        return TerminalText.escaped("\(server) \(state).") + "\n"
    }

    private func table(_ members: [JSONTree]) -> String {
        var table = Table([
            .text("MEMBER"), .text("ADDRESS"), .text("LINK"), .text("READY"), .text("BEHIND"), .number("QUEUED"),
            .text("AGREES"), .number("CLOCK"), .text("LAST ERROR"),
        ])
        for member in members {
            table.add([
                member["name"].string, member["address"].string, member["state"].string, Self.readiness(of: member),
                Self.lag(of: member) ?? (member["reads_from_us"] == .null ? nil : "no"),
                member["reads_from_us"]["queued_bytes"].integer.map { "\($0)" }, Self.yesNo(member["digests_agree"]),
                member["clock_offset_ms"].integer.map { "\($0)ms" }, Self.error(of: member),
            ])
        }
        return table.text
    }

    private static func readiness(of member: JSONTree) -> String? {
        member["draining"].isTrue ? "drained" : yesNo(member["ready"])
    }

    private static func yesNo(_ value: JSONTree) -> String? {
        if case .boolean(let isTrue) = value { isTrue ? "yes" : "no" } else { nil }
    }

    /// How far a member is behind the one that answers; nil when it is not, or does not read from it.
    static func lag(of member: JSONTree) -> String? {
        let reads = member["reads_from_us"]
        if reads["overflowed"].isTrue { return "will be sent everything" }
        if reads["copying"].isTrue { return "is being sent everything" }
        guard let changes = reads["lag_changes"].integer, changes > 0 else { return nil }
        let time = reads["lag_ms"].integer.map { ", \(TimeText.span(milliseconds: $0))" } ?? ""
        return "\(changes) \(changes == 1 ? "change" : "changes")\(time)"
    }

    private static func error(of member: JSONTree) -> String? {
        if let refusal = member["refused_because"].string { return "refused: \(refusal)" }
        guard let text = member["last_error"]["text"].string else { return nil }
        return text + (member["last_error"]["age_ms"].integer.map { " (\(TimeText.span(milliseconds: $0)) ago)" } ?? "")
    }

    private var conflicts: String {
        cluster["conflicts"].elements.map { conflict in
            let members = conflict["members"].elements.compactMap(\.string).joined(separator: ", ")
            return TerminalText.escaped(
                "Several members have the \(conflict["kind"].string ?? "name") \(conflict["value"].string ?? ""): \(members)."
            ) + "\n"
        }.joined()
    }

    private func verdict(_ members: [JSONTree]) -> String {
        let behind = members.filter { Self.lag(of: $0) != nil || $0["digests_agree"] == .boolean(false) }
        let apart = members.filter {
            !["streaming", "copying", "original", "ourself", "duplicate"].contains($0["state"].string ?? "")
        }
        var lines = ""
        if !behind.isEmpty { lines += "Behind: \(names(behind)).\n" }
        if !apart.isEmpty { lines += "Not connected: \(names(apart)).\n" }
        if lines.isEmpty, !members.isEmpty { lines = "No member is behind.\n" }
        let drained = members.filter { $0["draining"].isTrue }
        return drained.isEmpty ? lines : lines + "Drained by an operator: \(names(drained)).\n"
    }

    private func names(_ members: [JSONTree]) -> String {
        members.map { TerminalText.escaped($0["name"].string ?? $0["address"].string ?? "?") }.joined(separator: ", ")
    }
}
