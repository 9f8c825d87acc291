// Events as a watcher reads them (docs/watch.md, W201–W210): server-sent events whose data is JSON in one line. An
// instance has no `last_heartbeat` there, which changes without an event, and for the same reason no `overdue`.

import Catalog
import HTTP
import JSON
import Serving
import Text

extension Format {
    // The numbers of formats are a process's.
    static let watched = Format(number: 8, contentType: .json, isTagged: false, separator: ",") { WatchedWriter() }
}

extension ListedResource {
    /// The key is the query as sent, without `since`.
    static let watched = ListedResource(.watched, number: 0)
}

/// Writes instances as events have them.
struct WatchedWriter: InstanceWriter {
    private var writer = InstanceRendering(fields: InstanceFields.all.subtracting(.lastHeartbeat), links: nil)

    mutating func append(_ leased: LeasedInstance, to body: inout [UInt8]) {
        let start = body.count
        writer.append(
            LeasedInstance(
                instance: leased.instance, lastHeartbeat: leased.lastHeartbeat,
                registeredStatus: leased.registeredStatus, drainEnd: leased.drainEnd,
                hasServiceOverride: leased.hasServiceOverride),
            to: &body)
        // Metadata is shown as it was sent, and white space between its parts may be a line's end, which would end the
        // data. Within a JSON string there is none.
        for index in start..<body.count where body[index] == 0x0A || body[index] == 0x0D { body[index] = 0x20 }
    }
}

/// The id of an event: up to where a client knows of what happened. It holds for one filter of one namespace alone.
///
/// `RUN.INDEX.STATE`, each in hexadecimal. The index counts within one run of one member; the state is the digest of
/// what is registered, which is the same on every member and after a restart.
struct EventID: Equatable {
    let run: UInt64
    let index: UInt64
    let state: UInt64

    /// - Parameters:
    ///   - scope: stands for the filter and its namespace.
    ///   - epoch: stands for this run of this member.
    init(scope: UInt64, epoch: UInt64, index: UInt64, digest: UInt64) {
        run = StableHash.mixed(epoch &+ scope)
        self.index = index
        state = StableHash.mixed(digest &+ scope)
    }

    /// Reads an id; nil for anything else.
    init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let run = UInt64(lowercaseHexadecimal: Array(parts[0])[...]),
            let index = UInt64(lowercaseHexadecimal: Array(parts[1])[...]),
            let state = UInt64(lowercaseHexadecimal: Array(parts[2])[...])
        else { return nil }
        (self.run, self.index, self.state) = (run, index, state)
    }

    var text: String {
        [run, index, state].map { String($0, radix: 16) }.joined(separator: ".")
    }
}

/// The events of one piece of a stream, as bytes.
struct EventWriter {
    private(set) var bytes: [UInt8] = []
    /// Where the last event begins.
    private var last: Int?

    /// Appends an event whose data `write` appends: in one line.
    mutating func append(_ name: StaticString, _ write: (inout [UInt8]) -> Void) {
        last = bytes.count
        bytes.append(literal: "event: ")
        bytes.append(literal: name)
        bytes.append(literal: "\ndata: ")
        write(&bytes)
        bytes.append(literal: "\n\n")
    }

    mutating func appendGone(_ id: InstanceID, _ service: Name, _ reason: StaticString) {
        append("gone") { body in
            body.append(literal: "{\"id\":")
            body.appendJSON(string: id.utf8)
            body.append(literal: ",\"service_name\":")
            body.appendJSON(string: service.text)
            body.append(literal: ",\"reason\":\"")
            body.append(literal: reason)
            body.append(literal: "\"}")
        }
    }

    /// Gives the last event this id: who has seen it has seen all before it. Nothing where there is no event.
    mutating func identify(_ id: EventID) {
        guard let last else { return }
        bytes.insert(contentsOf: Array("id: \(id.text)\n".utf8), at: last)
    }
}
