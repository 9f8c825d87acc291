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
        var writer = Writer()
        writer.put(slice.service)
        writer.put(slice.instanceCount)
        writer.put(slice.unusable)
        writer.put(slice.ports.count)
        for port in slice.ports {
            writer.put(Int(port.number))
            writer.put(port.kind.rawValue)
        }
        writer.put(slice.targets.count)
        for target in slice.targets {
            writer.put(target.status.token)
            for text in [target.address, target.zone, target.node, target.host, target.pod] { writer.put(text) }
        }
        // Without room to grow, which is not needed: it is kept for long.
        bytes = [UInt8](room: writer.bytes.count) { $0.append(writer.bytes.span) }
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

/// Numbers in groups of seven bits, the lowest first; texts behind their length + 1, 0 being none.
private struct Writer {
    private(set) var bytes: [UInt8] = []

    mutating func put(_ number: Int) {
        var rest = UInt64(number)
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func put(_ text: String?) {
        guard let text else { return put(0) }
        put(text.utf8.count + 1)
        bytes.append(contentsOf: text.utf8)
    }
}

/// Reads what `Writer` has written, and nothing else.
private struct Reader {
    let bytes: [UInt8]
    private var index = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func number() -> Int {
        var (number, shift): (UInt64, UInt64) = (0, 0)
        while bytes[index] >= 0x80 {
            number |= UInt64(bytes[index] & 0x7F) << shift
            shift += 7
            index += 1
        }
        number |= UInt64(bytes[index]) << shift
        index += 1
        return Int(number)
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
