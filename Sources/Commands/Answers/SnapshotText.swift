// A summary of a snapshot for a terminal and for programs.

import JSON
import Snapshot
import Text

extension SnapshotSummary {
    /// A hundred years, in milliseconds: more is shown as that.
    private static let longestSpan: Int64 = 3_155_760_000_000

    private static func time(_ nanoseconds: Int64) -> String {
        var bytes: [UInt8] = []
        GoTime.append(nanoseconds, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// One line on a file that was written.
    func line(_ path: String) -> String {
        TerminalText.escaped(
            "\(path): \(instances) instances, \(tombstones) tombstones, \(overrides) overrides, \(bytes) bytes") + "\n"
    }

    /// What the file is, and a row for each service.
    func table(at now: Int64) -> String {
        var facts = Table([.text("FIELD"), .text("VALUE")])
        let (age, isFar) = now.subtractingReportingOverflow(head.began)
        let ago = isFar || age < 0 ? "in the future" : "\(TimeText.span(nanoseconds: age)) ago"
        facts.add(["written", "\(Self.time(head.began)) (\(ago))"])
        facts.add(["release", head.release])
        facts.add(["member", head.name])
        facts.add(["bytes", "\(bytes)"])
        facts.add(["instances", "\(instances)"])
        facts.add(["tombstones", "\(tombstones)"])
        facts.add(["overrides", "\(overrides)"])
        if let youngest, let oldest {
            let spans = [youngest, oldest].map { TimeText.span(milliseconds: Int(min($0, Self.longestSpan))) }
            facts.add(["heartbeats", "\(spans[0]) to \(spans[1]) before it was written"])
        }
        if unusable > 0 { facts.add(["unusable", "\(unusable)"]) }
        var services = Table([.text("NAMESPACE"), .text("SERVICE"), .number("INSTANCES"), .number("OVERRIDES")])
        for service in self.services {
            services.add([service.namespace, service.name, "\(service.instances)", "\(service.overrides)"])
        }
        return facts.text + "\n" + services.text
    }

    /// The same as one object.
    var json: [UInt8] {
        var body: [UInt8] = []
        body.append(literal: "{\"written\":")
        body.appendJSON(string: Self.time(head.began))
        body.append(literal: ",\"release\":")
        body.appendJSON(string: head.release)
        body.append(literal: ",\"member\":")
        body.appendJSON(string: head.name)
        for (name, value) in [
            ("bytes", bytes), ("instances", instances), ("tombstones", tombstones), ("overrides", overrides),
            ("unusable", unusable), ("youngest_ms", Int(youngest ?? 0)), ("oldest_ms", Int(oldest ?? 0)),
        ] {
            body.append(literal: ",")
            body.appendJSON(string: name)
            body.append(literal: ":")
            body.appendJSON(value)
        }
        body.append(literal: ",\"services\":[")
        for (index, service) in services.enumerated() {
            body.append(literal: index > 0 ? ",{\"namespace\":" : "{\"namespace\":")
            body.appendJSON(string: service.namespace)
            body.append(literal: ",\"service\":")
            body.appendJSON(string: service.name)
            body.append(literal: ",\"instances\":")
            body.appendJSON(service.instances)
            body.append(literal: ",\"overrides\":")
            body.appendJSON(service.overrides)
            body.append(literal: "}")
        }
        body.append(literal: "]}")
        return body
    }
}
