// A slice as it is kept: one run of bytes. A cluster of a hundred thousand endpoints has five strings for each of them,
// most of which would be an allocation of their own; they are needed again only when the slice's service changes.
//
//   service │ instances │ unusable │ ports: count, (number, kind)… │ targets: count, (status, address, zone, node, host, pod)…

import Catalog
import Text

/// The contents of an `EndpointSlice` but its key. Equal when the slices are.
struct PackedSlice: Sendable, Equatable {
    private let bytes: [UInt8]

    init(_ slice: EndpointSlice) {
        var run: [UInt8] = []
        run.append(optional: slice.service)
        run.append(count: slice.instanceCount)
        run.append(count: slice.unusable)
        run.append(count: slice.ports.count)
        for port in slice.ports {
            run.append(count: Int(port.number))
            run.append(optional: port.kind.rawValue)
        }
        run.append(count: slice.targets.count)
        for target in slice.targets {
            run.append(optional: target.status.token)
            for text in [target.address, target.zone, target.node, target.host, target.pod] {
                run.append(optional: text)
            }
        }
        // Without room to grow, which is not needed: it is kept for long.
        bytes = [UInt8](room: run.count) { $0.append(run.span) }
    }

    /// The service that it belongs to; nil belongs to none.
    var service: String? {
        var reader = Reader(bytes: bytes)
        return reader.text()
    }

    /// How many instances it stands for, and how many ports and endpoints say nothing that can be dialed.
    var counts: (instances: Int, unusable: Int) {
        var reader = Reader(bytes: bytes)
        reader.skipText()
        let instances = reader.number()
        return (instances, reader.number())
    }

    /// What instances are made of.
    var contents: (ports: [EndpointSlice.Port], targets: [EndpointSlice.Target]) {
        var reader = Reader(bytes: bytes)
        reader.skipText()
        _ = (reader.number(), reader.number())
        let ports = (0..<reader.number()).map { _ in
            EndpointSlice.Port(
                number: UInt16(reader.number()), kind: Endpoint.Kind(rawValue: reader.text() ?? "") ?? .tcp)
        }
        let targets = (0..<reader.number()).map { _ in
            let status = InstanceStatus(reader.text() ?? "")
            return EndpointSlice.Target(
                address: reader.text() ?? "", status: status, zone: reader.text(), node: reader.text(),
                host: reader.text(), pod: reader.text())
        }
        return (ports, targets)
    }
}

extension [UInt8] {
    /// Appends text after its length + 1, and 0 for none.
    fileprivate mutating func append(optional text: String?) {
        guard let text else { return append(count: 0) }
        append(count: text.utf8.count + 1)
        append(contentsOf: text.utf8)
    }
}

/// Reads what `PackedSlice` has written, and nothing else.
private struct Reader {
    let bytes: [UInt8]
    private var index = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func number() -> Int {
        let (number, end) = bytes.span.number(at: index)
        index = end
        return number
    }

    mutating func text() -> String? {
        let count = number()
        guard count > 0 else { return nil }
        defer { index += count - 1 }
        return String(decoding: bytes[index..<index + count - 1], as: UTF8.self)
    }

    mutating func skipText() {
        let count = number()
        index += max(count, 1) - 1
    }
}
