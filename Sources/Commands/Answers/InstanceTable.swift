// Instances, and the services that they make up, as tables.

enum InstanceTable {
    /// `GET /api/v1/instances`, with one row an instance. `now` is in nanoseconds since 1970.
    static func text(_ instances: [JSONTree], at now: Int64) -> String {
        var table = Table([
            .text("SERVICE"), .text("ID"), .text("TYPE"), .text("ENDPOINT"), .text("STATUS"), .number("TTL"),
            .number("HEARTBEAT"), .text("TAGS"),
        ])
        for instance in instances {
            table.add([
                instance["service_name"].string, instance["id"].string, instance["endpoint"]["type"].string,
                instance["endpoint"]["value"].string, status(of: instance),
                instance["ttl"].integer.flatMap { $0 > 0 ? "\($0)s" : nil },
                TimeText.age(of: instance["last_heartbeat"].string, at: now),
                instance["tags"].elements.compactMap(\.string).joined(separator: ","),
            ])
        }
        return table.text
    }

    /// What counts, in brackets what the instance itself says where that is something else, and until when a drained one is
    /// there.
    static func status(of instance: JSONTree) -> String? {
        guard var status = instance["status"].string else { return nil }
        if let registered = instance["registered_status"].string { status += "(\(registered))" }
        if let end = instance["drain_until"].string { status += ",until:\(TimeText.short(end) ?? end)" }
        if instance["overdue"].isTrue { status += ",overdue" }
        return status
    }

    /// The services of instances of every status, by name.
    static func services(_ instances: [JSONTree]) -> String {
        var counts: [String: (all: Int, up: Int)] = [:]
        for instance in instances {
            guard let name = instance["service_name"].string else { continue }
            counts[name, default: (0, 0)].all += 1
            if instance["status"].string == "UP" { counts[name, default: (0, 0)].up += 1 }
        }
        var table = Table([.text("SERVICE"), .number("INSTANCES"), .number("UP")])
        for (name, count) in counts.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            table.add([name, "\(count.all)", "\(count.up)"])
        }
        return table.text
    }

    /// One text a line, for scripts.
    static func lines(_ names: [String]) -> String {
        names.map { TerminalText.escaped($0) + "\n" }.joined()
    }
}
