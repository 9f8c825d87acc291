// The events of a watch as lines: a stream has no end at which the widths of columns would be known, so the columns are
// as wide as names mostly are.

import JSON
import Text

enum WatchLine {
    private static let header = line("EVENT", "SERVICE", "ID", "STATUS", "ENDPOINT")

    /// What the lines stand under.
    static var heading: String { header }

    /// One event: a line for each instance of a snapshot, under a line that says how many they are. Empty where the event is
    /// not known.
    static func text(_ event: StreamedEvent) -> String {
        guard let data = try? JSONTree(event.data) else { return "" }
        switch event.name {
        case "snapshot":
            let instances = data["instances"].elements
            return "\(instances.count) \(instances.count == 1 ? "instance" : "instances")\n"
                + instances.map { row("listed", $0) }.joined()
        case "put": return row("put", data)
        case "gone":
            return line(
                data["reason"].string ?? "gone", data["service_name"].string, data["id"].string, nil, nil)
        default: return ""
        }
    }

    /// One JSON object in one line: the event, and its data as they came.
    static func json(_ event: StreamedEvent, id: String?) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(literal: "{\"event\":")
        bytes.appendJSON(string: event.name)
        if let id {
            bytes.append(literal: ",\"id\":")
            bytes.appendJSON(string: id)
        }
        bytes.append(literal: ",\"data\":")
        bytes += event.data
        bytes.append(literal: "}\n")
        return TerminalText.escaped(json: bytes)
    }

    private static func row(_ word: String, _ instance: JSONTree) -> String {
        line(
            word, instance["service_name"].string, instance["id"].string, InstanceTable.status(of: instance),
            instance["endpoint"]["value"].string)
    }

    private static func line(
        _ event: String, _ service: String?, _ id: String?, _ status: String?, _ endpoint: String?
    ) -> String {
        let cells = [(event, 8), (service, 20), (id, 16), (status, 14), (endpoint, 0)].map { cell, width in
            let text = cell.flatMap { $0.isEmpty ? nil : TerminalText.escaped($0) } ?? Table.nothing
            return text + String(repeating: " ", count: max(0, width - text.count))
        }
        var text = cells.joined(separator: "  ")
        while text.last == " " { text.removeLast() }
        return text + "\n"
    }
}
